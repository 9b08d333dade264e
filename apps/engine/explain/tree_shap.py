"""Exact Shapley values of a tree ensemble's margin, without any loop over rows in Python.

Every group of leaves (`grouping`) becomes one table of summed values (`leaf_values`); explaining a row
is one table row per group. Path-dependent values weigh unknown features by training cover,
interventional values by a background data set, whose rows are counted once per pattern: cost O(n + m).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.codes import Coder, Codes
from apps.engine.explain.ensemble import Ensemble
from apps.engine.explain.grouping import Leaf, LeafGroup, LongLeaf, cut
from apps.engine.explain.leaf_values import background_values, pair_values, path_values, patterns

BITS, MOST_BITS = 8, 12
_CHUNK = 1 << 21
_BATCH = 1 << 23
_BLOCK = 1 << 13


@dataclass(frozen=True, slots=True)
class Table:
    """One group ready to use: the features it touches and, for each, its value at every pattern."""

    tree: int
    bits: Sequence[Sequence[tuple[int, bool]]]
    features: IntArray
    values: FloatArray


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
        self.ensemble, self.coder = ensemble, Coder(ensemble)
        self._groups, self._long = cut(ensemble.trees, bits, most)
        self._know(background)

    def against(self, background: FloatArray) -> TreeShap:
        """The same trees explained against another background, without cutting them again."""
        other = copy(self)
        other._know(background)
        return other

    def _know(self, background: FloatArray | None) -> None:
        """Take the background in, and build the tables where they are small enough to keep."""
        self._seen = None if background is None else self.coder.encode(background)
        self.base = self._base() if background is None else float(self.ensemble.margin(background).mean())
        small = self._cells() <= _BATCH
        self._held = [table for batch in self._batches() for table in batch] if small else None

    def _base(self) -> float:
        """The mean over training cover: each leaf's value times the product of its ratios."""
        leaves = [leaf for group in self._groups for leaf in group.leaves] + list(self._long)
        return self.ensemble.base + sum(leaf.value * math.prod(leaf.ratios) for leaf in leaves)

    def _cells(self) -> int:
        return sum((1 << len(g.bits)) * 8 for g in self._groups)

    def values(self, matrix: FloatArray) -> FloatArray:
        """Shapley values (n, F) of the margin; additive to rounding with `base`.

        Rows are worked through in blocks that stay in the cache; a row's values do not depend on them.
        """
        total = np.zeros((self.ensemble.features, len(matrix)))
        codes = self.coder.encode(matrix)
        for tables in self._batches() if self._held is None else (self._held,):
            for first in range(0, len(matrix), _BLOCK):
                part = slice(first, first + _BLOCK)
                self._add(np.ascontiguousarray(codes[:, part]), tables, total[:, part])
        for leaf in self._long:
            self._add_long(leaf, codes, total)
        return np.ascontiguousarray(total.T)

    def _add(self, codes: Codes, tables: list[Table], total: FloatArray) -> None:
        """Add every table's values to `total` (F, rows), table by table."""
        tree, decisions = -1, np.zeros((0, 0), bool)
        for table in tables:
            if table.tree != tree:
                tree, decisions = table.tree, self.coder.decisions(table.tree, codes)
            pattern = _pattern(table.bits, decisions)
            for column, feature in zip(table.values, table.features.tolist(), strict=True):
                total[feature] += column.take(pattern)

    def _batches(self) -> Iterator[list[Table]]:
        """All tables in order, a bounded number of cells at a time."""
        batch: list[LeafGroup] = []
        cells = 0
        for group in self._groups:
            batch.append(group)
            cells += sum(1 << max(len(leaf.features), 1) for leaf in group.leaves) * 8
            if cells > _CHUNK:
                yield self._built(batch)
                batch, cells = [], 0
        if batch:
            yield self._built(batch)

    def _built(self, groups: list[LeafGroup]) -> list[Table]:
        frequencies = self._frequencies(groups)
        by_shape: dict[tuple[int, int], list[tuple[int, Leaf]]] = {}
        for number, group in enumerate(groups):
            for leaf in group.leaves:
                shape = (len(leaf.features), len(group.bits))
                by_shape.setdefault(shape, []).append((number, leaf))
        touched = [sorted({f for leaf in g.leaves for f in leaf.features}) for g in groups]
        values = [np.zeros((1 << len(g.bits), len(t))) for g, t in zip(groups, touched, strict=True)]
        for (width, bits), leaves in sorted(by_shape.items(), key=lambda item: item[0]):
            if width:
                self._fill((width, bits), leaves, touched, values, frequencies)
        return [
            Table(g.tree, g.bits, np.array(t, np.int64), np.ascontiguousarray(v.T))
            for g, t, v in zip(groups, touched, values, strict=True)
        ]

    def _fill(
        self,
        shape: tuple[int, int],
        leaves: list[tuple[int, Leaf]],
        touched: list[list[int]],
        values: list[FloatArray],
        frequencies: list[FloatArray] | None,
    ) -> None:
        """Add leaves of one width, in groups of one number of bits, to their groups' tables."""
        width, bits = shape
        where = _leaf_patterns([leaf for _, leaf in leaves], bits)
        value = np.array([leaf.value for _, leaf in leaves])
        if frequencies is None:
            made = path_values(patterns(width), value, np.array([leaf.ratios for _, leaf in leaves]))
        else:
            weights = np.stack([frequencies[number] for number, _ in leaves])
            places = where + (np.arange(len(leaves)) << width)[:, None]
            seen: FloatArray = np.bincount(
                places.ravel(), weights.ravel(), minlength=len(leaves) << width
            ).astype(np.float64)
            made = background_values(value, seen.reshape(len(leaves), 1 << width))
        for (number, leaf), at, rows in zip(leaves, where, made, strict=True):
            columns = [touched[number].index(f) for f in leaf.features]
            values[number][:, columns] += rows[at]

    def _frequencies(self, groups: list[LeafGroup]) -> list[FloatArray] | None:
        """Per group: how often the background shows each pattern."""
        if self._seen is None:
            return None
        answer = []
        tree, decisions = -1, np.zeros((0, 0), bool)
        for group in groups:
            if group.tree != tree:
                tree, decisions = group.tree, self.coder.decisions(group.tree, self._seen)
            counts = np.bincount(_pattern(group.bits, decisions), minlength=1 << len(group.bits))
            answer.append(counts / self._seen.shape[1])
        return answer

    def _met(self, leaf: LongLeaf, codes: Codes) -> npt.NDArray[np.bool_]:
        """Per distinct feature whether each row meets all the leaf's conditions on it: (D, n)."""
        view, rank = self.coder.view[leaf.tree], self.coder.rank[leaf.tree]
        return np.stack(
            [
                np.logical_and.reduce([(codes[view[n]] <= rank[n]) == left for n, left in conditions])
                for conditions in leaf.conditions
            ]
        )

    def _add_long(self, leaf: LongLeaf, codes: Codes, total: FloatArray) -> None:
        """A leaf beyond any table, each distinct pattern worked out once."""
        width = len(leaf.features)
        mine, back = _distinct(self._met(leaf, codes))
        bits = ((mine[:, None] >> np.arange(width)) & 1).astype(np.float64)
        if self._seen is None:
            rows = path_values(bits, np.array([leaf.value]), np.array([leaf.ratios]))[0]
        else:
            theirs, place = _distinct(self._met(leaf, self._seen))
            weight = np.bincount(place) / self._seen.shape[1]
            step = max(1, _CHUNK // (len(theirs) * width))
            parts = [
                pair_values(mine[i : i + step], theirs, weight, width) for i in range(0, len(mine), step)
            ]
            rows = np.concatenate(parts) * leaf.value
        for column, feature in enumerate(leaf.features):
            total[feature] += rows[back, column]


def _pattern(
    bits: Sequence[Sequence[tuple[int, bool]]], decisions: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """The pattern number of each row: bit b is set where all conditions of `bits[b]` are met."""
    count = decisions.shape[1]
    packed = np.zeros((len(bits) // 8 + 1, count), np.uint8)
    for bit, conditions in enumerate(bits):
        node, left = conditions[0]
        met = decisions[node] if left else ~decisions[node]
        for node, left in conditions[1:]:
            met = met & decisions[node] if left else met & ~decisions[node]
        packed[bit // 8] |= met.view(np.uint8) << np.uint8(bit % 8)
    pattern: npt.NDArray[np.intp] = packed[0].astype(np.intp)
    for byte, column in enumerate(packed[1:], start=1):
        pattern |= column.astype(np.intp) << (8 * byte)
    return pattern


def _leaf_patterns(leaves: Sequence[Leaf], bits: int) -> npt.NDArray[np.int64]:
    """For leaves of one width: the leaf's own pattern for each pattern of the group, (L, 2**bits)."""
    pattern = np.arange(1 << bits)
    masks = np.array([leaf.masks for leaf in leaves])
    wants = np.array([leaf.wants for leaf in leaves])
    own = np.zeros((len(leaves), 1 << bits), np.int64)
    for j in range(masks.shape[1]):
        own |= ((pattern & masks[:, j, None]) == wants[:, j, None]).astype(np.int64) << j
    return own


def _distinct(met: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Distinct patterns of (D, n) conditions as integers, and the place of each row among them."""
    if len(met) > 62:
        raise ValueError("a leaf on more than 62 distinct features")
    numbers = (met.astype(np.int64) << np.arange(len(met))[:, None]).sum(0)
    found, place = np.unique(numbers, return_inverse=True)
    return found, place
