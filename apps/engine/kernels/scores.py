"""Counting scores by cell and step: the compiled twin of `apps.engine.summaries.counting`."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.kernels import kernel

ROUND = 1.5 * 2.0**22  # adding and taking it away rounds a number of [0, 1] to a multiple of 2⁻³⁰


@kernel
def count_scores(
    score: Any, first: Any, of_first: Any, second: Any, of_second: Any, counts: Any, ends: Any, steps: Any
) -> None:
    """Add each score to `counts` (cells, Q + 3): 0, the Q steps, 1, and what is outside [0, 1].

    The cell of row i is ``of_first[first[i]] + of_second[second[i]]``. Rows are put cell by cell into
    `steps` (uint16, one for each row) first, as the counts of one cell stay in the cache and those of all do
    not; `ends` (int64, one for each cell) is room to work in.
    """
    width = counts.shape[1]
    most = width - 3
    scale = np.float64(most)
    ends[:] = 0
    for i in range(len(score)):
        ends[of_first[first[i]] + of_second[second[i]]] += 1
    start = 0
    for k in range(len(ends)):
        rows = ends[k]
        ends[k] = start
        start += rows
    for i in range(len(score)):
        value = np.float64(score[i])
        place = width - 1
        if 0.0 <= value <= 1.0:
            place = int(value * scale) + (1 if value > 0.0 else 0)
            if place > most and value < 1.0:
                place = most
        k = of_first[first[i]] + of_second[second[i]]
        steps[ends[k]] = place
        ends[k] += 1
    start = 0
    for k in range(len(ends)):
        for i in range(start, ends[k]):
            counts[k, steps[i]] += 1
        start = ends[k]


@kernel
def add_moments(score: Any, first: Any, of_first: Any, second: Any, of_second: Any, sums: Any) -> None:
    """Add score and score², each rounded to 2⁻³⁰, to `sums` (4, cells, 2): exact up to 2²² rows."""
    for i in range(len(score)):
        value = np.float64(score[i])
        if 0.0 <= value <= 1.0:
            lane, k = i & 3, of_first[first[i]] + of_second[second[i]]
            sums[lane, k, 0] += (value + ROUND) - ROUND
            sums[lane, k, 1] += (value * value + ROUND) - ROUND
