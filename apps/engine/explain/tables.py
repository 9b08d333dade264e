"""Tables of summed Shapley values by pattern of met conditions: what a row adds is one table row per group.

For the interventional game a background is counted once per pattern, so explaining n rows against m costs
O(n + m). The path-dependent game has tables too, for machines that read them faster than they sweep
(`sweep`). Tables are float32, summed in float32 within a chunk of some hundred kilobytes and in float64
across chunks; the chunks and the order of all additions are fixed by the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.codes import ROWS, Coder, Codes
from apps.engine.explain.forest import Forest
from apps.engine.explain.grouping import Groups
from apps.engine.explain.leaf_values import background_values, path_values, patterns, points
from apps.engine.explain.room import singles
from apps.engine.resources import each

Singles = npt.NDArray[np.float32]
Seen = tuple[Codes, int]
Jobs = tuple[Any, ...]
CHUNK = 1 << 17  # cells of one chunk: half a megabyte, which second-level caches hold
_LANES, _ALL = 16, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some groups with what their patterns ask and their table.

    A row decides every test: `codes[test_view] <= test_rank`. A condition is that a test goes its way
    (`condition_left`); bit b is the AND of the conditions from `bit_first[b]` on, group g has the bits from
    `group_first[g]` on, lowest first, and pattern p of it is row `row_first[g] + p` of `values`. A lane of
    `values` is the feature in `features`; lanes beyond those are padding.
    """

    test_view: IntArray
    test_rank: IntArray
    condition_test: IntArray
    condition_left: npt.NDArray[np.bool_]
    bit_first: IntArray
    group_first: IntArray
    row_first: IntArray
    features: IntArray
    values: Singles


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of groups, and the lanes its leaves' features have."""

    first: int
    last: int
    features: IntArray

    @property
    def width(self) -> int:
        """Lanes of the table, padding included."""
        return _padded(len(self.features))


class Tables:
    """The tables of all groups of a forest, made a chunk at a time; held where they are small.

    Parameters
    ----------
    nodes, coder, groups
        The forest, its ranks and its groups.
    seen : Codes, optional
        The background's ranks and how many of their columns are rows: then interventional values.
    """

    def __init__(self, nodes: Forest, coder: Coder, groups: Groups, seen: Seen | None = None) -> None:
        self.nodes, self.coder, self.groups, self.seen = nodes, coder, groups, seen
        self.parts = _parts(groups, np.unique(nodes.feature[~nodes.leaf]))
        self._fast = kernels.worth(4 * self.cells)

    @property
    def cells(self) -> int:
        """Numbers in all tables."""
        rows = np.concatenate([[0], np.cumsum(1 << self.groups.bits)])
        return sum(int(rows[p.last] - rows[p.first]) * p.width for p in self.parts)

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk, in order; a few are made at a time."""
        for first in range(0, len(self.parts), 32):
            yield from each(self._chunk, self.parts[first : first + 32])

    def _chunk(self, part: _Part) -> Chunk:
        g = self.groups
        bits = slice(g.group_first[part.first], g.group_first[part.last] + 1)
        bit_first = g.bit_first[bits]
        node = g.node[bit_first[0] : bit_first[-1]]
        asked, test = np.unique(self.coder.view[node] << 32 | self.coder.rank[node], return_inverse=True)
        group_first = g.group_first[part.first : part.last + 1] - g.group_first[part.first]
        sizes = 1 << np.diff(group_first)
        row_first = np.cumsum(sizes) - sizes
        empty = Chunk(
            test_view=asked >> 32,
            test_rank=asked & 0xFFFFFFFF,
            condition_test=test.astype(np.int64),
            condition_left=g.left[bit_first[0] : bit_first[-1]],
            bit_first=bit_first - bit_first[0],
            group_first=group_first,
            row_first=row_first,
            features=part.features,
            values=singles(int(sizes.sum()) * part.width).reshape(-1, part.width),
        )
        self._fill(empty, part)
        return empty

    def _fill(self, chunk: Chunk, part: _Part) -> None:
        """Write the values of a chunk's leaves, in the order of the leaves."""
        g = self.groups
        leaf = slice(g.leaf_first[part.first], g.leaf_first[part.last])
        width, value = g.leaves.width[leaf], g.leaves.value[leaf]
        sizes = g.leaf_first[part.first : part.last + 1]
        group = np.repeat(np.arange(part.last - part.first), np.diff(sizes))
        lane = np.searchsorted(part.features, g.leaves.feature[leaf])
        first = np.cumsum(width << width) - (width << width)
        made = np.zeros(int((width << width).sum()))
        if self.seen is None:
            _path(made, first, width, value, g.leaves.ratio[leaf])
        else:
            spots = (group, width, g.mask[leaf], g.want[leaf])
            seen = _seen(chunk, _tallied(chunk, *self.seen, fast=self._fast), spots, first, fast=self._fast)
            _against(made, first, width, value, seen / self.seen[1], fast=self._fast)
        jobs = (group, width, first, lane, g.mask[leaf], g.want[leaf])
        if self._fast:
            from apps.engine.kernels.trees import spread_out

            spread_out(jobs, chunk.row_first, np.diff(chunk.group_first), made, chunk.values)
        else:
            _spread_out(jobs, chunk, made)


