"""How well the score ranks and the decision hits: AUC, KS, confusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import Pair, logit_scale, newcombe, newcombe_reach, normal, within
from apps.engine.measures import confusion_rates, ranking
from apps.engine.measures.confusion_rates import Cells
from apps.engine.measures.runs import Runs, Scored, Weighted
from apps.engine.numeric import Ints
from apps.engine.values import Group, Measured


def auc(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "auto",
) -> Measured:
    """Area under the ROC curve: the share of (positive, negative) pairs ranked rightly, ties one half.

    ``AUC = U / (N P)``, in [0, 1], higher is better. The interval is DeLong's, by default on the logit scale
    where the AUC is above 0.95 or a class has fewer than 50 rows.

    Parameters
    ----------
    score : float array (n,)
        Higher means more probably positive.
    label : bool array (n,)
        True where the outcome is the positive class.
    weight : float array (n,), optional
        Row weights; equal weights change nothing.
    count : int array (n,), optional
        How many identical rows each row stands for.
    confidence : float
        Of the interval.
    interval : {"auto", "delong", "logit"}
        The scale on which it is symmetric; ``"delong"`` is the plain one that other programs print.

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
    scored = Scored.of(score, label, weight, count)
    if scored.weight is not None:
        return _weighted_auc(scored, confidence, interval)
    found = ranking.rank(scored.score, scored.label, scored.count)
    ends, method = ranking.auc_interval(found, confidence, interval)
    return Measured(
        value=float(found.auc),
        exact=found.auc,
        n=scored.n,
        interval=ends,
        confidence=confidence,
        method=f"Mann-Whitney, ties one half; {method}",
        parameters={"ties": "one half", "positives": found.positives, "negatives": found.negatives},
        notes=() if ends else ("There is no interval: a class has one row only.",),
    )


def _weighted_auc(scored: Scored, confidence: float, interval: str) -> Measured:
    value, variance = ranking.weighted_auc(scored.weighted_runs())
    known = math.isfinite(variance) and variance > 0 and 0 < value < 1
    ends: Pair | None = None
    if known:
        logit = interval == "logit" or (interval == "auto" and value > ranking.LOGIT_ABOVE)
        spread = logit_scale if logit else normal
        ends = within(spread(value, math.sqrt(variance), confidence), 0.0, 1.0)
    return Measured(
        value=value,
        n=scored.n,
        interval=ends,
        confidence=confidence,
        method="weighted Mann-Whitney, ties one half; linearised DeLong",
        parameters={"ties": "one half", "weighted": True},
        notes=() if ends else ("There is no interval: the placements have no spread.",),
    )


def ks(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "band",
) -> Measured:
    """Kolmogorov-Smirnov separation: the largest gap between the two classes' cumulative score curves.

    ``KS = max over t of |F₀(t) - F₁(t)|``, in [0, 1], higher is better; the curves are compared after
    all rows with the same score.

    Parameters
    ----------
    score, label : arrays (n,)
        Scores and positive outcomes.
    weight : float array (n,), optional
        Row weights: curves are shares of weight. Equal weights change nothing.
    count : int array (n,), optional
        How many identical rows each row stands for.
    interval : {"band", "newcombe"}
        ``band``: below, the gap less Smirnov's one-sided bound, which all cuts keep at once; above, the
        largest of Newcombe's limits over all cuts. It holds the truth at least as often as it says.
        ``newcombe``: of the difference of the two rates at the cut found, the search for it not counted.
        With weights both take Kish's effective size of each class.

    Raises
    ------
    Unmeasurable
        Insufficient: one class, no rows or a constant score. Undefined: a score that is not finite.

    Examples
    --------
    >>> ks(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])).value
    0.5
    """
    scored = Scored.of(score, label, weight, count)
    runs = scored.runs()
    cuts = _exact_cuts(runs, confidence) if isinstance(runs, Runs) else _weighted_cuts(runs)
    spans = (cuts.shares_0, cuts.n, cuts.shares_1, cuts.m)
    ends = ranking.gap_interval(*spans, confidence) if interval == "band" else cuts.at_widest(confidence)
    return Measured(
        value=min(1.0, cuts.gap()) if cuts.exact is None else float(cuts.exact),
        exact=cuts.exact,
        n=scored.n,
        interval=ends,
        confidence=confidence,
        method=f"largest gap of the cumulative curves; {_GAP_METHODS[interval]}"
        + (", on Kish's effective sizes" if cuts.exact is None else ""),
        parameters={"at_score": cuts.score, **cuts.parameters},
    )


