"""Whether the data look like the population they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray, IntArray, level_text
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.intervals import holm
from apps.engine.measures.drift import Sides, each_column
from apps.engine.measures.drift_bins import Cut, Rule, Sample, cells, levels_of
from apps.engine.numeric import Ints
from apps.engine.resample import generator
from apps.engine.values import Measured
from apps.engine.weighed import Weighed

DRAWS = 1000


def representativeness(
    *,
    columns: Columns,
    reference_columns: Columns | None = None,
    features: Columns | None = None,
    protected: Columns | None = None,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    seed: int = 0,
    over: Sequence[str] | None = None,
    expected: Mapping[str, Mapping[str, float]] | None = None,
    bins: Rule = "quantile",
    bins_wanted: int = 10,
    adjust: str = "none",
    confidence: float = 0.95,
) -> Measured:
    """The largest total variation distance of a column from the population that the data stand for.

    ``½ Σ |a_k - e_k|`` over levels, or over bins cut from the reference for numbers; in [0, 1], lower is
    better: the share of rows that would have to be others. The population is `expected` where it names the
    column, otherwise the reference data set. Missing is a level where there is any.

    Parameters
    ----------
    weight, reference_weight : float arrays, optional
        Weights of the rows; shares are then those of the weight.
    count, reference_count : int arrays, optional
        How many equal rows each row stands for.
    over : list of str, optional
        Columns compared; by default those of `expected`, or else the protected attributes and features.
    expected : mapping, optional
        From column to level to share; the shares of a column must sum to 1.
    bins : {"quantile", "width", "unique"} or list of float
        The bin rule for numbers, or the inner edges themselves.
    bins_wanted : int
        Bins wanted for numbers.
    adjust : {"none", "holm"}
        Whether the chi-square p-values of the columns are adjusted.

    Returns
    -------
    Measured
        The table ``columns`` has distance, interval, the distance expected by chance alone, and the
        chi-square test; ``levels`` the shares of the worst column.

    References
    ----------
    Gibbs, Su (2002), On choosing and bounding probability metrics, International Statistical Review 70.

    Examples
    --------
    >>> table = Columns.of(sex=["F"] * 30 + ["M"] * 70)
    >>> found = representativeness(columns=table, expected={"sex": {"F": 0.5, "M": 0.5}})
    >>> round(found.value, 12)
    0.2
    """
    given = expected or {}
    sides = Sides(
        now=columns,
        then=columns if reference_columns is None else reference_columns,
        weight=weight,
        reference_weight=weight if reference_columns is None else reference_weight,
        count=count,
        reference_count=count if reference_columns is None else reference_count,
    )
    names = _over(sides, reference_columns, [*(protected or ()), *(features or ())], over, given)
    shapes = _shapes(sides, names, given, Cut(bins, bins_wanted))
    named = list(zip(names, shapes, strict=True))
    rows = each_column(partial(_row, seed=seed, confidence=confidence), named, columns.rows)
    p_values = [row["p_value"] for row in rows]
    adjusted = holm(p_values) if adjust == "holm" else p_values
    rows = [{**row, "p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)]
    worst = max(rows, key=lambda row: float(row["distance"]))
    weighted = "; with weights of Kish's effective sizes" if shapes[0].weighted else ""
    return Measured(
        value=worst["distance"],
        n=sides.rows()[0],
        interval=(max(row["low"] for row in rows), max(row["high"] for row in rows)),
        confidence=confidence,
        method=(
            "total variation of shares; bootstrap of the counts, percentiles moved by the bias" + weighted
        ),
        parameters={"worst": worst["column"], "columns_compared": len(rows)},
        tables={"columns": rows, "levels": _levels(shapes[names.index(worst["column"])])},
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """A column's levels or bins: rows and share of each, and the population's share.

    `n` and `size` are the rows that the shares rest on (effective ones with weights); `size` is None where
    the population's shares are known.
    """

    labels: Sequence[str]
    rows: Ints
    share: FloatArray
    n: float
    expected: FloatArray
    size: float | None
    weighted: bool


def _over(
    sides: Sides,
    reference: Columns | None,
    usual: Sequence[str],
    over: Sequence[str] | None,
    expected: Mapping[str, Any],
) -> list[str]:
    if not sides.rows()[0]:
        raise Unmeasurable("There are no rows.", status="insufficient")
    names = list(dict.fromkeys(over or expected or usual))
    if not names:
        raise Unmeasurable("There is no column to compare.", status="insufficient")
    compared = [name for name in names if name not in expected]
    if compared and (reference is None or not sides.rows()[1]):
        raise Unmeasurable(
            "There is no population to compare with: no reference data with rows, and no expected shares.",
            status="insufficient",
        )
    for name in names:
        if name in compared and reference is not None and name not in reference:
            raise NoSuchColumn(f'One of the data sets has no column "{name}".')
        if name not in sides.now:
            raise NoSuchColumn(f'The data have no column "{name}".')
    return names


def _shapes(sides: Sides, names: Sequence[str], expected: Mapping[str, Any], cut: Cut) -> list[Shape]:
    compared = [name for name in names if name not in expected]
    pairs = dict(zip(compared, sides.samples(compared), strict=True))
    alone = [name for name in names if name in expected]
    samples = dict(zip(alone, sides.current(alone), strict=True))
    return [
        _against(pairs[name], cut) if name in pairs else _declared(name, samples[name], expected[name])
        for name in names
    ]


def _against(pair: tuple[Sample, Sample], cut: Cut) -> Shape:
    """A column beside the reference's."""
    held = cells(*pair, cut)
    then, now = held.shares(None)
    sizes = held.sizes or (int(held.expected.sum()), int(held.actual.sum()))
    return Shape(held.names, held.actual, now, sizes[1], then, sizes[0], held.masses is not None)


