"""What is simulated: a method, a known truth, samples, and how often the interval holds the truth.

Every figure of docs/coverage.md comes from here:
``python -m tests.engine.coverage.methods SAMPLES``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import Columns
from apps.engine.intervals import clopper_pearson, jeffreys, katz_log, newcombe, wilson
from apps.engine.measures.fairness.selection import selection_rate_ratio
from apps.engine.measures.performance import auc, ks
from apps.engine.measures.stability import psi
from apps.engine.resample import percentile_interval

NOMINAL = 0.95
Pair = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Case:
    """A method in one situation; `draw` makes a sample's interval, or None where there is none."""

    method: str
    situation: str
    truth: float
    draw: Callable[[np.random.Generator], Pair | None]

    def covered(self, samples: int, seed: int) -> tuple[float, float]:
        """The share of intervals that hold the truth, and the share of samples with an interval."""
        source = np.random.default_rng(seed)
        found = [self.draw(source) for _ in range(samples)]
        made = [pair for pair in found if pair is not None]
        held = sum(_holds(pair, self.truth) for pair in made)
        return held / max(1, len(made)), len(made) / samples


def _holds(pair: Pair, truth: float) -> bool:
    low, high = pair
    return (low is None or low <= truth) and (high is None or truth <= high)


def _shares() -> list[Case]:
    methods = {"Wilson": wilson, "Clopper-Pearson": clopper_pearson, "Jeffreys": jeffreys}
    return [
        Case(name, f"n = {n}, p = {p}", p, lambda s, n=n, p=p, f=f: f(int(s.binomial(n, p)), n))
        for name, f in methods.items()
        for n, p in ((30, 0.05), (30, 0.5), (100, 0.02), (100, 0.2), (1000, 0.01))
    ]


def _pairs() -> list[Case]:
    cases = []
    for n, p, m, q in ((30, 0.5, 30, 0.5), (40, 0.2, 200, 0.4), (30, 0.05, 300, 0.1), (500, 0.3, 800, 0.4)):
        situation = f"{p} of {n} against {q} of {m}"

        def counts(
            s: np.random.Generator, n: int = n, p: float = p, m: int = m, q: float = q
        ) -> tuple[int, ...]:
            return int(s.binomial(n, p)), n, int(s.binomial(m, q)), m

        cases.append(Case("Newcombe", situation, p - q, lambda s, c=counts: newcombe(*c(s))))
        cases.append(Case("Katz log", situation, p / q, lambda s, c=counts: katz_log(*c(s))))
        cases.append(Case("bootstrap of a ratio", situation, p / q, lambda s, c=counts: _ratio(c(s))))
    return cases


def _ratio(counts: tuple[int, ...]) -> Pair | None:
    a, n, b, m = counts
    cells = np.array([[n - a, a], [m - b, b]])

    def statistic(drawn: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = drawn[..., 1] / drawn.sum(axis=-1)
            return rate[:, 0] / rate[:, 1]

    return percentile_interval(cells, statistic, seed=a * m + b, draws=400)


def _normal_scores(source: np.random.Generator, n: int, share: float, gap: float) -> dict[str, np.ndarray]:
    label = np.zeros(n, dtype=bool)
    label[: max(2, round(n * share))] = True
    return {"score": source.normal(size=n) + gap * label, "label": label}


def _ranked() -> list[Case]:
    cases = []
    for n, share, gap in ((60, 0.3, 1.0), (400, 0.2, 1.0), (400, 0.05, 2.0), (1000, 0.3, 3.0)):
        area = 0.5 * math.erfc(-gap / 2)
        few = "logit DeLong" if n * share < 50 or area > 0.95 else "DeLong"
        situation = f"n = {n}, {share:.0%} positive, AUC {area:.3f}"
        peak = math.erf(gap / 2 / math.sqrt(2))
        cases.append(
            Case(
                few,
                situation,
                area,
                lambda s, a=(n, share, gap): auc(**_normal_scores(s, *a)).interval,
            )
        )
        cases.append(
            Case(
                "band of KS",
                f"n = {n}, {share:.0%} positive, KS {peak:.3f}",
                peak,
                lambda s, a=(n, share, gap): ks(**_normal_scores(s, *a)).interval,
            )
        )
    return cases


def _shifts() -> list[Case]:
    cases = []
    for n, shift in ((300, 0.0), (300, 0.3), (3000, 0.0), (3000, 0.3)):
        edges = [-1.0, -0.3, 0.3, 1.0]
        truth = _psi_of_normals(edges, shift)

        def draw(
            s: np.random.Generator, n: int = n, shift: float = shift, edges: list[float] = edges
        ) -> Pair | None:
            found = psi(
                score=s.normal(size=n) + shift,
                reference_score=s.normal(size=n),
                bins="edges",
                edges=edges,
                seed=1,
            )
            return found.interval

        cases.append(Case("bootstrap of PSI", f"n = {n} each, PSI {truth:.3f}", truth, draw))
    return cases


def _psi_of_normals(edges: list[float], shift: float) -> float:
    def shares(moved: float) -> np.ndarray:
        below = [0.5 * math.erfc(-(e - moved) / math.sqrt(2)) for e in edges]
        return np.diff([0.0, *below, 1.0])

    e, a = shares(0.0), shares(shift)
    return float(((a - e) * np.log(a / e)).sum())


def _groups() -> list[Case]:
    def draw(source: np.random.Generator) -> Pair | None:
        chosen = np.concatenate([source.random(n) < p for n, p in ((200, 0.5), (100, 0.4), (60, 0.4))])
        group = np.repeat(["a", "b", "c"], [200, 100, 60])
        return selection_rate_ratio(selected=chosen, protected=Columns.of(g=group.tolist())).interval

    return [Case("lowest of two ratios (Katz log)", "0.4 of 100 and of 60 against 0.5 of 200", 0.8, draw)]


def cases() -> list[Case]:
    """Every method in every situation."""
    return [*_shares(), *_pairs(), *_ranked(), *_shifts(), *_groups()]


def table(samples: int, seed: int = 20) -> str:
    """The rows of the table as Markdown."""
    rows = []
    for case in cases():
        share, made = case.covered(samples, seed)
        off = abs(share - NOMINAL) > 0.015
        mark = "wide" if off and share > NOMINAL else "narrow" if off else ""
        some = "" if made == 1 else f" ({made:.1%} of samples have one)"
        rows.append(f"| {case.method} | {case.situation} | {share:.1%}{some} | {mark} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(int(sys.argv[1])))