_GAP_METHODS = {
    "band": "Smirnov's bound below, Newcombe's at every cut above",
    "newcombe": "Newcombe at the cut found",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cuts:
    """Shares of negatives and positives at or below cuts, and how many rows each share is of.

    All cuts whose gap could matter stand here, in order; `score` is the first with the largest gap.
    """

    shares_0: FloatArray
    shares_1: FloatArray
    n: float
    m: float
    exact: Fraction | None
    score: float
    parameters: dict[str, Any]

    def widest(self) -> int:
        return int(np.argmax(np.abs(self.shares_0 - self.shares_1)))

    def gap(self) -> float:
        place = self.widest()
        return float(abs(self.shares_0[place] - self.shares_1[place]))

    def at_widest(self, confidence: float) -> Pair:
        """Newcombe's interval of the gap at the widest cut."""
        place = self.widest()
        rates = [(float(self.shares_0[place]), self.n), (float(self.shares_1[place]), self.m)]
        (p, n), (q, m) = sorted(rates, key=lambda rate: -rate[0])
        return within(newcombe(p * n, n, q * m, m, confidence), 0.0, 1.0)


def _exact_cuts(runs: Runs, confidence: float) -> _Cuts:
    n, p = runs.totals
    found = ranking.walk(runs)
    below_0, below_1 = ranking.wide_cuts(runs, found, newcombe_reach(n, p, confidence))
    return _Cuts(
        shares_0=below_0 / n,
        shares_1=below_1 / p,
        n=n,
        m=p,
        exact=Fraction(found.gap, n * p),
        score=float(runs.values[found.place]),
        parameters={"positives": p, "negatives": n},
    )


def _weighted_cuts(runs: Weighted) -> _Cuts:
    running = np.cumsum(runs.mass, axis=0)
    first, second = running[:, 0] / running[-1, 0], running[:, 1] / running[-1, 1]
    sizes = runs.effective_of_classes()
    return _Cuts(
        shares_0=first,
        shares_1=second,
        n=sizes[0],
        m=sizes[1],
        exact=None,
        score=float(runs.values[np.argmax(np.abs(first - second))]),
        parameters={"weighted": True, "effective_sizes": sizes},
    )


def confusion(
    *,
    predicted: BoolArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """The confusion matrix: all four cells, and every rate that follows from them.

    The value is the accuracy ``(tp + tn) / n``, in [0, 1]; the tables hold the rest.

    Parameters
    ----------
    predicted, label : bool arrays (n,)
        Predicted and actual positive.
    weight : float array (n,), optional
        Row weights: cells are sums of weights, the group's counts stay rows. Equal weights change nothing.
    count : int array (n,), optional
        How many identical rows each row stands for.
    interval : {"wilson", "clopper_pearson", "jeffreys"}
        For proportions; with weights on Kish's effective size.

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
    cells = confusion_rates.cells_of(predicted, label, weight, count)
    everybody = Group(
        attribute=None,
        group="all",
        n=cells.n,
        counts=cells.counts(),
        rates=cells.rates(),
        value=cells.value("accuracy"),
        interval=confusion_rates.interval_of(cells, "accuracy", confidence, interval),
    )
    return Measured(
        value=everybody.value,
        exact=cells.fraction("accuracy") if isinstance(cells, Cells) else None,
        n=cells.n,
        interval=everybody.interval,
        confidence=confidence,
        method=f"counts; {interval}"
        if isinstance(cells, Cells)
        else f"sums of weights; {interval} on Kish's effective size",
        parameters={} if isinstance(cells, Cells) else {"weighted": True, "cells": cells.sums()},
        groups=(everybody,),
        tables={
            "rates": confusion_rates.table(cells, confidence, interval),
            "summary": confusion_rates.summary(cells),
        },
        notes=confusion_rates.one_class(cells),
    )
