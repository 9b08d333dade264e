"""Confidence intervals in closed form. Each takes counts and the confidence, and stays in range."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

import numpy as np

from apps.engine.columns import FloatArray

Pair = tuple[float, float]
ProportionMethod = Literal["wilson", "clopper_pearson", "jeffreys"]


def z_of(confidence: float) -> float:
    """The two-sided normal quantile.

    Examples
    --------
    >>> round(z_of(0.95), 6)
    1.959964
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float = 0.95) -> Pair:
    """Wilson's score interval for a proportion; n must be positive.

    Centre (p + z²/2n) / (1 + z²/n), half-width z √(p(1-p)/n + z²/4n²) / (1 + z²/n).

    References
    ----------
    Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> [round(x, 4) for x in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    z = z_of(confidence)
    p = successes / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    return low, 1.0 if successes >= n else min(1.0, centre + half)


def clopper_pearson(successes: float, n: float, confidence: float = 0.95) -> Pair:
    """The exact interval by beta quantiles.

    Examples
    --------
    >>> [round(x, 4) for x in clopper_pearson(81, 263)]
    [0.2527, 0.3676]
    """
    tail = (1 - confidence) / 2
    low = 0.0 if successes <= 0 else _beta(successes, n - successes + 1, tail)
    return low, 1.0 if successes >= n else _beta(successes + 1, n - successes, 1 - tail)


def jeffreys(successes: float, n: float, confidence: float = 0.95) -> Pair:
    """Equal-tailed interval of Beta(x + ½, n - x + ½), 0 and 1 closed at the ends.

    Examples
    --------
    >>> [round(x, 4) for x in jeffreys(81, 263)]
    [0.2545, 0.3656]
    """
    tail = (1 - confidence) / 2
    a, b = successes + 0.5, n - successes + 0.5
    low = 0.0 if successes <= 0 else _beta(a, b, tail)
    return low, 1.0 if successes >= n else _beta(a, b, 1 - tail)


def _beta(a: float, b: float, share: float) -> float:
    """A quantile of a beta distribution; its library loads longer than most measurements take."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, share))


def proportion(successes: float, n: float, confidence: float, method: str = "wilson") -> Pair:
    """The interval of that name for a proportion."""
    by_name = {"wilson": wilson, "clopper_pearson": clopper_pearson, "jeffreys": jeffreys}
    return by_name[method](successes, n, confidence)


def katz_log(a: float, n: float, b: float, m: float, confidence: float = 0.95) -> tuple[float, float | None]:
    """Katz's log interval for the ratio of two independent rates (a/n) / (b/m).

    The standard error of the log is √(1/a - 1/n + 1/b - 1/m). Where a is 0 the ratio is 0 and the
    interval is [0, upper] with a + ½ and n + ½ in its place; where b is 0 there is no upper end (None).

    References
    ----------
    Katz, Baptista, Azen, Pike (1978), Biometrics 34, 469-474. Walter (1976), Biometrics 32, 829-849.

    Examples
    --------
    >>> low, high = katz_log(48, 80, 72, 120)
    >>> round(low, 4), round(high, 4)
    (0.7938, 1.2598)
    """
    exact = a > 0 and b > 0
    half = 0.0 if exact else 0.5
    p, q = (a + half) / (n + half), (b + half) / (m + half)
    variance = 1 / (a + half) - 1 / (n + half) + 1 / (b + half) - 1 / (m + half)
    spread = z_of(confidence) * math.sqrt(max(0.0, variance))
    low = 0.0 if a <= 0 else p / q * math.exp(-spread)
    return low, None if b <= 0 else p / q * math.exp(spread)


