"""How far a column moved between two data sets: shares of bins, and one merge of its sorted values.

The checks of the family `stability` and `compare` rest on the same functions, and on tallies that the tables
keep, so that asking for all of them sorts a column once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from apps.engine import kernels
from apps.engine.columns import ArrayColumn, Column, Columns, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.drift_bins import Cut, Rule, Sample, cells, chi_square, counted, index
from apps.engine.numeric import weights_or_none
from apps.engine.resources import current, each, using
from apps.engine.tally import Tally, tallies, tally
from apps.engine.weighed import Weighed, weighed

BLOCK = 4096
_FEW, _LONG, _MANY = 20_000, 1 << 15, 1 << 21
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Moved:
    """What one merge of a numeric column's two samples gives.

    Parameters
    ----------
    gap : Fraction or float
        The largest distance of the cumulative shares; exact without weights.
    at : float
        The smallest value where it is reached.
    distance : float
        The area between the cumulative shares: Wasserstein-1, in the column's unit; infinite where it
        overflows.
    """

    gap: Fraction | float
    at: float
    distance: float


def moved(now: Sample, then: Sample) -> Moved:
    """The largest distance and the area between two samples' cumulative shares; infinite values left out.

    Raises
    ------
    Unmeasurable
        Undefined: a sample has no finite value.

    Examples
    --------
    >>> old, new = (Tally("x", "number", np.array(v)) for v in ([0.0, 2.0], [1.0, 3.0]))
    >>> moved(new, old)
    Moved(gap=Fraction(1, 2), at=0.0, distance=1.0)
    """
    if isinstance(now, Weighed) and isinstance(then, Weighed):
        return _weighed_moved(now, then)
    new, old = counted(now), counted(then)
    known, found = new.__dict__.get("_moved", (None, None))
    if known is old and isinstance(found, Moved):
        return found
    made = _counted_moved(_finite(new), _finite(old))
    new.__dict__["_moved"] = (old, made)
    return made


def _finite(sample: Tally) -> Tally:
    found = sample.finite()
    if not found.n:
        raise Unmeasurable("it has no value in one of the data sets.")
    return found


def _counted_moved(new: Tally, old: Tally) -> Moved:
    n, m = new.n, old.n
    plain = new.counts is None and old.counts is None
    if plain and n * m < 1 << 62 and kernels.worth(n + m):
        from apps.engine.kernels.drift import merge_samples

        sums = np.zeros((n + m) // BLOCK + 1)
        best, at = merge_samples(new.ordered, old.ordered, sums)
    else:
        best, at, sums = _merged(new, old)
    return Moved(Fraction(int(best), n * m), float(at), _total(sums) / (n * m))


def _merged(new: Tally, old: Tally) -> tuple[int, float, FloatArray]:
    """The twin of the kernel `merge_samples`: the same operations on the same numbers."""
    values = np.unique(np.concatenate((new.runs()[0], old.runs()[0])))
    i, j = (sample.below(values) for sample in (new, old))
    if new.n * old.n < 1 << 62:
        gaps = np.abs(i * old.n - j * new.n)
        place = int(np.argmax(gaps))
        return int(gaps[place]), float(values[place]), block_sums(_areas(gaps, values))
    exact = [abs(a * old.n - b * new.n) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
    place = max(range(len(exact)), key=exact.__getitem__)
    return exact[place], float(values[place]), block_sums(_areas(np.array(exact, float), values))


def block_sums(terms: FloatArray) -> FloatArray:
    """Sums of each `BLOCK` terms, one after the other: the twin of the kernels' running sums.

    Examples
    --------
    >>> block_sums(np.ones(5000)).tolist()
    [4096.0, 904.0]
    """
    padded = np.zeros((len(terms) // BLOCK + 1) * BLOCK)
    padded[: len(terms)] = terms
    with np.errstate(over="ignore", invalid="ignore"):
        found: FloatArray = np.cumsum(padded.reshape(-1, BLOCK), axis=1)[:, -1]
    return found


def _weighed_moved(now: Weighed, then: Weighed) -> Moved:
    known = [_finite_mass(sample) for sample in (now, then)]
    values = np.unique(np.concatenate([held for held, _ in known]))
    shares = []
    for held, mass in known:
        upto = np.concatenate((np.zeros(1), np.cumsum(mass)))
        shares.append(upto[np.searchsorted(held, values, side="right")] / upto[-1])
    gaps = np.abs(shares[0] - shares[1])
    place = int(np.argmax(gaps))
    return Moved(float(gaps[place]), float(values[place]), _total(block_sums(_areas(gaps, values))))


def _finite_mass(sample: Weighed) -> tuple[FloatArray, FloatArray]:
    finite = np.isfinite(sample.tally.ordered)
    values, mass = sample.tally.ordered[finite], sample.mass[finite]
    if not mass.any():
        raise Unmeasurable("it has no value with a weight in one of the data sets.")
    return values, mass


def _areas(gaps: FloatArray | IntArray, values: FloatArray) -> FloatArray:
    """Each distance of the curves times the way to the next value."""
    with np.errstate(over="ignore", invalid="ignore"):
        found: FloatArray = gaps[:-1] * np.diff(values)
    return found


def _total(sums: FloatArray) -> float:
    """The sum; infinite where floating point cannot hold it."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.fsum(sums.tolist()) if math.isfinite(float(sums.sum())) else math.inf


