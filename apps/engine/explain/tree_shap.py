"""Exact Shapley values of a tree ensemble's margin, without any loop over rows in Python.

Path-dependent values weigh unknown features by training cover and come from one sweep of each tree
(`sweep`); interventional values draw them from a background data set, whose rows are counted once per
pattern (`tables`): cost O(n + m). Both are exact but for rounding, 1e-6 of the margin or less.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import partial

import numpy as np

from apps.engine import kernels
from apps.engine.columns import FloatArray
from apps.engine.explain import sweep
from apps.engine.explain.codes import Coder, Codes
from apps.engine.explain.ensemble import Ensemble
from apps.engine.explain.forest import Forest, forest
from apps.engine.explain.grouping import cut
from apps.engine.explain.long_leaves import LongLeaves
from apps.engine.explain.tables import Chunk, Tables, add_rows
from apps.engine.resources import each

BITS, MOST_BITS = 8, 12
_HELD = 1 << 26
_BLOCK = 1 << 12


class TreeShap:
    """Explains rows of one ensemble; with `background`, interventional, else path-dependent.

    Parameters
    ----------
    ensemble : Ensemble
        The trees; path-dependent values need their cover.
    background : array (m, F), optional
        The rows that unknown features are drawn from.

    Attributes
    ----------
    base : float
        The value of knowing nothing: `base` plus a row's values is its margin.

    Raises
    ------
    ValueError
        If path-dependent values are asked of trees without cover.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        background: FloatArray | None = None,
        *,
        bits: int = BITS,
        most: int = MOST_BITS,
    ) -> None:
        if background is None and not ensemble.has_cover:
            raise ValueError("path-dependent values need the training cover of every node")
        self.ensemble, self.nodes, self._bits = ensemble, forest(ensemble.trees), (bits, most)
        self.coder = Coder(ensemble, self.nodes)
        self._plan: sweep.Plan | None = None
        self._cut: tuple[Tables, LongLeaves] | None = None
        self._know(background)

    def against(self, background: FloatArray) -> TreeShap:
        """The same trees explained against another background, without cutting them again."""
        other = copy(self)
        other._know(background)
        return other

    def _know(self, background: FloatArray | None) -> None:
        """Take the background in."""
        self._held: list[Chunk] | None = None
        if background is None:
            self._seen = None
            self.base = self.ensemble.base + _expected(self.nodes)
        else:
            self._seen = (self.coder.encode(background), len(background))
            self.base = float(self._margins(*self._seen).mean())

    def values(self, matrix: FloatArray) -> FloatArray:
        """Shapley values (n, F) of the margin; additive with `base` to rounding.

        Rows are worked through in blocks, on threads; a row's values depend on no other row.
        """
        return self._valued(matrix)[0]

    def explained(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shapley values (n, F) and, from a walk down the trees that is no part of them, the margins (n,)."""
        total, work = self._valued(matrix)
        margins = each(lambda item: self._margins(item[1], len(total[item[0]])), work)
        return total, np.concatenate([*margins, np.zeros(0)])

    def _valued(self, matrix: FloatArray) -> tuple[FloatArray, list[tuple[slice, Codes]]]:
        """The values, and the blocks of rows with their codes."""
        total = np.zeros((len(matrix), self.ensemble.features))
        blocks = [slice(i, i + _BLOCK) for i in range(0, len(matrix), _BLOCK)]
        codes = each(lambda part: self.coder.encode(matrix[part]), blocks)
        work = list(zip(blocks, codes, strict=True))
        if self._seen is None:
            each(lambda item: self._swept(item[1], total[item[0]]), work)
        else:
            self._tabled(work, total)
        return total, work

    def _swept(self, codes: Codes, total: FloatArray) -> None:
        total[:] = sweep.values(self.plan, codes, self.ensemble.features)[:, : len(total)].T

    def _tabled(self, work: list[tuple[slice, Codes]], total: FloatArray) -> None:
        """Interventional values: chunk by chunk of the tables, every block of rows."""
        tables, long = self._pieces()
        if self._held is None and tables.cells <= _HELD:
            self._held = list(tables.chunks())
        for chunk in self._held or tables.chunks():
            each(partial(_add, chunk, total), work)
        if len(long):
            each(lambda item: long.add_to(total[item[0]], item[1], self._seen), work)

    @property
    def background_rows(self) -> int:
        """How many rows unknown features are drawn from; 0 for path-dependent values."""
        return 0 if self._seen is None else self._seen[1]

    @property
    def longest(self) -> int:
        """The most distinct features that any path asks."""
        return int(self.nodes.above.max(initial=0))

    @property
    def plan(self) -> sweep.Plan:
        """The sweep of these trees."""
        if self._plan is None:
            self._plan = sweep.plan(self.nodes, self.coder.view, self.coder.rank)
        return self._plan

    def chunks(self) -> Iterator[Chunk]:
        """The tables, some of the groups at a time: what they give, summed over chunks, is `values`.

        True of both games; leaves beyond any table are added by `add_long`.
        """
        return self._pieces()[0].chunks()

    def add_long(self, codes: Codes, total: FloatArray) -> None:
        """Add the values of leaves beyond any table to `total` (n, F)."""
        self._pieces()[1].add_to(total, codes, self._seen)

    @property
    def has_long(self) -> bool:
        """Whether some leaves are beyond any table."""
        return len(self._pieces()[1]) > 0

    def _pieces(self) -> tuple[Tables, LongLeaves]:
        if self._cut is None:
            groups, long = cut(self.nodes, *self._bits)
            self._cut = (
                Tables(self.nodes, self.coder, groups, self._seen),
                LongLeaves(self.nodes, self.coder, long),
            )
        tables, long_leaves = self._cut
        tables = copy(tables)
        tables.seen = self._seen
        return tables, long_leaves

    def _margins(self, codes: Codes, rows: int) -> FloatArray:
        """The margin of the rows behind `codes` by walking the trees, in the order of the trees."""
        total = np.full(codes.shape[1], self.ensemble.base)
        nodes, coder = self.nodes, self.coder
        if kernels.worth(rows * (len(nodes.tree) - 1), enough=1 << 14):
            from apps.engine.kernels.trees import margins

            asked = (nodes.tree, coder.view, coder.rank, nodes.left, nodes.right, nodes.value)
            margins((codes.ctypes.data, codes.itemsize), codes.shape[1], asked, total)
            return total[:rows]
        for root in nodes.tree[:-1].tolist():
            at = np.full(codes.shape[1], root)
            while (going := np.flatnonzero(nodes.left[at] >= 0)).size:
                node = at[going]
                left = codes[coder.view[node], going] <= coder.rank[node]
                at[going] = np.where(left, nodes.left[node], nodes.right[node])
            total += nodes.value[at]
        return total[:rows]


def _add(chunk: Chunk, total: FloatArray, item: tuple[slice, Codes]) -> None:
    add_rows(chunk, item[1], total[item[0]])


def _expected(nodes: Forest) -> float:
    """The sum over trees of the mean over training cover."""
    expected = nodes.value.copy()
    for level in range(int(nodes.level.max(initial=0)), -1, -1):
        at = np.flatnonzero((nodes.level == level) & ~nodes.leaf)
        left, right = expected[nodes.left[at]], expected[nodes.right[at]]
        expected[at] = right + nodes.share[at] * (left - right)
    return float(expected[nodes.tree[:-1]].sum())
