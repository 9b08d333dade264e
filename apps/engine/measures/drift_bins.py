"""Two samples of a column over the same bins: shares, the stability index, chi-square."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.numeric import Ints
from apps.engine.tally import Tally
from apps.engine.weighed import Weighed

RULES = ("quantile", "width", "unique", "edges")
MOST_BINS = 10_000
Rule = str | Sequence[float]
Sample = Tally | Weighed
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """A bin rule: its name or the inner edges themselves, and how many bins are wanted."""

    bins: Rule = "quantile"
    wanted: int = 10
    edges: Sequence[float] | None = None

    def given(self) -> FloatArray | None:
        """The inner edges where they are given; refuses what does not ascend."""
        if isinstance(self.bins, str) and self.bins != "edges":
            if self.bins not in RULES:
                raise BadInput(
                    f"bins must be one of {', '.join(RULES)}, or a list of edges, not {self.bins}."
                )
            return None
        if self.edges is None and isinstance(self.bins, str):
            raise BadInput("bins: edges needs the argument edges: a list of ascending numbers.")
        found = np.asarray(self.edges if isinstance(self.bins, str) else self.bins, dtype=np.float64)
        if found.ndim != 1 or not len(found) or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
            raise BadInput("The edges of bins must be a list of ascending, different numbers.")
        return found


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of two samples over the same bins; with weights also the weight of each bin and the sizes."""

    names: Sequence[str]
    expected: Ints
    actual: Ints
    edges: FloatArray
    masses: tuple[FloatArray, FloatArray] | None = None
    sizes: tuple[float, float] | None = None

    def shares(self, floor: float | None) -> tuple[FloatArray, FloatArray]:
        """Shares of the reference and of the current sample, each at least the floor."""
        held = (self.expected, self.actual) if self.masses is None else self.masses
        parts = [counts / counts.sum() for counts in held]
        e, a = parts if floor is None else (np.maximum(part, floor) for part in parts)
        return e, a


def cells(now: Sample, then: Sample, cut: Cut) -> Cells:
    """Two samples of a column over the same bins: cut from the reference, or its levels; missing last.

    Raises
    ------
    Unmeasurable
        Undefined: the rule makes more than 10,000 bins. Insufficient: the weights of a sample are all 0.

    Examples
    --------
    >>> old, new = (Tally("x", "number", np.array(v)) for v in ([1.0, 2.0, 2.0, 3.0], [1.0, 3.0]))
    >>> found = cells(new, old, Cut("unique"))
    >>> found.names, found.expected.tolist(), found.actual.tolist()
    (['<= 1', '1 to 2', '> 2'], [1, 2, 1], [1, 0, 1])
    """
    new, old = counted(now), counted(then)
    if new.kind == "number" == old.kind:
        edges = inner_edges(then, cut)
        names, parts = named(edges), [_between(sample, edges) for sample in (then, now)]
        if new.missing or old.missing:
            names = [*names, MISSING]
            parts = [[*part, _blank(sample)] for part, sample in zip(parts, (then, now), strict=True)]
    else:
        edges = np.zeros(0)
        names, parts = _levels(now, then)
    expected, actual = ([rows for rows, _ in part] for part in parts)
    counts = np.array(expected, dtype=np.int64), np.array(actual, dtype=np.int64)
    if isinstance(now, Tally) or isinstance(then, Tally):
        return Cells(names, *counts, edges)
    masses = [np.array([mass for _, mass in part]) for part in parts]
    if not (masses[0].any() and masses[1].any()):
        raise Unmeasurable("All weights of a data set are zero here.", status="insufficient")
    return Cells(names, *counts, edges, (masses[0], masses[1]), (then.whole_size, now.whole_size))


