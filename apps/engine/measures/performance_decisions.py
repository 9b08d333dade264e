"""Single figures of the decision: accuracy, precision, recall and their kin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import proportion
from apps.engine.measures import confusion_rates
from apps.engine.measures.confusion_rates import Cells
from apps.engine.numeric import Ints, no_weights, same_length, weighted_counts, weights_or_none
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
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of right decisions, ``(tp + tn) / n``; in [0, 1], higher is better.

    Examples
    --------
    >>> accuracy(predicted=np.array([True, False, True]), label=np.array([True, False, False])).exact
    Fraction(2, 3)
    """
    return _share("accuracy", predicted, label, weight, confidence, interval)


def precision(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of predicted positives that are positive, ``tp / (tp + fp)``; in [0, 1], higher is better.

    Examples
    --------
    >>> precision(predicted=np.array([True, False, True]), label=np.array([True, False, False])).exact
    Fraction(1, 2)
    """
    return _share("ppv", predicted, label, weight, confidence, interval)


def recall(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of positives that are predicted so, ``tp / (tp + fn)``; in [0, 1], higher is better.

    Examples
    --------
    >>> recall(predicted=np.array([True, False, True]), label=np.array([True, True, False])).exact
    Fraction(1, 2)
    """
    return _share("tpr", predicted, label, weight, confidence, interval)


def specificity(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of negatives that are predicted so, ``tn / (tn + fp)``; in [0, 1], higher is better.

    Examples
    --------
    >>> specificity(predicted=np.array([True, False]), label=np.array([False, False])).exact
    Fraction(1, 2)
    """
    return _share("tnr", predicted, label, weight, confidence, interval)


def negative_predictive_value(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The share of predicted negatives that are negative, ``tn / (tn + fn)``; in [0, 1], higher is better.

    Examples
    --------
    >>> negative_predictive_value(predicted=np.array([False, False]), label=np.array([True, False])).exact
    Fraction(1, 2)
    """
    return _share("npv", predicted, label, weight, confidence, interval)


def balanced_accuracy(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
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
    cells = _cells(predicted, label, weight)
    exact = confusion_rates.balanced_accuracy(cells)
    if exact is None:
        raise Unmeasurable(f"All {len(label):,} labels are of one class.", status="insufficient")
    found = _bootstrapped(cells, float(exact), confusion_rates.balanced_accuracy, seed, confidence)
    return replace(found, exact=exact)


def f_beta(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
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
    cells = _cells(predicted, label, weight)
    value = confusion_rates.f_beta(cells, beta)
    if value is None:
        raise Unmeasurable(f"None of {len(label):,} rows is positive or predicted positive.")
    return _bootstrapped(cells, value, lambda c: confusion_rates.f_beta(c, beta), seed, confidence)


def mcc(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
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
    cells = _cells(predicted, label, weight)
    value = confusion_rates.mcc(cells)
    if value is None:
        one_class = cells.tp + cells.fn in (0, len(label))
        status = "insufficient" if one_class else "undefined"
        what = "labels are of one class" if one_class else "rows are predicted alike"
        raise Unmeasurable(f"All {len(label):,} {what}.", status=status)
    return _bootstrapped(cells, value, confusion_rates.mcc, seed, confidence)


def _cells(predicted: BoolArray, label: BoolArray, weight: FloatArray | None) -> Cells:
    no_weights(weight, "A figure of the confusion matrix")
    if same_length(predicted=predicted, label=label) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    return Cells.of(predicted, label)


def _share(
    rate: str,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None,
    confidence: float,
    interval: str,
) -> Measured:
    weights = weights_or_none(weight)
    if weights is not None:
        return _weighted_share(rate, predicted, label, weights, confidence, interval)
    cells = _cells(predicted, label, None)
    exact = cells.fraction(rate)
    if exact is None:
        raise Unmeasurable(f"No {_WORDS[rate]} of {len(label):,}: the rate has denominator 0.")
    top, bottom = cells.parts(rate)
    return Measured(
        value=float(exact),
        exact=exact,
        n=bottom,
        interval=confusion_rates.interval_of(cells, rate, confidence, interval),
        confidence=confidence,
        method=f"counts; {interval}",
        parameters={"numerator": top, "denominator": bottom, **cells.counts()},
    )


def _weighted_share(
    rate: str, predicted: BoolArray, label: BoolArray, weight: FloatArray, confidence: float, interval: str
) -> Measured:
    """A rate of sums of weights; its interval takes Kish's effective size of the rows it is a share of."""
    same_length(predicted=predicted, label=label, weight=weight)
    sums, squares = weighted_counts(label.astype(np.intp) * 2 + predicted, weight, 4)
    at = {"tn": 0, "fp": 1, "fn": 2, "tp": 3}
    top, bottom = ([at[cell] for cell in cells] for cells in confusion_rates.RATES[rate])
    whole = math.fsum(sums[bottom].tolist())
    if not whole:
        raise Unmeasurable(f"No {_WORDS[rate]} of {len(label):,} has weight: the rate has denominator 0.")
    value = min(1.0, math.fsum(sums[top].tolist()) / whole)
    effective = whole * whole / math.fsum(squares[bottom].tolist())
    cells = Cells.of(predicted, label)
    return Measured(
        value=value,
        n=cells.parts(rate)[1],
        interval=proportion(value * effective, effective, confidence, interval),
        confidence=confidence,
        method=f"sums of weights; {interval} on Kish's effective size",
        parameters={"weighted": True, "effective_size": effective, **cells.counts()},
    )


def _bootstrapped(
    cells: Cells,
    value: float,
    statistic: Callable[[Cells], Fraction | float | None],
    seed: int,
    confidence: float,
) -> Measured:
    counts = np.array(list(cells.counts().values()), dtype=np.int64)

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
    )
