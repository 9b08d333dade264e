"""Losses: log loss of probabilities, errors of numbers, and decisions changed by people."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import Pair, normal, proportion
from apps.engine.numeric import (
    finite_scores,
    no_weights,
    probabilities,
    same_length,
    share,
    stable_sum,
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
    values = np.clip(probabilities(score), clip, 1 - clip)
    given = np.where(label, values, 1 - values)
    impossible = int(np.count_nonzero(given == 0))
    if impossible:
        raise Unmeasurable(
            f"Probability 0 was given to what came true in {impossible:,} of {len(values):,} rows: the "
            f"loss is "
            "infinite; clip keeps probabilities off 0 and 1."
        )
    return _mean_loss(-np.log(given), weight, confidence, "mean; normal on its standard error")


def mae(
    *, score: FloatArray, target: FloatArray, weight: FloatArray | None = None, confidence: float = 0.95
) -> Measured:
    """The mean absolute error ``Σ |s - t| / n``; in [0, inf), lower is better, in the target's unit.

    Examples
    --------
    >>> mae(score=np.array([1.0, 2.0]), target=np.array([2.0, 4.0])).value
    1.5
    """
    errors = _errors(score, target)
    return _mean_loss(np.abs(errors), weight, confidence, "mean; normal on its standard error")


def rmse(
    *, score: FloatArray, target: FloatArray, weight: FloatArray | None = None, confidence: float = 0.95
) -> Measured:
    """The root of the mean squared error; in [0, inf), lower is better, in the target's unit.

    The interval is that of the mean squared error, its ends under the root.

    Examples
    --------
    >>> rmse(score=np.array([1.0, 2.0]), target=np.array([2.0, 1.0])).value
    1.0
    """
    errors = _errors(score, target)
    found = _mean_loss(errors * errors, weight, confidence, "root of the mean; delta method")
    ends = found.interval
    root: Pair | None = None if ends is None else (math.sqrt(ends[0] or 0), math.sqrt(ends[1] or 0))
    return Measured(
        value=math.sqrt(found.value or 0),
        n=found.n,
        interval=root,
        confidence=confidence,
        method="root of the mean squared error; normal on its standard error",
    )


def r2(
    *, score: FloatArray, target: FloatArray, weight: FloatArray | None = None, confidence: float = 0.95
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
    errors = _errors(score, target)
    weights = weights_or_none(weight)
    w = np.ones(len(errors)) if weights is None else weights
    centred = target - stable_sum(w * target) / stable_sum(w)
    total = stable_sum(w * centred**2)
    if total == 0:
        raise Unmeasurable(f"All {len(errors):,} targets are equal: there is no variance to explain.")
    value = 1 - stable_sum(w * errors**2) / total
    influence = w * (errors**2 - (1 - value) * centred**2)
    error = math.sqrt(stable_sum(influence**2)) / total
    return Measured(
        value=value,
        n=len(errors),
        interval=(normal(value, error, confidence)[0], min(1.0, normal(value, error, confidence)[1])),
        confidence=confidence,
        method="sums of squares; normal on the linearised ratio",
    )


def _errors(score: FloatArray, target: FloatArray) -> FloatArray:
    same_length(score=score, target=target)
    found: FloatArray = finite_scores(score) - finite_scores(target, name="target")
    return found


def _mean_loss(losses: FloatArray, weight: FloatArray | None, confidence: float, method: str) -> Measured:
    weights = weights_or_none(weight)
    w = np.ones(len(losses)) if weights is None else weights
    mean = stable_sum(w * losses) / stable_sum(w)
    k = int(np.count_nonzero(w))
    interval: Pair | None = None
    if k > 1:
        variance = stable_sum((w * (losses - mean)) ** 2) / stable_sum(w) ** 2 * k / (k - 1)
        low, high = normal(mean, math.sqrt(variance), confidence)
        interval = max(0.0, low), high
    return Measured(
        value=mean,
        n=len(losses),
        interval=interval,
        confidence=confidence,
        method=method,
        parameters={"weighted": weights is not None},
    )


def override_rate(
    *,
    columns: Columns,
    override: str,
    weight: FloatArray | None = None,
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
    no_weights(weight, "performance.override_rate")
    if override not in columns:
        raise BadInput(f'There is no column "{override}" of overrides; there is {", ".join(columns)}.')
    coded = columns[override].coded()
    if not len(coded):
        raise Unmeasurable("There are no rows.", status="insufficient")
    changed = sum(_count(coded.codes, coded.levels, lambda level: level.lower() in _TRUE))
    missing = sum(_count(coded.codes, coded.levels, lambda level: level == MISSING))
    strange = [lv for lv in coded.levels if lv.lower() not in _TRUE | _FALSE and lv != MISSING]
    if strange:
        raise BadInput(
            f'Column "{override}" holds "{strange[0]}" where 0/1, true/false or yes/no was expected.'
        )
    if missing:
        raise Unmeasurable(f'Column "{override}" is missing in {missing:,} of {len(coded):,} rows.')
    exact = share(changed, len(coded))
    return Measured(
        value=changed / len(coded),
        exact=exact,
        n=len(coded),
        interval=proportion(changed, len(coded), confidence, interval),
        confidence=confidence,
        method=f"counts; {interval}",
        parameters={"changed": changed},
    )


def _count(codes: object, levels: tuple[str, ...], wanted: Callable[[str], bool]) -> list[int]:
    counts = np.bincount(np.asarray(codes), minlength=len(levels)).tolist()
    return [int(n) for n, level in zip(counts, levels, strict=True) if wanted(level)]
