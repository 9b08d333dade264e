"""Loops of the ranking checks: scores parted by class, runs of equal scores merged, runs ranked.

Every figure is a whole number; the sums hold for up to 2**30 rows.
"""

from __future__ import annotations

from typing import Any

from apps.engine.kernels import kernel

_LOW_BITS = 31
_LOW_MASK = (1 << 31) - 1


@kernel
def count_cells(codes: Any, flags: Any, groups: int, sizes: Any) -> None:
    """Add to `sizes` how many rows lie in each cell ``flag · groups + code``."""
    for i in range(len(codes)):
        sizes[flags[i] * groups + codes[i]] += 1


@kernel
def part(score: Any, codes: Any, flags: Any, groups: int, starts: Any, parted: Any) -> None:
    """Put scores beside those of the same cell; `starts` (used up) says where each cell goes on."""
    for i in range(len(score)):
        cell = flags[i] * groups + codes[i]
        parted[starts[cell]] = score[i]
        starts[cell] += 1


@kernel
def place_evenly(score: Any, edges: Any, codes: Any) -> None:
    """The bin of each score in [0, 1] among inner edges at equal steps; bins are closed above."""
    last = len(edges)
    for i in range(len(score)):
        value = score[i]
        k = min(int(value * (last + 1)), last)
        while k > 0 and value <= edges[k - 1]:
            k -= 1
        while k < last and value > edges[k]:
            k += 1
        codes[i] = k


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


@kernel
def wide_cuts(negatives: Any, positives: Any, scale: Any, first: Any, second: Any) -> int:
    """Rows of each class at or below the cuts whose gap ``|below_0 p - below_1 n|`` is at least `least`.

    `scale` holds n, p and `least`; how many cuts there are.
    """
    n, p, least = scale[0], scale[1], scale[2]
    below_0, below_1, made = 0, 0, 0
    for k in range(len(negatives)):
        below_0 += negatives[k]
        below_1 += positives[k]
        if abs(below_0 * p - below_1 * n) >= least:
            first[made], second[made] = below_0, below_1
            made += 1
    return made


@kernel
def walk_sorted(negative: Any, positive: Any) -> Any:
    """As `rank_runs`, straight from the sorted scores of both classes; the place is left out."""
    n, p = len(negative), len(positive)
    i, j, total, gap = 0, 0, 0, 0
    x_low, x_high, w_low, w_high = 0, 0, 0, 0
    while i < n and j < p:
        value = min(negative[i], positive[j])
        below_0, below_1 = i, j
        while i < n and negative[i] == value:
            i += 1
        while j < p and positive[j] == value:
            j += 1
        a, b = i - below_0, j - below_1
        x, w = below_0 + i, below_1 + j
        total += b * x
        x_low += b * ((x * x) & _LOW_MASK)
        x_high += b * ((x * x) >> _LOW_BITS)
        w_low += a * ((w * w) & _LOW_MASK)
        w_high += a * ((w * w) >> _LOW_BITS)
        gap = max(gap, abs(i * p - j * n))
    total += (p - j) * 2 * n
    x_low += (p - j) * ((4 * n * n) & _LOW_MASK)
    x_high += (p - j) * ((4 * n * n) >> _LOW_BITS)
    w_low += (n - i) * ((4 * p * p) & _LOW_MASK)
    w_high += (n - i) * ((4 * p * p) >> _LOW_BITS)
    return total, x_low, x_high, w_low, w_high, gap