def inner_edges(then: Sample, cut: Cut) -> FloatArray:
    """Inner edges of bins, ascending and different, from the reference.

    ``quantile``: the smallest values up to which at least a share j / wanted of the rows (or weight) lies.
    ``width``: equal steps from the smallest to the largest. ``unique``: every value but the last.
    """
    given, held = cut.given(), counted(then)
    if given is not None:
        return _few(given)
    if not held.n:
        return np.zeros(0)
    if cut.bins == "unique":
        return _few(held.runs()[0][:-1])
    ends = held.ranked(np.unique([0, held.n - 1]))
    low, high = float(ends[0]), float(ends[-1])
    if cut.bins == "width":
        return _steps(low, high, cut.wanted)
    steps = np.arange(1, cut.wanted)
    if isinstance(then, Weighed):
        upto = then.up_to()
        places = np.searchsorted(upto * cut.wanted, steps * upto[-1], side="left")
        found = held.ordered[places]
    else:
        found = held.ranked(-(-steps * held.n // cut.wanted) - 1)
    inner = np.unique(found)
    return inner[inner < high]


def _steps(low: float, high: float, wanted: int) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.unique(low + (high - low) * np.arange(1, wanted) / wanted)
    if not np.isfinite(found).all():
        raise Unmeasurable(f"The values run from {low:g} to {high:g}: bins of equal width have no edges.")
    return found


def _few(edges: FloatArray) -> FloatArray:
    if len(edges) >= MOST_BINS:
        raise Unmeasurable(f"The bin rule makes {len(edges) + 1:,} bins; at most {MOST_BINS:,} are compared.")
    return edges


def named(inner: FloatArray) -> list[str]:
    """The bins between inner edges, in words.

    Examples
    --------
    >>> named(np.array([0.5]))
    ['<= 0.5', '> 0.5']
    """
    ends = [f"{edge:.6g}" for edge in inner.tolist()]
    if not ends:
        return ["all"]
    return [f"<= {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"> {ends[-1]}"]


def counted(sample: Sample) -> Tally:
    """The rows of a sample, without weights."""
    return sample if isinstance(sample, Tally) else sample.tally


def _blank(sample: Sample) -> tuple[int, float]:
    if isinstance(sample, Tally):
        return sample.missing, 0.0
    return sample.tally.missing, sample.blank


def _between(sample: Sample, edges: FloatArray) -> list[tuple[int, float]]:
    """Rows and weight of each bin."""
    held = counted(sample)
    rows = np.diff(np.concatenate(([0], held.below(edges), [held.n]))).tolist()
    if isinstance(sample, Tally):
        return [(count, 0.0) for count in rows]
    starts = np.searchsorted(held.ordered, edges, side="right")
    mass = [math.fsum(part.tolist()) for part in np.split(sample.mass, starts)]
    return list(zip(rows, mass, strict=True))


def _levels(now: Sample, then: Sample) -> tuple[list[str], list[list[tuple[int, float]]]]:
    """Rows and weight over the levels of either sample, in the order of their text."""
    held = [levels_of(sample) for sample in (then, now)]
    names = sorted({*held[0], *held[1]})
    return names, [[part.get(name, (0, 0.0)) for name in names] for part in held]


def levels_of(sample: Sample) -> dict[str, tuple[int, float]]:
    """Rows and weight of each level; numbers by their text."""
    if isinstance(sample, Tally):
        return {level: (rows, 0.0) for level, rows in sample.by_level().items()}
    held = sample.tally
    if held.kind == "number":
        raise Unmeasurable(f'column "{held.name}" holds numbers, whose levels are not weighed.')
    return {
        level: (rows, mass)
        for level, rows, mass in zip(held.levels, held.rows_of(), sample.mass.tolist(), strict=True)
    }


def index(held: Cells, floor: float | None) -> tuple[float, list[Row]]:
    """The population stability index of two samples over the same bins, and a row a bin.

    Raises
    ------
    Unmeasurable
        Undefined: a bin is empty and there is no floor.

    Examples
    --------
    >>> two = np.array([50, 50])
    >>> index(Cells(("a", "b"), two, two, np.zeros(0)), None)[0]
    0.0
    """
    if floor is not None and not 0 < floor < 1:
        raise BadInput(f"The floor must lie between 0 and 1, not {floor:g}.")
    e, a = held.shares(floor)
    empty = [held.names[k] for k in np.flatnonzero((e == 0) != (a == 0)).tolist()]
    if empty:
        raise Unmeasurable(
            f"{len(empty)} of {len(e)} bins are empty in one data set ({', '.join(empty[:5])}), so the PSI "
            "is infinite; declare a floor, or fewer bins."
        )
    rows = [
        {
            "bin": held.names[k],
            "reference_n": int(held.expected[k]),
            "n": int(held.actual[k]),
            "reference_share": share_then,
            "share": share_now,
            "part": (share_now - share_then) * math.log(share_now / share_then)
            if share_then and share_now
            else 0.0,
        }
        for k, (share_then, share_now) in enumerate(zip(e.tolist(), a.tolist(), strict=True))
    ]
    return math.fsum(row["part"] for row in rows), rows


def chi_square(held: Cells) -> Row:
    """Cramér's V, Pearson's statistic without correction, its p-value and expected counts below 5."""
    from scipy.special import chdtrc

    expected, actual = held.expected, held.actual
    n, m = int(expected.sum()), int(actual.sum())
    held_by_any = expected + actual > 0
    expected, actual = expected[held_by_any], actual[held_by_any]
    pooled = (expected + actual) / (n + m)
    parts = [(expected - n * pooled) ** 2 / (n * pooled), (actual - m * pooled) ** 2 / (m * pooled)]
    statistic, df = math.fsum(np.concatenate(parts).tolist()), len(pooled) - 1
    return {
        "cramers_v": math.sqrt(statistic / (n + m)),
        "statistic": statistic,
        "df": df,
        "p_value": float(chdtrc(df, statistic)) if df else 1.0,
        "expected_below_5": int((n * pooled < 5).sum() + (m * pooled < 5).sum()),
    }