def _declared(name: str, sample: Sample, given: Mapping[str, float]) -> Shape:
    """A column beside the shares that were declared."""
    if not isinstance(given, Mapping):
        raise BadInput(f'The expected shares of "{name}" must be a mapping from levels to shares.')
    shares = {level_text(level): share for level, share in given.items()}
    good = all(isinstance(s, (int, float)) and not isinstance(s, bool) and s >= 0 for s in shares.values())
    if not good or abs(math.fsum(shares.values()) - 1) > 1e-6:
        raise BadInput(f'The expected shares of "{name}" must be numbers of at least 0 that sum to 1.')
    held = levels_of(sample)
    labels = sorted({*held, *shares})
    rows = np.array([held.get(label, (0, 0.0))[0] for label in labels], dtype=np.int64)
    mass = np.array([held.get(label, (0, 0.0))[1] for label in labels])
    weighted = isinstance(sample, Weighed)
    if weighted and not mass.any():
        raise Unmeasurable("All weights are zero.", status="insufficient")
    share = mass / mass.sum() if weighted else rows / rows.sum()
    n = sample.whole_size if isinstance(sample, Weighed) else float(rows.sum())
    known = np.array([float(shares.get(label, 0.0)) for label in labels])
    return Shape(labels, rows, share, n, known, None, weighted)


def _row(named: tuple[str, Shape], *, seed: int, confidence: float) -> dict[str, Any]:
    """Distance, interval, what chance alone would give, and the chi-square test."""
    name, shape = named
    value = float(np.abs(shape.share - shape.expected).sum() / 2)
    source = generator(seed)
    drawn = _drawn(source, shape.n, shape.share)
    then = shape.expected if shape.size is None else _drawn(source, shape.size, shape.expected)
    found = np.abs(drawn - then).sum(axis=1) / 2
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail], method="linear") - (float(found.mean()) - value)
    return {
        "column": name,
        "distance": value,
        "low": min(1.0, max(0.0, float(low))),
        "high": min(1.0, max(0.0, float(high))),
        "by_chance": _by_chance(shape),
        **_chi_square(shape),
    }


def _drawn(source: np.random.Generator, size: float, share: FloatArray) -> FloatArray:
    rows = max(1, round(size))
    found: FloatArray = source.multinomial(rows, share, DRAWS) / rows
    return found


def _by_chance(shape: Shape) -> float:
    """The distance to expect without any difference: ½ Σ √(2 v_k / π), v_k the variance of a gap."""
    n, size = shape.n, shape.size
    pooled = shape.expected if size is None else (shape.share * n + shape.expected * size) / (n + size)
    variance = pooled * (1 - pooled) * (1 / n + (0 if size is None else 1 / size))
    return min(1.0, float(np.sqrt(2 * np.maximum(variance, 0) / math.pi).sum() / 2))


def _chi_square(shape: Shape) -> dict[str, Any]:
    """Pearson's statistic: goodness of fit to known shares, homogeneity against a sample."""
    from scipy.special import chdtrc

    actual = shape.share * shape.n if shape.weighted else shape.rows
    shares, n = shape.expected, shape.n
    if shape.size is None:
        kept = shares > 0
        if (actual[~kept] > 0).any():
            return {"statistic": None, "df": int(kept.sum()) - 1, "p_value": 0.0}
        statistic = float(((actual - n * shares)[kept] ** 2 / (n * shares[kept])).sum())
    else:
        then = shares * shape.size if shape.weighted else np.rint(shares * shape.size)
        pooled = (actual + then) / (n + shape.size)
        kept = pooled > 0
        parts = (actual - n * pooled) ** 2 / n + (then - shape.size * pooled) ** 2 / shape.size
        statistic = float((parts[kept] / pooled[kept]).sum())
    df = int(kept.sum()) - 1
    return {"statistic": statistic, "df": df, "p_value": float(chdtrc(df, statistic)) if df else 1.0}


def _levels(shape: Shape) -> list[dict[str, Any]]:
    return [
        {"level": label, "n": int(rows), "share": float(share), "expected_share": float(expected)}
        for label, rows, share, expected in zip(
            shape.labels, shape.rows, shape.share, shape.expected, strict=True
        )
    ]
