"""How well the score ranks and the decision hits: AUC, KS, confusion."""

from __future__ import annotations

import math

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, logit_scale, newcombe, normal, within
from apps.engine.measures import confusion_rates, ranking
from apps.engine.numeric import (
    Ints,
    finite_scores,
    no_weights,
    same_length,
    two_classes,
    weighted_counts,
    weights_or_none,
)
from apps.engine.resample import cell_places, drawn_values
from apps.engine.values import Group, Measured


def auc(
    *, score: FloatArray, label: BoolArray, weight: FloatArray | None = None, confidence: float = 0.95
) -> Measured:
    """Area under the ROC curve: the share of (positive, negative) pairs ranked rightly, ties one half.

    ``AUC = U / (N P)``, in [0, 1], higher is better. The interval is DeLong's; on the logit scale where
    the AUC is above 0.95 or a class has fewer than 50 rows.

    Parameters
    ----------
    score : float array (n,)
        Higher means more probably positive.
    label : bool array (n,)
        True where the outcome is the positive class.
    weight : float array (n,), optional
        Row weights; equal weights change nothing.
    confidence : float
        Of the interval.

    Raises
    ------
    Unmeasurable
        Insufficient: one class, no rows or a constant score. Undefined: a score that is not finite.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> found = auc(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True]))
    >>> found.value, found.exact
    (0.75, Fraction(3, 4))
    """
    values, weights = ranked_input(score, label, weight)
    if weights is not None:
        return _weighted(values, label, weights, confidence)
    found = ranking.rank(values, label)
    interval, method = ranking.auc_interval(found, confidence)
    return Measured(
        value=float(found.auc),
        exact=found.auc,
        n=len(values),
        interval=interval,
        confidence=confidence,
        method=f"Mann-Whitney, ties one half; {method}",
        parameters={"ties": "one half", "positives": found.positives, "negatives": found.negatives},
        notes=() if interval else ("There is no interval: a class has one row only.",),
    )


def ranked_input(
    score: FloatArray, label: BoolArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray | None]:
    """Finite scores of two classes that are not all equal, and the weights where they matter."""
    same_length(score=score, label=label, weight=weight)
    values = finite_scores(score)
    weights = weights_or_none(weight)
    two_classes(label if weights is None else label[weights > 0])
    if bool((values == values[0]).all()):
        raise Unmeasurable(
            f"All {len(values):,} scores are {values[0]:g}: a constant score ranks nobody.",
            status="insufficient",
        )
    return values, weights


def _weighted(score: FloatArray, label: BoolArray, weight: FloatArray, confidence: float) -> Measured:
    value, variance = ranking.weighted_auc(score, label, weight)
    known = math.isfinite(variance) and variance > 0 and 0 < value < 1
    interval: Pair | None = None
    if known:
        logit = value > ranking.LOGIT_ABOVE
        spread = logit_scale if logit else normal
        interval = within(spread(value, math.sqrt(variance), confidence), 0.0, 1.0)
    return Measured(
        value=value,
        n=len(score),
        interval=interval,
        confidence=confidence,
        method="weighted Mann-Whitney, ties one half; linearised DeLong",
        parameters={"ties": "one half", "weighted": True},
        notes=() if interval else ("There is no interval: the placements have no spread.",),
    )


def ks(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    interval: str = "bootstrap",
) -> Measured:
    """Kolmogorov-Smirnov separation: the largest gap between the two classes' cumulative score curves.

    ``KS = max over t of |F₀(t) - F₁(t)|``, in [0, 1], higher is better; the curves are compared after
    all rows with the same score.

    Parameters
    ----------
    score, label : arrays (n,)
        Scores and positive outcomes.
    weight : float array (n,), optional
        Row weights: curves are shares of weight, and there is no interval. Equal weights change nothing.
    seed : int
        Of the bootstrap.
    interval : {"bootstrap", "newcombe"}
        ``bootstrap``: 1,000 draws of the counts in the distinct scores (at most 480 quantile cells),
        percentiles moved by twice the estimated bias: once for the sample, once for the draw.
        ``newcombe``: of the difference of the two rates at the cut found, the search for it not counted.

    Raises
    ------
    Unmeasurable
        Insufficient: one class, no rows or a constant score. Undefined: a score that is not finite.

    Examples
    --------
    >>> ks(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])).value
    0.5
    """
    values, weights = ranked_input(score, label, weight)
    if weights is not None:
        return _weighted_ks(values, label, weights)
    parts = np.sort(values[~label]), np.sort(values[label])
    levels, below_0, below_1 = ranking.curves(*parts)
    n, p = two_classes(label)
    gap, place = ranking.largest_gap(below_0, n, below_1, p)
    return Measured(
        value=float(gap),
        exact=gap,
        n=len(values),
        interval=_ks_interval(below_0, below_1, gap=float(gap), seed=seed, confidence=confidence)
        if interval == "bootstrap"
        else _cut_interval(int(below_0[place]), n, int(below_1[place]), p, confidence),
        confidence=confidence,
        method=f"largest gap of the cumulative curves; {interval}",
        parameters={"at_score": float(levels[place]), "positives": p, "negatives": n},
    )


