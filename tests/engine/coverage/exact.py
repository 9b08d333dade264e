"""Coverage of intervals that follow from counts, added up exactly: no simulation, no error of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from apps.engine.intervals import clopper_pearson, jeffreys, katz_log, newcombe, wilson

Ends = tuple[float | None, float | None]
Binomial = tuple[int, float]
NEGLIGIBLE = 1e-7
SHARES: tuple[Binomial, ...] = (
    (30, 0.05), (30, 0.5), (100, 0.02), (100, 0.2), (300, 0.01), (1000, 0.01), (1000, 0.3),
)  # fmt: skip
PAIRS: tuple[tuple[Binomial, Binomial], ...] = (
    ((30, 0.5), (30, 0.5)),
    ((30, 0.1), (100, 0.2)),
    ((40, 0.2), (200, 0.4)),
    ((30, 0.05), (300, 0.1)),
    ((100, 0.4), (100, 0.5)),
    ((300, 0.3), (400, 0.4)),
)


@dataclass(frozen=True, slots=True)
class Exact:
    """A method in one situation, and how often it holds the truth."""

    method: str
    situation: str
    coverage: float


def _likely(n: int, p: float) -> list[tuple[int, float]]:
    """The counts that are not negligible, with their probabilities."""
    counts = np.arange(n + 1)
    mass = binom.pmf(counts, n, p)
    return [(int(k), float(m)) for k, m in zip(counts, mass, strict=True) if m > NEGLIGIBLE]


def _holds(ends: Ends, truth: float) -> bool:
    low, high = ends
    return (low is None or low <= truth) and (high is None or truth <= high)


def of_share(method: Callable[[int, int], Ends], n: int, p: float) -> float:
    """Σ over counts of their probability where the interval of the count holds p."""
    return sum(mass for k, mass in _likely(n, p) if _holds(method(k, n), p))


def of_pair(
    method: Callable[[int, int, int, int], Ends], first: Binomial, second: Binomial, truth: float
) -> float:
    """The same over the counts of two groups."""
    (n, p), (m, q) = first, second
    others = _likely(m, q)
    return sum(
        one * two
        for a, one in _likely(n, p)
        for b, two in others
        if one * two > NEGLIGIBLE**1.5 and _holds(method(a, n, b, m), truth)
    )


def exact() -> Iterator[Exact]:
    """Every closed method in every situation."""
    of_one = {"Wilson": wilson, "Clopper-Pearson": clopper_pearson, "Jeffreys": jeffreys}
    for name, one in of_one.items():
        for n, p in SHARES:
            yield Exact(name, f"a share of {p:g}, n = {n:,}", of_share(one, n, p))
    for (n, p), (m, q) in PAIRS:
        where = f"{p:g} of {n:,} against {q:g} of {m:,}"
        yield Exact("Newcombe, of a difference", where, of_pair(newcombe, (n, p), (m, q), p - q))
        yield Exact("Katz, of a ratio", where, of_pair(katz_log, (n, p), (m, q), p / q))
