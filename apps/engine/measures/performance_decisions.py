"""Single figures of the decision: accuracy, precision, recall and their kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures import confusion_rates as rates
from apps.engine.measures.confusion_rates import Cells, Masses, cells_of
from apps.engine.numeric import Ints
from apps.engine.resample import percentile_interval
from apps.engine.values import Measured

_WORDS = {
    "tpr": "row is positive",
    "tnr": "row is negative",
    "ppv": "row is predicted positive",
    "npv": "row is predicted negative",
}


def accuracy(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of right decisions, ``(tp + tn) / n``; in [0, 1], higher is better.

    Examples
    --------
    >>> accuracy(predicted=np.array([True, False, True]), label=np.array([True, False, False])).exact
    Fraction(2, 3)
    """
    return _share("accuracy", cells_of(predicted, label, weight, count), confidence, interval)


def precision(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of predicted positives that are positive, ``tp / (tp + fp)``; in [0, 1], higher is better.

    Examples
    --------
    >>> precision(predicted=np.array([True, False, True]), label=np.array([True, False, False])).exact
    Fraction(1, 2)
    """
    return _share("ppv", cells_of(predicted, label, weight, count), confidence, interval)


def recall(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of positives that are predicted so, ``tp / (tp + fn)``; in [0, 1], higher is better.

    Examples
    --------
    >>> recall(predicted=np.array([True, False, True]), label=np.array([True, True, False])).exact
    Fraction(1, 2)
    """
    return _share("tpr", cells_of(predicted, label, weight, count), confidence, interval)


def specificity(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of negatives that are predicted so, ``tn / (tn + fp)``; in [0, 1], higher is better.

    Examples
    --------
    >>> specificity(predicted=np.array([True, False]), label=np.array([False, False])).exact
    Fraction(1, 2)
    """
    return _share("tnr", cells_of(predicted, label, weight, count), confidence, interval)


def negative_predictive_value(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of predicted negatives that are negative, ``tn / (tn + fn)``; in [0, 1], higher is better.

    Examples
    --------
    >>> negative_predictive_value(predicted=np.array([False, False]), label=np.array([True, False])).exact
    Fraction(1, 2)
    """
    return _share("npv", cells_of(predicted, label, weight, count), confidence, interval)


def balanced_accuracy(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> Measured:
    """The mean of recall and specificity; in [0, 1], higher is better; 0.5 is chance.

    Raises
    ------
    Unmeasurable
        Insufficient: one class.

    Examples
    --------
    >>> balanced_accuracy(predicted=np.array([True, True]), label=np.array([True, False])).exact
    Fraction(1, 2)
    """
    cells = cells_of(predicted, label, weight, count)
    exact = rates.balanced_accuracy(cells) if isinstance(cells, Cells) else None
    value = rates.mean_of_both(cells) if isinstance(cells, Masses) else exact
    if value is None:
        raise Unmeasurable(f"All {cells.n:,} labels are of one class.", status="insufficient")
    if isinstance(cells, Masses):
        return _weighted(cells, float(value), rates.balanced_slopes(cells), confidence)
    return replace(_bootstrapped(cells, float(value), rates.balanced_accuracy, seed, confidence), exact=exact)


def f_beta(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    seed: int = 0,
    beta: float = 1.0,
    confidence: float = 0.95,
) -> Measured:
    """The weighted harmonic mean of precision and recall; in [0, 1], higher is better.

    ``(1 + β²) tp / ((1 + β²) tp + β² fn + fp)``; recall counts β times as much as precision.

    Raises
    ------
    Unmeasurable
        Undefined: no row is positive or predicted so.

    Examples
    --------
    >>> f_beta(predicted=np.array([True, True]), label=np.array([True, False])).value == 2 / 3
    True
    """
    cells = cells_of(predicted, label, weight, count)
    value = rates.f_beta(cells, beta)
    if value is None:
        raise Unmeasurable(f"None of {cells.n:,} rows is positive or predicted positive.")
    if isinstance(cells, Masses):
        return _weighted(cells, value, rates.f_beta_slopes(cells, beta), confidence)
    return _bootstrapped(cells, value, lambda c: rates.f_beta(c, beta), seed, confidence)


def mcc(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> Measured:
    """Matthews' correlation of decision and outcome; in [-1, 1], higher is better; 0 is chance.

    ``(tp tn - fp fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn))``.

    Raises
    ------
    Unmeasurable
        Undefined: all rows are predicted alike. Insufficient: one class.

    References
    ----------
    Matthews (1975), Biochimica et Biophysica Acta 405, 442-451.

    Examples
    --------
    >>> mcc(predicted=np.array([True, False]), label=np.array([True, False])).value
    1.0
    """
    cells = cells_of(predicted, label, weight, count)
    value = rates.mcc(cells)
    if value is None:
        one_class = not (cells.tp + cells.fn and cells.tn + cells.fp)
        status = "insufficient" if one_class else "undefined"
        what = "labels are of one class" if one_class else "rows are predicted alike"
        raise Unmeasurable(f"All {cells.n:,} {what}.", status=status)
    if isinstance(cells, Masses):
        return _weighted(cells, value, rates.mcc_slopes(cells), confidence, low=-1.0)
    return _bootstrapped(cells, value, rates.mcc, seed, confidence)


def _share(rate: str, cells: Cells | Masses, confidence: float, interval: str) -> Measured:
    value = cells.value(rate)
    if value is None:
        weight = " has weight" if isinstance(cells, Masses) else ""
        raise Unmeasurable(f"No {_WORDS[rate]} of {cells.n:,}{weight}: the rate has denominator 0.")
    ends = rates.interval_of(cells, rate, confidence, interval)
    if isinstance(cells, Masses):
        return Measured(
            value=value,
            n=cells.rows.parts(rate)[1],
            interval=ends,
            confidence=confidence,
            method=f"sums of weights; {interval} on Kish's effective size",
            parameters={"weighted": True, "effective_size": cells.size(rate), **cells.counts()},
            notes=rates.one_class(cells),
        )
    top, bottom = cells.parts(rate)
    return Measured(
        value=value,
        exact=cells.fraction(rate),
        n=bottom,
        interval=ends,
        confidence=confidence,
        method=f"counts; {interval}",
        parameters={"numerator": top, "denominator": bottom, **cells.counts()},
        notes=rates.one_class(cells),
    )


def _weighted(
    cells: Masses, value: float, slopes: Sequence[float], confidence: float, *, low: float = 0.0
) -> Measured:
    """A figure of sums of weights with the interval that its linearisation gives."""
    ends = cells.interval(value, slopes, low, confidence)
    return Measured(
        value=value,
        n=cells.n,
        interval=ends,
        confidence=confidence,
        method="sums of weights; normal on the linearised figure",
        parameters={"weighted": True, **cells.counts()},
        notes=(
            *rates.one_class(cells),
            *(() if ends else ("There is no interval: the linearised figure has no variance.",)),
        ),
    )


def _bootstrapped(
    cells: Cells,
    value: float,
    statistic: Callable[[Cells], Fraction | float | None],
    seed: int,
    confidence: float,
) -> Measured:
    counts: Ints = np.array(list(cells.counts().values()), dtype=np.int64)

    def drawn(draws: Ints) -> FloatArray:
        found = [statistic(Cells(*(int(c) for c in one))) for one in draws]
        return np.array([np.nan if f is None else float(f) for f in found])

    return Measured(
        value=value,
        n=int(counts.sum()),
        interval=percentile_interval(counts, drawn, seed=seed, confidence=confidence),
        confidence=confidence,
        method="counts; bootstrap of the four cells",
        parameters=cells.counts(),
        notes=rates.one_class(cells),
    )
