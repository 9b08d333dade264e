"""Exact Shapley values of a tree ensemble's margin, without any loop over rows in Python.

Every group of leaves (`grouping`) becomes one table of summed values (`leaf_values`); explaining a row
is one table row per group. Path-dependent values weigh unknown features by training cover,
interventional values by a background data set, whose rows are counted once per pattern: cost O(n + m).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
        self._seen = None if background is None else self.coder.encode(background)
        self.base = self._base() if background is None else float(ensemble.margin(background).mean())
        self._held = list(self._tables()) if self._cells() <= _BATCH else None

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
        tables = list(self._tables()) if self._held is None else self._held
        codes = self.coder.encode(matrix)
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

    def _tables(self) -> Iterator[Table]:
        """All tables in order, built a bounded number of cells at a time."""
        batch: list[LeafGroup] = []
        cells = 0
        for group in self._groups:
            batch.append(group)
            cells += sum(1 << max(len(leaf.features), 1) for leaf in group.leaves) * 8
            if cells > _CHUNK:
                yield from self._built(batch)
                batch, cells = [], 0
        yield from self._built(batch)

    def _built(self, groups: list[LeafGroup]) -> Iterator[Table]:
        frequencies = self._frequencies(groups)
        by_width: dict[int, list[tuple[int, Leaf]]] = {}
        for number, group in enumerate(groups):
            for leaf in group.leaves:
                by_width.setdefault(len(leaf.features), []).append((number, leaf))
        touched = [sorted({f for leaf in g.leaves for f in leaf.features}) for g in groups]
        values = [np.zeros((1 << len(g.bits), len(t))) for g, t in zip(groups, touched, strict=True)]
        for width in sorted(by_width):
            self._fill(width, by_width[width], groups, touched, values, frequencies)
        for group, features, table in zip(groups, touched, values, strict=True):
            columns = np.ascontiguousarray(table.T)
            yield Table(group.tree, group.bits, np.array(features, np.int64), columns)

    def _fill(
        self,
        width: int,
        leaves: list[tuple[int, Leaf]],
        groups: list[LeafGroup],
        touched: list[list[int]],
        values: list[FloatArray],
        frequencies: list[FloatArray] | None,
    ) -> None:
        if width == 0:
            return
        where = [_leaf_pattern(leaf, len(groups[number].bits)) for number, leaf in leaves]
        value = np.array([leaf.value for _, leaf in leaves])
        if frequencies is None:
            ratio = np.array([leaf.ratios for _, leaf in leaves])
            made = path_values(patterns(width), value, ratio)
        else:
            seen: FloatArray = np.stack(
                [
                    np.bincount(at, weights=frequencies[number], minlength=1 << width)
                    for at, (number, _) in zip(where, leaves, strict=True)
                ]
            )
            made = background_values(value, seen)
        for (number, leaf), at, rows in zip(leaves, where, made, strict=True):
            columns = np.searchsorted(touched[number], leaf.features)
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
) -> npt.NDArray[np.int64]:
    """The pattern number of each row."""
    pattern = np.zeros(decisions.shape[1], np.int64)
    for bit, conditions in enumerate(bits):
        met = np.logical_and.reduce([decisions[n] if left else ~decisions[n] for n, left in conditions])
        pattern |= met.astype(np.int64) << bit
    return pattern


def _leaf_pattern(leaf: Leaf, bits: int) -> npt.NDArray[np.int64]:
    """For each pattern of the group, the leaf's own pattern."""
    pattern = np.arange(1 << bits)
    own = np.zeros(1 << bits, np.int64)
    for j, (mask, want) in enumerate(zip(leaf.masks, leaf.wants, strict=True)):
        own |= ((pattern & mask) == want).astype(np.int64) << j
    return own


def _distinct(met: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Distinct patterns of (D, n) conditions as integers, and the place of each row among them."""
    if len(met) > 62:
        raise ValueError("a leaf on more than 62 distinct features")
    numbers = (met.astype(np.int64) << np.arange(len(met))[:, None]).sum(0)
    found, place = np.unique(numbers, return_inverse=True)
    return found, place
