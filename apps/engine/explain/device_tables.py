"""Tree explanations on a GPU: the tables of `tables`, read there by the array API.

The processor reads a chunk of tables from its cache; a GPU has thousands of rows read it at once. Both add up
the same tables: float32 within them, here in float64 over the groups, so the two differ by rounding alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.device import Arrays, arrays
from apps.engine.explain.tables import Chunk
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.resources import current

WORTH, CELLS = 1 << 28, 1 << 27
"""Rows times nodes from which a GPU is asked; numbers held at once for a chunk on it."""


def explained(shap: TreeShap, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shapley values (n, F) and margins (n,): on a GPU where one may be used and there is enough to do."""
    large = len(matrix) * len(shap.nodes.feature) >= WORTH
    if current().device == "cpu" or not (large or current().device == "cuda"):
        return shap.explained(matrix)
    place = arrays()
    return (
        shap.explained(matrix)
        if place.is_cpu
        else (values(shap, matrix, place), shap.ensemble.margin(matrix))
    )


def values(shap: TreeShap, matrix: FloatArray, place: Arrays) -> FloatArray:
    """Shapley values (n, F) by the tables of `shap`, read on that device."""
    xp, n, features = place.xp, len(matrix), shap.ensemble.features
    codes = shap.coder.encode(matrix)
    given = place.hand_in(codes[:, :n].astype(np.int32))
    total = place.hand_in(np.zeros((n, features)))
    for chunk in shap.chunks():
        ready = _Ready(chunk, features, place)
        step = max(1, CELLS // ready.cells)
        parts = [ready.added(given[:, i : min(n, i + step)]) for i in range(0, n, step)]
        total = total + xp.concat(parts, axis=0)
    answer = np.array(place.hand_out(total))
    if shap.has_long:
        shap.add_long(codes, answer)
    return answer


class _Ready:
    """A chunk of tables on the device."""

    def __init__(self, chunk: Chunk, features: int, place: Arrays) -> None:
        self.xp, held = place.xp, place.hand_in
        bits = np.arange(len(chunk.bit_first) - 1)
        group = np.searchsorted(chunk.group_first, bits, side="right") - 1
        self.view, self.rank = held(chunk.test_view), held(chunk.test_rank.astype(np.int32)[:, None])
        self.test, self.left = held(chunk.condition_test), held(chunk.condition_left[:, None])
        self.bit_ends = held(chunk.bit_first[:-1]), held(chunk.bit_first[1:])
        self.group_ends = held(chunk.group_first[:-1]), held(chunk.group_first[1:])
        self.power = held((1 << (bits - chunk.group_first[group]))[:, None])
        self.first, self.table = held(chunk.row_first[:, None]), held(chunk.values)
        lanes = np.zeros((chunk.values.shape[1], features))
        lanes[np.arange(len(chunk.features)), chunk.features] = 1.0
        self.lanes, self.groups = held(lanes), len(chunk.row_first)
        self.cells = max(len(chunk.condition_test) + len(bits), self.groups * chunk.values.shape[1] * 2, 1)

    def added(self, codes: Any) -> Any:
        """What the chunk adds to each row: (rows, F)."""
        xp, n = self.xp, codes.shape[1]
        decided = xp.take(codes, self.view, axis=0) <= self.rank
        unmet = xp.take(decided, self.test, axis=0) != self.left
        met = xp.astype(self._sums(xp.astype(unmet, xp.int64), self.bit_ends) == 0, xp.int64)
        row = self._sums(met * self.power, self.group_ends) + self.first
        found = xp.take(self.table, xp.reshape(row, (-1,)), axis=0)
        by_group = xp.reshape(found, (self.groups, n, self.table.shape[1]))
        return xp.matmul(xp.sum(by_group, axis=0, dtype=xp.float64), self.lanes)

    def _sums(self, values: Any, ends: tuple[Any, Any]) -> Any:
        """Sums of consecutive rows, each from one end to the other."""
        below = self.xp.cumulative_sum(values, axis=0, include_initial=True)
        return self.xp.take(below, ends[1], axis=0) - self.xp.take(below, ends[0], axis=0)
