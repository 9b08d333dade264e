"""Losses: log loss of probabilities, errors of numbers, and decisions changed by people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Coded, Columns, FloatArray
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.intervals import Pair, normal, proportion
from apps.engine.measures.means import Mean, effective_size, mean_of
from apps.engine.numeric import (
    Ints,
    counts_or_none,
    finite_scores,
    from_near,
    how_many,
    near_one,
    probabilities,
    same_length,
    share,
    stable_sum,
    total_of,
    weights_or_none,
)
from apps.engine.values import Measured

_TRUE = frozenset(("1", "true", "yes"))
_FALSE = frozenset(("0", "false", "no"))


def log_loss(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    clip: float = 0.0,
    confidence: float = 0.95,
) -> Measured:
    """The mean of ``-ln`` of the probability given to what came true; in [0, inf), lower is better.

    Parameters
    ----------
    clip : float
        Probabilities are kept within [clip, 1 - clip]; 0 keeps them as they are.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is no probability, or probability 0 given to what came true.

    References
    ----------
    Good (1952), Journal of the Royal Statistical Society B 14, 107-114.

    Examples
    --------
    >>> log_loss(score=np.array([0.5, 0.5]), label=np.array([True, False])).value == math.log(2)
    True
    """
    same_length(score=score, label=label, weight=weight)
    times = counts_or_none(count, len(label))
    values = np.clip(probabilities(score, count=times), clip, 1 - clip)
    given = np.where(label, values, 1 - values)
    impossible, n = how_many(given == 0, times), total_of(times, len(values))
    if impossible:
        raise Unmeasurable(
            f"Probability 0 was given to what came true in {impossible:,} of {n:,} rows: the loss is "
            "infinite; clip keeps probabilities off 0 and 1."
        )
    weights = weights_or_none(weight, times)
    found = mean_of(-np.log(given), weights, times)
    return Measured(
        value=found.value,
        n=n,
        interval=_from_zero(found.interval(confidence)),
        confidence=confidence,
        method="mean; normal on its standard error",
        parameters={"weighted": weights is not None},
        notes=_one_class(how_many(label, times), n),
    )


def _one_class(positives: int, n: int) -> tuple[str, ...]:
    if 0 < positives < n:
        return ()
    return (f"All {n:,} labels are {'positive' if positives else 'negative'}.",)


def _from_zero(ends: Pair | None) -> Pair | None:
    return None if ends is None else (max(0.0, ends[0]), ends[1])


def mae(
    *,
    score: FloatArray,
    target: FloatArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The mean absolute error ``Σ |s - t| / n``; in [0, inf), lower is better, in the target's unit.

    Examples
    --------
    >>> mae(score=np.array([1.0, 2.0]), target=np.array([2.0, 4.0])).value
    1.5
    """
    errors = _Errors.of(score, target, weight, count)
    found = errors.mean(np.abs(errors.values))
    ends = _from_zero(found.interval(confidence))
    return Measured(
        value=errors.grown(found.value),
        n=errors.n,
        interval=None if ends is None else (errors.grown(ends[0]), errors.grown(ends[1])),
        confidence=confidence,
        method="mean; normal on its standard error",
        parameters={"weighted": errors.weight is not None},
    )


