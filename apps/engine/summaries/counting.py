"""Scores of a batch counted by cell and step; see `apps.engine.kernels.scores` for the compiled form."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import FloatArray, IntArray

ROUND = 1.5 * 2.0**22
Coding = tuple[
    Any, npt.NDArray[np.int32]
]  # a small integer for each row, and what each of them adds to the cell


def count_scores(score: Any, cells: tuple[Coding, Coding], counts: Any) -> None:
    """Add the scores of a batch to `counts`, (cells, Q + 3): 0, each step, 1, and what is outside."""
    steps = counts.shape[1] - 3
    if kernels.worth(len(score)):
        from apps.engine.kernels.scores import count_scores as compiled

        room = np.empty(len(counts), np.int64), np.empty(len(score), np.uint16)
        compiled(score, *cells[0], *cells[1], counts, *room)
        return
    values, inside = _inside(score)
    step = np.where(inside, values, 0.0) * steps
    place = np.minimum(step.astype(np.int64), np.where(values < 1.0, steps - 1, steps)) + (values > 0.0)
    place[~inside] = steps + 2
    found = np.bincount(_cell(cells) * (steps + 3) + place, minlength=counts.size)
    counts += found.reshape(counts.shape).astype(counts.dtype)


def moments(score: Any, cells: tuple[Coding, Coding], count: int) -> IntArray:
    """The sums of score and score² by cell, (cells, 2), in units of 2⁻³⁰; scores outside [0, 1] are left out.

    Examples
    --------
    >>> none = (np.zeros(2, np.uint8), np.zeros(1, np.int32))
    >>> moments(np.array([0.5, 1.0]), (none, none), 1) / 2**30
    array([[1.5 , 1.25]])
    """
    sums: FloatArray = np.zeros((4, count, 2))
    if kernels.worth(len(score)):
        from apps.engine.kernels.scores import add_moments

        add_moments(score, *cells[0], *cells[1], sums)
    else:
        _add_moments(score, cells, sums[0])
    return np.asarray(sums.sum(axis=0) * 2.0**30, dtype=np.int64)


def _add_moments(score: Any, cells: tuple[Coding, Coding], sums: FloatArray) -> None:
    values, inside = _inside(score)
    cell, values = _cell(cells)[inside], values[inside]
    for power in (0, 1):
        rounded = (values ** (power + 1) + ROUND) - ROUND
        sums[:, power] += np.bincount(cell, weights=rounded, minlength=len(sums))


def _inside(score: Any) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    values = score.astype(np.float64)
    return values, (values >= 0.0) & (values <= 1.0)


def _cell(cells: tuple[Coding, Coding]) -> npt.NDArray[np.int64]:
    (first, of_first), (second, of_second) = cells
    return (of_first[first] + of_second[second]).astype(np.int64)
