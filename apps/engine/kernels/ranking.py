"""Loops of the ranking checks: scores parted by class, runs of equal scores merged, runs ranked.

Every figure is a whole number; the sums hold for up to 2**30 rows.
"""

from __future__ import annotations

from typing import Any

from apps.engine.kernels import kernel

_LOW_BITS = 31
_LOW_MASK = (1 << 31) - 1


@kernel
def part(score: Any, first: Any, second: Any, starts: Any, parted: Any) -> None:
    """Put scores beside those of the same cell ``2 · first + second``; `starts` (used up) says where."""
    for i in range(len(score)):
        cell = 2 * first[i] + second[i]
        parted[starts[cell]] = score[i]
        starts[cell] += 1


@kernel
def merge_runs(negative: Any, positive: Any, values: Any, negatives: Any, positives: Any) -> int:
    """The runs of equal scores of two sorted samples: each value, its negatives and positives; how many."""
    n, p = len(negative), len(positive)
    i, j, made = 0, 0, 0
    while i < n or j < p:
        lower = j == p or (i < n and negative[i] <= positive[j])
        value = negative[i] if lower else positive[j]
        a, b = i, j
        while i < n and negative[i] == value:
            i += 1
        while j < p and positive[j] == value:
            j += 1
        values[made], negatives[made], positives[made] = value, i - a, j - b
        made += 1
    return made


@kernel
def rank_runs(negatives: Any, positives: Any, n: int, p: int) -> Any:
    """Placements and gaps of runs of equal scores, ascending.

    With x twice the mid-count of negatives below a positive, and w the same of positives below a negative:
    sum x, sum of x² and of w² in two words of 31 bits, the largest ``|below_0 p - below_1 n|`` and its place.
    """
    below_0, below_1, total, gap, place = 0, 0, 0, -1, 0
    x_low, x_high, w_low, w_high = 0, 0, 0, 0
    for k in range(len(negatives)):
        a, b = negatives[k], positives[k]
        x, w = 2 * below_0 + a, 2 * below_1 + b
        total += b * x
        x_low += b * ((x * x) & _LOW_MASK)
        x_high += b * ((x * x) >> _LOW_BITS)
        w_low += a * ((w * w) & _LOW_MASK)
        w_high += a * ((w * w) >> _LOW_BITS)
        below_0 += a
        below_1 += b
        distance = abs(below_0 * p - below_1 * n)
        if distance > gap:
            gap, place = distance, k
    return total, x_low, x_high, w_low, w_high, gap, place