def rmse(
    *,
    score: FloatArray,
    target: FloatArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The root of the mean squared error; in [0, inf), lower is better, in the target's unit.

    The interval is that of the mean squared error, its ends under the root.

    Examples
    --------
    >>> rmse(score=np.array([1.0, 2.0]), target=np.array([2.0, 1.0])).value
    1.0
    """
    errors = _Errors.of(score, target, weight, count)
    found = errors.mean(errors.values * errors.values)
    ends = _from_zero(found.interval(confidence))
    roots = None if ends is None else [errors.grown(math.sqrt(end)) for end in ends]
    return Measured(
        value=errors.grown(math.sqrt(found.value)),
        n=errors.n,
        interval=None if roots is None else (roots[0], roots[1]),
        confidence=confidence,
        method="root of the mean squared error; normal on its standard error",
    )


def r2(
    *,
    score: FloatArray,
    target: FloatArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The share of variance explained, ``1 - Σ (t - s)² / Σ (t - mean t)²``; in (-inf, 1], higher is better.

    The interval is normal on the linearised ratio of the two sums.

    Raises
    ------
    Unmeasurable
        Undefined: all targets equal.

    Examples
    --------
    >>> r2(score=np.array([1.0, 2.0, 3.0]), target=np.array([1.0, 2.0, 3.0])).value
    1.0
    """
    errors = _Errors.of(score, target, weight, count)
    w = np.ones(len(errors.values)) if errors.weight is None else errors.weight
    aims, times = errors.aims, errors.count
    if aims[w > 0].min() == aims[w > 0].max():
        raise Unmeasurable(f"All {errors.n:,} targets are equal: there is no variance to explain.")
    squares = errors.values**2
    centred = (aims - stable_sum(w * aims, times) / stable_sum(w, times)) ** 2
    total = stable_sum(w * centred, times)
    if not total:
        raise Unmeasurable(f"The {errors.n:,} targets hardly differ: there is no variance to explain.")
    value = 1 - stable_sum(w * squares, times) / total
    influence = w * (squares - (1 - value) * centred)
    low, high = normal(value, math.sqrt(stable_sum(influence**2, times)) / total, confidence)
    return Measured(
        value=value,
        n=errors.n,
        interval=(low, min(1.0, high)),
        confidence=confidence,
        method="sums of squares; normal on the linearised ratio",
    )


@dataclass(frozen=True, slots=True)
class _Errors:
    """Targets and errors over ``2**power``: as they are, unless their squares would leave the floats."""

    aims: FloatArray
    values: FloatArray
    power: int
    weight: FloatArray | None
    count: Ints | None

    @classmethod
    def of(
        cls, score: FloatArray, target: FloatArray, weight: FloatArray | None, count: Ints | None
    ) -> _Errors:
        same_length(score=score, target=target, weight=weight)
        times = counts_or_none(count, len(target))
        made = finite_scores(score, count=times)
        aims = finite_scores(target, name="target", count=times)
        power = near_one(np.array([np.abs(made).max(), np.abs(aims).max()]))[1]
        if power:
            made, aims = np.ldexp(made, -power), np.ldexp(aims, -power)
        return cls(aims, made - aims, power, weights_or_none(weight, times), times)

    @property
    def n(self) -> int:
        return total_of(self.count, len(self.values))

    def mean(self, losses: FloatArray) -> Mean:
        return mean_of(losses, self.weight, self.count)

    def grown(self, value: float) -> float:
        """In the target's unit again; undefined beyond the largest float."""
        found = from_near(value, self.power)
        if math.isinf(found):
            raise Unmeasurable(f"The error over {self.n:,} rows is beyond the largest number that is kept.")
        return found


def override_rate(
    *,
    columns: Columns,
    override: str,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of decisions that people changed; in [0, 1], lower is better.

    Parameters
    ----------
    columns : Columns
        Every column of the file.
    override : str
        The column that says 1, true or yes where a person changed the decision.

    Raises
    ------
    BadInput
        No such column, or other values in it.
    Unmeasurable
        Undefined: missing values in it. Insufficient: no rows.

    Examples
    --------
    >>> override_rate(columns=Columns.of(changed=[1.0, 0.0]), override="changed").exact
    Fraction(1, 2)
    """
    if override not in columns:
        raise NoSuchColumn(f'There is no column "{override}" of overrides; there is {", ".join(columns)}.')
    coded = columns[override].coded()
    if same_length(override=coded.codes, weight=weight) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    times = counts_or_none(count, len(coded))
    changed = _changed(override, coded, times)
    weights = weights_or_none(weight, times)
    n, k = total_of(times, len(coded)), how_many(changed, times)
    if weights is not None:
        mass, size = stable_sum(weights, times), effective_size(weights, times)
        value = min(1.0, stable_sum(weights[changed], None if times is None else times[changed]) / mass)
    else:
        value, size = k / n, float(n)
    return Measured(
        value=value,
        exact=share(k, n) if weights is None else None,
        n=n,
        interval=proportion(k if weights is None else value * size, size, confidence, interval),
        confidence=confidence,
        method=f"counts; {interval}"
        if weights is None
        else f"sums of weights; {interval} on Kish's effective size",
        parameters={"changed": k} if weights is None else {"changed": k, "effective_size": size},
    )


def _changed(name: str, coded: Coded, count: Ints | None) -> BoolArray:
    """Which rows say that a person changed the decision; refuses what says neither yes nor no."""
    strange = [lv for lv in coded.levels if lv.lower() not in _TRUE | _FALSE and lv != MISSING]
    if strange:
        raise BadInput(f'Column "{name}" holds "{strange[0]}" where 0/1, true/false or yes/no was expected.')
    missing = how_many(np.array([lv == MISSING for lv in coded.levels])[coded.codes], count)
    if missing:
        n = total_of(count, len(coded))
        raise Unmeasurable(f'Column "{name}" is missing in {missing:,} of {n:,} rows.')
    found: BoolArray = np.array([lv.lower() in _TRUE for lv in coded.levels])[coded.codes]
    return found