def _weighted_ks(score: FloatArray, label: BoolArray, weight: FloatArray) -> Measured:
    """The gap of the weighted curves; without an interval, as no method here is right for it."""
    levels, place = np.unique(score, return_inverse=True)
    sums, _ = weighted_counts(place * 2 + label, weight, 2 * len(levels))
    curves = np.cumsum(sums.reshape(-1, 2), axis=0)
    gaps = np.abs(curves[:, 0] / curves[-1, 0] - curves[:, 1] / curves[-1, 1])
    at = int(np.argmax(gaps))
    return Measured(
        value=min(1.0, float(gaps[at])),
        n=len(score),
        method="largest gap of the weighted cumulative curves; no interval",
        parameters={"at_score": float(levels[at]), "weighted": True},
        notes=("There is no interval: the weights differ between rows.",),
    )


def _cut_interval(a: int, n: int, b: int, m: int, confidence: float) -> Pair:
    first, second = ((a, n), (b, m)) if a * m >= b * n else ((b, m), (a, n))
    return within(newcombe(*first, *second, confidence), 0.0, 1.0)


def _ks_interval(below_0: Ints, below_1: Ints, *, gap: float, seed: int, confidence: float) -> Pair | None:
    """Percentiles of draws of the cells' counts, moved by twice the estimated bias, and holding the gap.

    A largest gap is too large in a sample, and again by as much in a draw from the sample.
    """
    places = cell_places(below_0 + below_1)
    running = np.stack([below_0[places], below_1[places]], axis=1)
    counts = np.diff(running, axis=0, prepend=0)
    draws = drawn_values(counts, _gaps, seed=seed)
    draws = draws[np.isfinite(draws)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="linear") - 2 * (draws.mean() - gap)
    return max(0.0, min(gap, float(low))), min(1.0, max(gap, float(high)))


def _gaps(counts: Ints) -> FloatArray:
    running = np.cumsum(counts, axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        running /= running[:, -1:, :]
    return np.asarray(np.abs(running[..., 0] - running[..., 1]).max(axis=1), dtype=np.float64)


def confusion(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The confusion matrix: all four cells, and every rate that follows from them.

    The value is the accuracy ``(tp + tn) / n``, in [0, 1], higher is better. The table ``rates`` holds each
    rate with numerator, denominator and interval; a rate with denominator zero is null.

    Parameters
    ----------
    predicted, label : bool arrays (n,)
        Predicted and actual positive.
    interval : {"wilson", "clopper_pearson", "jeffreys"}
        For proportions.

    Raises
    ------
    Unmeasurable
        Insufficient: there are no rows.

    Examples
    --------
    >>> found = confusion(predicted=np.array([True, True, False]), label=np.array([True, False, False]))
    >>> dict(found.groups[0].counts)
    {'tn': 1, 'fp': 1, 'fn': 0, 'tp': 1}
    """
    no_weights(weight, "performance.confusion")
    n = same_length(predicted=predicted, label=label)
    if n == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    cells = confusion_rates.Cells.of(predicted, label)
    accuracy = cells.fraction("accuracy")
    everybody = Group(
        attribute=None,
        group="all",
        n=n,
        counts=cells.counts(),
        rates=cells.rates(),
        value=None if accuracy is None else float(accuracy),
        interval=confusion_rates.interval_of(cells, "accuracy", confidence, interval),
    )
    return Measured(
        value=everybody.value,
        exact=accuracy,
        n=n,
        interval=everybody.interval,
        confidence=confidence,
        method=f"counts; {interval}",
        groups=(everybody,),
        tables={
            "rates": confusion_rates.table(cells, confidence, interval),
            "summary": confusion_rates.summary(cells),
        },
        notes=_absent(label),
    )


def _absent(label: BoolArray) -> tuple[str, ...]:
    positives = int(np.count_nonzero(label))
    if 0 < positives < len(label):
        return ()
    which = "positive" if positives else "negative"
    return (f"All {len(label):,} labels are {which}: the rates of the other class are undefined.",)
