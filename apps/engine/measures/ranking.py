"""Ranking of two classes from runs of equal scores: AUC with DeLong's variance, and the KS gap.

Everything that is a count stays an integer, so the results are exact fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import Pair, clopper_pearson, highest_newcombe, logit_scale, normal, within
from apps.engine.kernels import worth
from apps.engine.measures.runs import Runs, Scored, Weighted, runs_of, sorted_classes
from apps.engine.numeric import Ints, stable_sum

LOGIT_ABOVE = 0.95
FEW = 50
_WORDS_HOLD = 1 << 30
_LOW_BITS = 31
_LOW_MASK = (1 << _LOW_BITS) - 1


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well scores put positives above negatives.

    Parameters
    ----------
    auc : Fraction
        The share of pairs in which the positive scores higher, ties counted one half.
    variance : Fraction or None
        DeLong's; None where a class has one member.
    """

    auc: Fraction
    variance: Fraction | None
    negatives: int
    positives: int


@dataclass(frozen=True, slots=True)
class Walk:
    """What one walk over the runs, upwards, adds up; all whole numbers.

    Parameters
    ----------
    pairs : int
        Twice the pairs ranked rightly, ties one half: the sum of x, twice the negatives below each positive.
    x_squares, w_squares : int
        Sums of x², and of the same of positives below each negative.
    gap, place : int
        The largest ``|below_0 P - below_1 N|`` and the first run where it is reached.
    """

    pairs: int
    x_squares: int
    w_squares: int
    gap: int
    place: int


def walk(runs: Runs) -> Walk:
    """Walk over the runs; compiled where they are many."""
    n, p = runs.totals
    if n + p > _WORDS_HOLD:
        return _long_walk(runs, n, p)
    if worth(len(runs.values)):
        from apps.engine.kernels.ranking import rank_runs

        found = rank_runs(runs.negatives, runs.positives, n, p)
    else:
        found = _walk_arrays(runs, n, p)
    pairs, x_low, x_high, w_low, w_high, gap, place = (int(part) for part in found)
    return Walk(pairs, (x_high << _LOW_BITS) + x_low, (w_high << _LOW_BITS) + w_low, gap, place)


def _walk_arrays(runs: Runs, n: int, p: int) -> tuple[Ints, ...]:
    """The twin of the compiled walk."""
    a, b = runs.negatives, runs.positives
    below_0, below_1 = np.cumsum(a), np.cumsum(b)
    x, w = 2 * below_0 - a, 2 * below_1 - b
    distance = np.abs(below_0 * p - below_1 * n)
    place = np.argmax(distance)
    squares = [part for s in ((b, x), (a, w)) for part in _squares(*s)]
    return (b * x).sum(), *squares, distance[place], np.asarray(place)


def _squares(times: Ints, of: Ints) -> tuple[Ints, Ints]:
    square = of * of
    return (times * (square & _LOW_MASK)).sum(), (times * (square >> _LOW_BITS)).sum()


def _long_walk(runs: Runs, n: int, p: int) -> Walk:
    """The same in unbounded precision, for more rows than words hold."""
    a, b = runs.negatives.astype(object), runs.positives.astype(object)
    below_0, below_1 = np.cumsum(a), np.cumsum(b)
    x, w = 2 * below_0 - a, 2 * below_1 - b
    distance = np.abs(below_0 * p - below_1 * n)
    place = int(np.argmax(distance))
    return Walk((b * x).sum(), (b * x * x).sum(), (a * w * w).sum(), int(distance[place]), place)


