"""Counting scores by cell and step: the compiled twin of `apps.engine.summaries.counting`."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.kernels import kernel

ROUND = 1.5 * 2.0**22  # adding and taking it away rounds a number of [0, 1] to a multiple of 2⁻³⁰
UNIT = 2.0**30


@kernel
def count_scores(score: Any, cell: Any, counts: Any, sums: Any, room: Any) -> None:
    """Add each score to `counts` (cells, Q + 3) and to `sums` (cells, 2), cell by cell.

    Rows are put in the order of their cells first: the counts of one cell stay in the cache where those of
    all would not, and a cell's sums need no look at other rows. `room` has an array of the type of `score`
    and one of uint16, each as long as `score`, and one of int64, (4, cells), to work in.
    """
    parted, steps, ends = room
    _part(score, cell, ends, parted)
    _steps(parted, counts.shape[1] - 3, steps)
    start = 0
    for k in range(len(counts)):
        end = ends[0, k]
        _count(steps[start:end], counts[k])
        first, second = _sums(parted[start:end])
        sums[k, 0] += first
        sums[k, 1] += second
        start = end


@kernel
def _part(score: Any, cell: Any, ends: Any, parted: Any) -> None:
    """The scores in the order of their cells, and in the first row of `ends` where each cell ends."""
    ends[:] = 0
    for i in range(len(score)):
        ends[i & 3, cell[i]] += 1
    start = 0
    for k in range(ends.shape[1]):
        rows = ends[0, k] + ends[1, k] + ends[2, k] + ends[3, k]
        ends[0, k] = start
        start += rows
    for i in range(len(score)):
        end = ends[0, cell[i]]
        parted[end] = score[i]
        ends[0, cell[i]] = end + 1


@kernel
def _steps(score: Any, most: Any, steps: Any) -> None:
    """0, the step in ]0, 1[ that each score is in, 1, and after them what is outside: without a branch."""
    scale = np.float64(most)
    for i in range(len(score)):
        given = np.float64(score[i])
        inside = (given >= 0.0) & (given <= 1.0)
        value = given if inside else np.float64(0.0)
        last = np.int32(most) - (np.int32(1) if value < 1.0 else np.int32(0))
        place = min(np.int32(value * scale), last) + (np.int32(1) if value > 0.0 else np.int32(0))
        steps[i] = place if inside else np.int32(most + 2)


@kernel
def _count(steps: Any, counts: Any) -> None:
    for i in range(len(steps)):
        counts[steps[i]] += 1


@kernel
def _sums(score: Any) -> Any:
    """Score and score², each rounded to 2⁻³⁰, added up in that unit; those outside [0, 1] are left out."""
    first, second = np.int64(0), np.int64(0)
    for i in range(len(score)):
        given = np.float64(score[i])
        value = given if (given >= 0.0) & (given <= 1.0) else np.float64(0.0)
        first += np.int64(((value + ROUND) - ROUND) * UNIT)
        second += np.int64(((value * value + ROUND) - ROUND) * UNIT)
    return first, second