def _against(
    made: FloatArray,
    first: IntArray,
    width: IntArray,
    value: FloatArray,
    frequency: FloatArray,
    *,
    fast: bool,
) -> None:
    """Interventional values of leaves, one after the other, from how often each pattern is seen."""
    if fast:
        from apps.engine.kernels.trees import leaf_values

        rules = [np.array(points(d)) for d in range(1, int(width.max(initial=1)) + 1)]
        at = np.cumsum([0] + [len(r) for r in rules])
        leaf_values(first, width, value, frequency, at, np.concatenate(rules), made)
        return
    for d in np.unique(width[width > 0]).tolist():
        mine = np.flatnonzero(width == d)
        spots = first[mine, None] + np.arange(1 << d)
        found = background_values(value[mine], frequency[spots])
        made[first[mine, None] + np.arange(d << d)] = found.reshape(len(mine), -1)


def _padded(lanes: int) -> int:
    return max(1, -(-lanes // _LANES)) * _LANES


def _parts(groups: Groups, used: IntArray) -> list[_Part]:
    """Cut the groups into runs of at most `CHUNK` cells; all features are lanes where they are few."""
    parts, first, count = [], 0, len(groups.bits)
    size = np.cumsum(1 << groups.bits)
    few = len(used) <= _ALL
    while first < count:
        width = _padded(len(used)) if few else _ALL
        before = size[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(size, before + CHUNK // width, side="right")))
        features = used
        if not few:
            leaf = slice(groups.leaf_first[first], groups.leaf_first[last])
            slots = np.arange(groups.leaves.feature.shape[1]) < groups.leaves.width[leaf, None]
            features = np.unique(groups.leaves.feature[leaf][slots])
        parts.append(_Part(first, last, features))
        first = last
    return parts


def _path(made: FloatArray, first: IntArray, width: IntArray, value: FloatArray, ratio: FloatArray) -> None:
    for d in np.unique(width[width > 0]).tolist():
        mine = np.flatnonzero(width == d)
        found = path_values(patterns(d), value[mine], ratio[mine, :d])
        made[first[mine, None] + np.arange(d << d)] = found.reshape(len(mine), -1)


def _own(bits: int, mask: IntArray, want: IntArray) -> IntArray:
    """A leaf's own pattern for each pattern of its group."""
    pattern, own = np.arange(1 << bits), np.zeros(1 << bits, np.int64)
    for slot, (some, must) in enumerate(zip(mask.tolist(), want.tolist(), strict=True)):
        own |= ((pattern & some) == must).astype(np.int64) << slot
    return own


def _spread_out(jobs: Jobs, chunk: Chunk, made: FloatArray) -> None:
    """Add every leaf's table to its group's, in the order of the leaves."""
    group, width, first, lane, mask, want = jobs
    bits = np.diff(chunk.group_first)
    for g in range(len(bits)):
        total = np.zeros((1 << int(bits[g]), chunk.values.shape[1]))
        for leaf in np.flatnonzero(group == g):
            d = int(width[leaf])
            table = made[first[leaf] : first[leaf] + (d << d)].reshape(-1, max(d, 1))
            if d:
                total[:, lane[leaf, :d]] += table[_own(int(bits[g]), mask[leaf, :d], want[leaf, :d])]
        at = int(chunk.row_first[g])
        chunk.values[at : at + len(total)] = total


def _seen(chunk: Chunk, count: IntArray, leaves: Jobs, first: IntArray, *, fast: bool) -> FloatArray:
    """How often the background shows each pattern of each leaf, at `first` of the leaf."""
    group, width, mask, want = leaves
    bits = np.diff(chunk.group_first)
    seen = np.zeros(int((width << width).sum()))
    if fast:
        from apps.engine.kernels.trees import gather

        gather((group, width, first, mask, want), chunk.row_first, bits, count, seen)
        return seen
    for leaf in np.flatnonzero(width):
        g, d = int(group[leaf]), int(width[leaf])
        own = _own(int(bits[g]), mask[leaf, :d], want[leaf, :d])
        mine = count[chunk.row_first[g] : chunk.row_first[g] + len(own)]
        np.add.at(seen, first[leaf] + own, mine)
    return seen


def _tallied(chunk: Chunk, codes: Codes, rows: int, *, fast: bool) -> IntArray:
    """How many of the first `rows` rows show each table row's pattern."""
    count = np.zeros(len(chunk.values), np.int64)
    if fast:
        from apps.engine.kernels.trees import tally

        tally(_codes(codes), codes.shape[1], rows, _asked(chunk), _room(chunk), count)
        return count
    for pattern in _patterns(chunk, codes):
        np.add.at(count, pattern[:rows], 1)
    return count


def add_rows(chunk: Chunk, codes: Codes, total: FloatArray) -> None:
    """Add a chunk's values of each row to `total` (n, F)."""
    if kernels.worth(codes.shape[1] * len(chunk.row_first), enough=1 << 16):
        from apps.engine.kernels.trees import add_tables

        width = chunk.values.shape[1]
        part = singles(width)
        cells, lanes = chunk.values.reshape(-1), (part, chunk.features, _room(chunk))
        add_tables(_codes(codes), codes.shape[1], _asked(chunk), cells, lanes, total)
        return
    part = np.zeros((codes.shape[1], len(chunk.features)), np.float32)
    for pattern in _patterns(chunk, codes):
        part += chunk.values[pattern, : len(chunk.features)]
    total[:, chunk.features] += part[: len(total)]


def _codes(codes: Codes) -> tuple[int, int]:
    return codes.ctypes.data, codes.itemsize


def _room(chunk: Chunk) -> npt.NDArray[np.int32]:
    return np.zeros((len(chunk.row_first), ROWS), np.int32)


def _asked(chunk: Chunk) -> tuple[npt.NDArray[np.generic], ...]:
    return (
        chunk.test_view, chunk.test_rank, chunk.condition_test, chunk.condition_left,
        chunk.bit_first, chunk.group_first, chunk.row_first,
    )  # fmt: skip


def _patterns(chunk: Chunk, codes: Codes) -> Iterator[npt.NDArray[np.intp]]:
    """Per group the table row of each row."""
    decided = codes[chunk.test_view] <= chunk.test_rank[:, None]
    test, left = chunk.condition_test.tolist(), chunk.condition_left.tolist()
    first = chunk.bit_first.tolist()
    for g in range(len(chunk.row_first)):
        bits = range(int(chunk.group_first[g]), int(chunk.group_first[g + 1]))
        place = np.full(codes.shape[1], chunk.row_first[g], np.intp)
        for number, bit in enumerate(bits):
            met = np.logical_and.reduce(
                [decided[test[c]] == left[c] for c in range(first[bit], first[bit + 1])]
            )
            place += met.astype(np.intp) << number
        yield place