def wide_cuts(runs: Runs, walked: Walk, reach: float) -> tuple[Ints, Ints]:
    """Rows of each class at or below the cuts whose gap is at most `reach` smaller than the largest."""
    n, p = runs.totals
    least = max(0, walked.gap - math.ceil(reach * n * p))
    if worth(len(runs.values)) and n + p <= _WORDS_HOLD:
        from apps.engine.kernels import ranking as loops

        first, second = np.empty_like(runs.negatives), np.empty_like(runs.positives)
        scale = np.array([n, p, least], dtype=np.int64)
        made = loops.wide_cuts(runs.negatives, runs.positives, scale, first, second)
        return first[:made], second[:made]
    kind = np.int64 if n + p <= _WORDS_HOLD else object
    below_0, below_1 = (np.cumsum(side) for side in (runs.negatives, runs.positives))
    wide = np.abs(below_0.astype(kind) * p - below_1.astype(kind) * n) >= least
    return below_0[wide], below_1[wide]


def walk_sides(negative: FloatArray, positive: FloatArray) -> Walk | None:
    """The walk over the sorted scores of both classes, compiled; without the place. None with one class."""
    from apps.engine.kernels.ranking import walk_sorted

    if not len(negative) or not len(positive):
        return None
    pairs, x_low, x_high, w_low, w_high, gap = walk_sorted(negative, positive)
    return Walk(pairs, (x_high << _LOW_BITS) + x_low, (w_high << _LOW_BITS) + w_low, gap, -1)


def rank(score: FloatArray, label: BoolArray, count: Ints | None = None) -> Ranking:
    """AUC and its variance from rows; see `rank_runs`.

    Examples
    --------
    >>> rank(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).auc
    Fraction(3, 4)
    """
    if count is None and worth(len(score)) and len(score) <= _WORDS_HOLD:
        negative, positive = sorted_classes(score, label)
        walked = walk_sides(negative, positive)
        if walked is not None:
            return ranking_of(walked, len(negative), len(positive))
    return rank_runs(runs_of(score, label, count))


def rank_runs(runs: Runs) -> Ranking:
    """AUC = U / (N P) with U = Σ over positives of (negatives below + ½ negatives equal).

    The variance is the unbiased DeLong form, from the same placements:
    ``S10 / (P - 1) / P + S01 / (N - 1) / N`` with S10, S01 the sample variances of the placements.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845. Sun, Xu (2014), IEEE SPL 21, 1389-1393.
    """
    return ranking_of(walk(runs), *runs.totals)


def ranking_of(found: Walk, n: int, p: int) -> Ranking:
    """AUC and its variance from what a walk over n negatives and p positives adds up."""
    auc = Fraction(found.pairs, 2 * n * p)
    if n < 2 or p < 2:
        return Ranking(auc, None, n, p)
    of_positive = _spread(found.x_squares, found.pairs, p, n) / p
    of_negative = _spread(found.w_squares, 2 * n * p - found.pairs, n, p) / n
    return Ranking(auc, of_positive + of_negative, n, p)


def _spread(squares: int, total: int, k: int, other: int) -> Fraction:
    """The sample variance of k placements ``twice / (2 other)`` from sums of twice² and of twice."""
    return Fraction(squares * k - total * total, 4 * other * other * k * (k - 1))


def auc_interval(ranking: Ranking, confidence: float, scale: str = "auto") -> tuple[Pair | None, str]:
    """The interval of an AUC and the name of its method.

    Normal on DeLong's error, on the plain scale (``"delong"``) or the logit one (``"logit"``); ``"auto"``
    takes the logit scale above 0.95, below 0.05 or with fewer than 50 in a class. At exactly 0 or 1, where
    the variance is 0, the exact binomial bound on min(N, P) disjoint pairs, whatever is asked.
    """
    auc, fewest = ranking.auc, min(ranking.negatives, ranking.positives)
    if ranking.variance is None:
        return None, "none: a class has one member"
    if auc in (0, 1):
        return clopper_pearson(fewest * int(auc), fewest, confidence), "exact binomial on disjoint pairs"
    error = math.sqrt(ranking.variance)
    if error == 0:
        pairs = float(auc * fewest)
        return clopper_pearson(pairs, fewest, confidence), "exact binomial on disjoint pairs"
    far = fewest < FEW or not 1 - LOGIT_ABOVE <= auc <= LOGIT_ABOVE
    if scale == "logit" or (scale == "auto" and far):
        return logit_scale(float(auc), error, confidence), "DeLong, logit scale"
    return within(normal(float(auc), error, confidence), 0.0, 1.0), "DeLong"


