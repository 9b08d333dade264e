"""Ranking of two classes from sorted scores: AUC with DeLong's variance, and the KS gap.

Everything that is a count stays an integer, so the results are exact fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import Pair, clopper_pearson, logit_scale, normal, within
from apps.engine.numeric import Ints, exact_sum, exact_sum_of_squares, stable_sum

LOGIT_ABOVE = 0.95
FEW = 50


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


def rank(score: FloatArray, label: BoolArray) -> Ranking:
    """AUC = U / (N P) with U = Σ over positives of (negatives below + ½ negatives equal).

    The variance is the unbiased DeLong form, from the same placements:
    ``S10 / (P - 1) / P + S01 / (N - 1) / N`` with S10, S01 the sample variances of the placements.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845. Sun, Xu (2014), IEEE SPL 21, 1389-1393.

    Examples
    --------
    >>> rank(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).auc
    Fraction(3, 4)
    """
    negative, positive = np.sort(score[~label]), np.sort(score[label])
    n, p = len(negative), len(positive)
    above = twice_below(positive, negative)
    total = exact_sum(above)
    if n < 2 or p < 2:
        return Ranking(Fraction(total, 2 * n * p), None, n, p)
    below = twice_below(negative, positive)
    return Ranking(Fraction(total, 2 * n * p), _spread(above, n) / p + _spread(below, p) / n, n, p)


def twice_below(of: FloatArray, among: FloatArray) -> Ints:
    """Twice the mid-count of `among` below each of `of`; both sorted."""
    left = np.searchsorted(among, of, side="left")
    right = np.searchsorted(among, of, side="right")
    return np.asarray(left + right, dtype=np.int64)


def _spread(twice: Ints, other: int) -> Fraction:
    """The sample variance of placements ``twice / (2 other)``."""
    k, total = len(twice), exact_sum(twice)
    squares = Fraction(exact_sum_of_squares(twice)) - Fraction(total * total, k)
    return squares / (4 * other * other) / (k - 1)


def auc_interval(ranking: Ranking, confidence: float) -> tuple[Pair | None, str]:
    """The interval of an AUC and the name of its method.

    Normal on DeLong's error; on the logit scale above 0.95, below 0.05 or with fewer than 50 in a class;
    at exactly 0 or 1, where the variance is 0, the exact binomial bound on min(N, P) disjoint pairs.
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
    if fewest < FEW or not 1 - LOGIT_ABOVE <= auc <= LOGIT_ABOVE:
        return logit_scale(float(auc), error, confidence), "DeLong, logit scale"
    return within(normal(float(auc), error, confidence), 0.0, 1.0), "DeLong"


def placements(score: FloatArray, label: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The placement of each positive among negatives and of each negative among positives, in row order."""
    negative, positive = score[~label], score[label]
    of_positive = twice_below(positive, np.sort(negative)) / (2 * len(negative))
    of_negative = 1 - twice_below(negative, np.sort(positive)) / (2 * len(positive))
    return of_positive, of_negative


def weighted_auc(score: FloatArray, label: BoolArray, weight: FloatArray) -> tuple[float, float]:
    """AUC and its linearised variance with a weight for each row.

    Each class's placements are weighted means; the variance is
    ``k / (k - 1) Σ w² (V - A)² / (Σ w)²`` summed over the classes, which is DeLong's at equal weights.
    """
    of_positive = _weighted_below(score[label], score[~label], weight[~label])
    of_negative = 1 - _weighted_below(score[~label], score[label], weight[label])
    auc = stable_sum(of_positive * weight[label]) / stable_sum(weight[label])
    variance = _linearised(of_positive - auc, weight[label]) + _linearised(of_negative - auc, weight[~label])
    return auc, variance


def _weighted_below(of: FloatArray, among: FloatArray, weight: FloatArray) -> FloatArray:
    order = np.lexsort((weight, among))
    ordered = among[order]
    running = np.concatenate(([0.0], np.cumsum(weight[order])))
    left = running[np.searchsorted(ordered, of, side="left")]
    right = running[np.searchsorted(ordered, of, side="right")]
    return np.asarray((left + right) / (2 * running[-1]), dtype=np.float64)


def _linearised(deviation: FloatArray, weight: FloatArray) -> float:
    k = int(np.count_nonzero(weight))
    if k < 2:
        return math.nan
    return stable_sum((weight * deviation) ** 2) / stable_sum(weight) ** 2 * k / (k - 1)


def cumulative(score: FloatArray, label: BoolArray) -> tuple[FloatArray, Ints, Ints]:
    """Distinct scores ascending, and how many negatives and positives lie at or below each."""
    return curves(np.sort(score[~label]), np.sort(score[label]))


def curves(negative: FloatArray, positive: FloatArray) -> tuple[FloatArray, Ints, Ints]:
    """As `cumulative`, from each class's sorted scores."""
    both = np.sort(np.concatenate((negative, positive)))
    values = both[np.concatenate((both[1:] != both[:-1], [True]))]
    below_0 = np.searchsorted(negative, values, side="right").astype(np.int64)
    below_all = np.searchsorted(both, values, side="right").astype(np.int64)
    return values, below_0, below_all - below_0


def largest_gap(
    below_first: npt.NDArray[np.int64], n: int, below_second: npt.NDArray[np.int64], m: int
) -> tuple[Fraction, int]:
    """The largest |F - G| as a fraction, and the first place where it is reached."""
    gap = np.abs(below_first * m - below_second * n)
    place = int(np.argmax(gap))
    return Fraction(int(gap[place]), n * m), place