def newcombe(a: float, n: float, b: float, m: float, confidence: float = 0.95) -> Pair:
    """Newcombe's hybrid score interval for the difference a/n - b/m of independent rates.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> [round(x, 4) for x in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    p, q = a / n, b / m
    (low_p, high_p), (low_q, high_q) = wilson(a, n, confidence), wilson(b, m, confidence)
    gap = p - q
    return (
        max(-1.0, gap - math.hypot(p - low_p, high_q - q)),
        min(1.0, gap + math.hypot(high_p - p, q - low_q)),
    )


def highest_newcombe(p: FloatArray, n: float, q: FloatArray, m: float, confidence: float = 0.95) -> float:
    """The largest of Newcombe's upper limits for ``|p - q|`` over pairs of rates, of n and m rows each.

    Examples
    --------
    >>> round(highest_newcombe(np.array([56 / 70]), 70, np.array([48 / 80]), 80), 4)
    0.3339
    """
    z, n, m = z_of(confidence), float(n), float(m)
    gaps = np.abs(p - q)
    near = gaps >= gaps.max() - newcombe_reach(n, m, confidence)
    first, second = p[near], q[near]
    larger = first >= second
    high, low = np.where(larger, first, second), np.where(larger, second, first)
    of_high, of_low = np.where(larger, n, m), np.where(larger, m, n)
    up = wilson_end(high, of_high, z, 1) - high
    down = low - wilson_end(low, of_low, z, -1)
    return min(1.0, float((high - low + np.hypot(up, down)).max()))


def newcombe_reach(n: float, m: float, confidence: float = 0.95) -> float:
    """How far Newcombe's limits for a difference of rates of n and m rows can lie from it, at most.

    Examples
    --------
    >>> newcombe_reach(100, 100) > newcombe(50, 100, 50, 100)[1]
    True
    """
    z = z_of(confidence)
    return math.hypot(*(z * z / k + z / math.sqrt(k) for k in (n, m))) / 2


def wilson_end(p: FloatArray, n: FloatArray, z: float, side: int) -> FloatArray:
    """The upper (side 1) or lower (side -1) end of Wilson's interval for each of many proportions."""
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found: FloatArray = (p + z * z / (2 * n) + side * half) / (1 + z * z / n)
    return found


def normal(value: float, error: float, confidence: float = 0.95) -> Pair:
    """Value ± z · standard error."""
    half = z_of(confidence) * error
    return value - half, value + half


def logit_scale(value: float, error: float, confidence: float = 0.95) -> Pair:
    """A normal interval on the logit scale, brought back; value strictly within (0, 1).

    Examples
    --------
    >>> [round(x, 4) for x in logit_scale(0.98, 0.01)]
    [0.9474, 0.9925]
    """
    middle = math.log(value / (1 - value))
    low, high = normal(middle, error / (value * (1 - value)), confidence)
    return _expit(low), _expit(high)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def within(interval: Pair, low: float, high: float) -> Pair:
    """The interval cut to a range."""
    return max(low, interval[0]), min(high, interval[1])


def moved_twice(draws: FloatArray, value: float, confidence: float = 0.95) -> Pair:
    """Percentiles of bootstrap draws moved by twice the estimated bias, within [0, 1] and holding the value.

    For figures that chance can only raise, such as sums of squares and of distances: they are too large in a
    sample, and again by as much in a draw from the sample.

    Examples
    --------
    >>> low, high = moved_twice(np.array([0.3, 0.4, 0.5]), 0.3, 0.9)
    >>> round(low, 4), high
    (0.11, 0.3)
    """
    tail = (1 - confidence) / 2
    bias = float(draws.mean()) - value
    low, high = np.quantile(draws, [tail, 1 - tail], method="linear") - 2 * bias
    return max(0.0, min(value, float(low))), min(1.0, max(value, float(high)))


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def shared_confidence(confidence: float, comparisons: int) -> float:
    """The confidence of each of several intervals so that all hold together (Bonferroni).

    Examples
    --------
    >>> shared_confidence(0.95, 5)
    0.99
    """
    return 1 - round((1 - confidence) / max(1, comparisons), 12)