def gap_interval(
    shares_0: FloatArray, n: float, shares_1: FloatArray, m: float, confidence: float
) -> tuple[float, float]:
    """An interval of the largest gap of two distribution functions, from their curves in samples of n and m.

    The upper end is the largest of Newcombe's upper limits over all cuts: at the cut where the true gap is
    largest, whichever it is, its own limit holds it. The lower end is the sample's gap less the one-sided
    Smirnov bound ``√(ln(2 / (1 - confidence)) (1/n + 1/m) / 2)``, which all cuts keep at once.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890. Smirnov (1939), Bulletin Moscow
    University 2(2), 3-14. Wei, Dudley (2012), Statistics and Probability Letters 82, 636-644.

    Examples
    --------
    >>> low, high = gap_interval(np.array([0.7, 1.0]), 500.0, np.array([0.3, 1.0]), 500.0, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.3141, 0.4545)
    """
    gap = float(np.abs(shares_0 - shares_1).max())
    bound = math.sqrt(math.log(2 / (1 - confidence)) * (1 / n + 1 / m) / 2)
    return max(0.0, gap - bound), max(gap, highest_newcombe(shares_0, n, shares_1, m, confidence))


def placements(scored: Scored) -> tuple[FloatArray, FloatArray]:
    """The placement of each positive among negatives and of each negative among positives, in row order."""
    runs = scored.runs()
    if isinstance(runs, Weighted):
        of_positive, of_negative = _placed(runs)
    else:
        n, p = runs.totals
        of_positive = (2 * np.cumsum(runs.negatives) - runs.negatives) / (2 * n)
        of_negative = 1 - (2 * np.cumsum(runs.positives) - runs.positives) / (2 * p)
    at = np.minimum(np.searchsorted(runs.values, scored.score), len(runs.values) - 1)
    return of_positive[at[scored.label]], of_negative[at[~scored.label]]


def _placed(runs: Weighted) -> tuple[FloatArray, FloatArray]:
    """Placement of a positive and of a negative in each run."""
    middle = np.cumsum(runs.mass, axis=0) - runs.mass / 2
    total_0, total_1 = runs.totals
    return middle[:, 0] / total_0, 1 - middle[:, 1] / total_1


def weighted_auc(runs: Weighted) -> tuple[float, float]:
    """AUC and its linearised variance with a weight for each row.

    Each class's placements are weighted means; the variance is
    ``k / (k - 1) Σ w² (V - A)² / (Σ w)²`` summed over the classes, which is DeLong's at equal weights.
    """
    of_positive, of_negative = _placed(runs)
    total_0, total_1 = runs.totals
    auc = min(1.0, stable_sum(of_positive * runs.mass[:, 1]) / total_1)
    variance = linearised(of_positive - auc, runs.squares[:, 1], total_1, runs.rows[1])
    return auc, variance + linearised(of_negative - auc, runs.squares[:, 0], total_0, runs.rows[0])


def linearised(
    deviation: FloatArray, squares: FloatArray, total: float, k: int, count: Ints | None = None
) -> float:
    """``k / (k - 1) Σ w² d² / (Σ w)²``: the variance of a weighted mean; NaN for fewer than two rows."""
    if k < 2:
        return math.nan
    return stable_sum(squares * deviation**2, count) / total**2 * k / (k - 1)


def largest_gap(
    below_first: npt.NDArray[np.int64], n: int, below_second: npt.NDArray[np.int64], m: int
) -> tuple[Fraction, int]:
    """The largest |F - G| as a fraction, and the first place where it is reached."""
    gap = np.abs(below_first * m - below_second * n)
    place = int(np.argmax(gap))
    return Fraction(int(gap[place]), n * m), place
