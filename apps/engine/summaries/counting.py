"""Scores of a batch counted by cell and step; see `apps.engine.kernels.scores` for the compiled form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import FloatArray, IntArray

ROUND = 1.5 * 2.0**22
Coding = tuple[
    Any, npt.NDArray[np.int32]
]  # a small integer for each row, and what each of them adds to the cell


def cells_of(columns: Sequence[Coding], cells: int) -> npt.NDArray[np.unsignedinteger[Any]]:
    """The cell of each row: what its codes stand for, added up, in as few bytes as `cells` cells need.

    Examples
    --------
    >>> first = np.array([0, 1, 1], np.uint8), np.array([0, 2])
    >>> second = np.array([1, 0, 1], np.int32), np.array([0, 1])
    >>> cells_of([first, second], 4)
    array([1, 2, 3], dtype=uint8)
    """
    kind = np.min_scalar_type(max(0, cells - 1))
    found: npt.NDArray[np.unsignedinteger[Any]] = np.zeros(len(columns[0][0]), dtype=kind)
    for code, adds in columns:
        if kernels.worth(len(code)):
            from apps.engine.kernels.cells import add_codes

            add_codes(code, adds.astype(kind), found)
        else:
            found += adds.astype(kind)[code]
    return found


def count_scores(score: Any, cell: npt.NDArray[Any], counts: Any, sums: IntArray) -> None:
    """Add the scores of a batch to `counts` and `sums`.

    Parameters
    ----------
    score : float array (n,)
    cell : int array (n,)
        The cell of each row.
    counts : int array (cells, Q + 3)
        Rows scored 0, in each of the Q steps of ]0, 1[, 1, and outside [0, 1].
    sums : int64 (cells, 2)
        The sums of score and score² in units of 2⁻³⁰; scores outside [0, 1] are left out.

    Examples
    --------
    >>> counts, sums = np.zeros((1, 7), np.int64), np.zeros((1, 2), np.int64)
    >>> count_scores(np.array([0.5, 1.0, np.nan]), np.zeros(3, np.uint8), counts, sums)
    >>> counts.tolist(), (sums / 2**30).tolist()
    ([[0, 0, 0, 1, 0, 1, 1]], [[1.5, 1.25]])
    """
    if kernels.worth(len(score)):
        from apps.engine.kernels.scores import count_scores as compiled

        room = np.empty_like(score), np.empty(len(score), np.uint16), np.empty((4, len(counts)), np.int64)
        compiled(score, cell, counts, sums, room)
        return
    steps = counts.shape[1] - 3
    values, inside = _inside(score)
    step = np.where(inside, values, 0.0) * steps
    place = np.minimum(step.astype(np.int64), np.where(values < 1.0, steps - 1, steps)) + (values > 0.0)
    place[~inside] = steps + 2
    found = np.bincount(cell * np.int64(steps + 3) + place, minlength=counts.size)
    counts += found.reshape(counts.shape).astype(counts.dtype)
    _add_moments(values[inside], cell[inside], sums)


def _add_moments(values: FloatArray, cell: npt.NDArray[Any], sums: IntArray) -> None:
    for power in (0, 1):
        rounded = (values ** (power + 1) + ROUND) - ROUND
        exact = np.bincount(cell, weights=rounded, minlength=len(sums))
        sums[:, power] += (exact * 2.0**30).astype(np.int64)


def _inside(score: Any) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    values = score.astype(np.float64)
    return values, (values >= 0.0) & (values <= 1.0)