def spread_of(sample: Sample) -> float:
    """The standard deviation of a sample's finite values, divisor n - 1; infinite where it overflows.

    With weights that are whole numbers n is their sum; other weights are scaled to sum to the rows.
    """
    if isinstance(sample, Weighed):
        return _weighed_spread(sample)
    held = _finite(sample)
    if held.n < 2:
        return 0.0
    mean = _summed(held, 0.0, 1) / held.n
    return math.sqrt(_summed(held, mean, 2) / (held.n - 1))


def _summed(held: Tally, centre: float, power: int) -> float:
    if held.counts is None and kernels.worth(len(held.ordered)):
        from apps.engine.kernels.drift import run_sums

        sums = np.zeros(len(held.ordered) // BLOCK + 1)
        run_sums(held.ordered, centre, power, sums)
    else:
        values, counts = held.runs()
        with np.errstate(over="ignore", invalid="ignore"):
            away = values - centre
            sums = block_sums(counts * (away * away if power == 2 else away))
    return _total(sums)


def _weighed_spread(sample: Weighed) -> float:
    values, mass = _finite_mass(sample)
    total = math.fsum(mass.tolist())
    n = total if sample.whole else float(_finite(sample.tally).n)
    if n < 2:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean = _total(mass * values) / total
        square = _total(mass * (values - mean) ** 2)
    return math.sqrt(square / total * n / (n - 1))


@lru_cache(1 << 14)
def ks_p_value(gap: float, n: float, m: float) -> float:
    """The two-sided p-value of a KS distance of samples of n and m rows.

    Exact up to 20,000 effective rows, n m / (n + m); above it the Kolmogorov limit with Stephens' correction.

    Examples
    --------
    >>> ks_p_value(0.0, 10, 10), round(ks_p_value(0.01, 50_000, 50_000), 4)
    (1.0, 0.0134)
    """
    effective = n * m / (n + m)
    if effective <= _FEW:
        from scipy.stats import kstwo

        return float(kstwo.sf(gap, max(1, round(effective))))
    from scipy.special import kolmogorov

    root = math.sqrt(effective)
    return float(kolmogorov(gap * (root + 0.12 + 0.11 / root)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Two tables with the counts and the weights of their rows."""

    now: Columns
    then: Columns
    count: IntArray | None = None
    reference_count: IntArray | None = None
    weight: FloatArray | None = None
    reference_weight: FloatArray | None = None

    def samples(self, names: Sequence[str]) -> list[tuple[Sample, Sample]]:
        """Each column of both tables; weighed where the rows of either differ in weight."""
        new, old = weights_or_none(self.weight), weights_or_none(self.reference_weight)
        if new is None and old is None:
            first, second = (
                tallies(table, names, count)
                for table, count in ((self.now, self.count), (self.then, self.reference_count))
            )
            return [(first[name], second[name]) for name in names]
        return [
            (
                _weighed(self.now[name], new, self.count, self.now.rows),
                _weighed(self.then[name], old, self.reference_count, self.then.rows),
            )
            for name in names
        ]

    def current(self, names: Sequence[str]) -> list[Sample]:
        """Each column of the current table alone; weighed where its rows differ in weight."""
        weight = weights_or_none(self.weight)
        if weight is None:
            held = tallies(self.now, names, self.count)
            return [held[name] for name in names]
        return [_weighed(self.now[name], weight, self.count, self.now.rows) for name in names]

    def rows(self) -> tuple[int, int]:
        """How many rows both tables stand for."""
        return _rows(self.now, self.count), _rows(self.then, self.reference_count)


def shed(*samples: Sample) -> None:
    """Let go what only the figures of these samples needed."""
    for sample in samples:
        counted(sample).shed()


def each_column(work: Callable[[T], R], items: Sequence[T], rows: int) -> list[R]:
    """``[work(item) for item in items]``, on threads where the columns are long enough for them.

    Many columns that are each too short for compiled loops are together worth the loading of them.
    """
    if rows < _LONG:
        return [work(item) for item in items]
    with using(compiled="always" if kernels.worth(rows * len(items), enough=_MANY) else current().compiled):
        return each(work, items)


def _rows(table: Columns, count: IntArray | None) -> int:
    return table.rows if count is None else int(count.sum())


def _weighed(column: Column | Tally, weight: FloatArray | None, count: IntArray | None, rows: int) -> Weighed:
    return weighed(column, np.ones(rows) if weight is None else weight, count)


def scores(
    name: str, score: FloatArray, weight: FloatArray | None, count: IntArray | None, *, weighted: bool
) -> Sample:
    """A score as a sample; weighed where the rows of either data set differ in weight."""
    column = ArrayColumn(name, score)
    return _weighed(column, weight, count, len(score)) if weighted else tally(column, count)


def compare(
    reference: Columns,
    columns: Columns,
    *,
    bins: Rule = "quantile",
    bins_wanted: int = 10,
    floor: float | None = 1e-4,
) -> list[Mapping[str, Any]]:
    """Every figure of drift for every column that both tables have, in the order of `columns`.

    Returns
    -------
    list of mapping
        Numbers: ``psi``, ``ks``, ``p_value``, ``wasserstein`` (in standard deviations of the reference, None
        where it has none), ``distance``, ``reference_sd``. Other columns: ``psi``, ``cramers_v``,
        ``statistic``, ``df``, ``p_value``. All with ``column`` and ``kind``.

    Examples
    --------
    >>> old, new = Columns.of(x=[0.0, 1.0], s=["a", "b"]), Columns.of(x=[1.0, 2.0], s=["a", "a"])
    >>> [(row["column"], row["kind"]) for row in compare(old, new)]
    [('x', 'number'), ('s', 'category')]
    """
    names = [name for name in columns if name in reference]
    cut = Cut(bins, bins_wanted)
    pairs = Sides(now=columns, then=reference).samples(names)
    return each_column(lambda pair: _figures(*pair, cut, floor), pairs, columns.rows)


def _figures(now: Sample, then: Sample, cut: Cut, floor: float | None) -> Mapping[str, Any]:
    new, old = counted(now), counted(then)
    if not (new.kind == "number" == old.kind):
        held = cells(now, then, cut)
        return {"column": new.name, "kind": new.kind, "psi": index(held, floor)[0], **chi_square(held)}
    found, spread = moved(now, then), spread_of(then)
    row = {
        "column": new.name,
        "kind": new.kind,
        "psi": index(cells(now, then, cut), floor)[0],
        "ks": float(found.gap),
        "p_value": ks_p_value(float(found.gap), new.n, old.n),
        "wasserstein": found.distance / spread if spread and math.isfinite(spread) else None,
        "distance": found.distance,
        "reference_sd": spread,
    }
    shed(now, then)
    return row
