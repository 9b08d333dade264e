"""Cut trees into groups of leaves that one small table can hold.

A leaf's Shapley values depend on a row only through which of the leaf's conditions the row meets. A
group is a subtree with `a` distinct features above it and `k` nodes inside: 2**(a + k) patterns
determine the conditions of all its leaves, so one table row per pattern holds their summed values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.forest import Forest

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """Leaves side by side: per distinct feature of the path (`slot`), its feature and cover ratio: (L, D).

    `width` is the number of distinct features; further columns are padding.
    """

    node: IntArray
    value: FloatArray
    width: IntArray
    feature: IntArray
    ratio: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Groups in the order of their roots, with their pattern bits and leaves.

    Bit b of all bits is the AND of the conditions from `bit_first[b]` on: node and whether left. Group g has
    the bits from `group_first[g]` on, lowest first, and the leaves from `leaf_first[g]` on. A leaf meets its
    condition on a slot where `pattern & mask == want`.
    """

    bit_first: IntArray
    node: IntArray
    left: Flags
    group_first: IntArray
    leaf_first: IntArray
    leaves: Leaves
    mask: IntArray
    want: IntArray

    @property
    def bits(self) -> IntArray:
        """Pattern bits of each group."""
        return np.diff(self.group_first)


def cut(nodes: Forest, bits: int, most: int) -> tuple[Groups, IntArray]:
    """Groups of at most `bits` pattern bits (a lone leaf: `most`), and the leaves beyond that."""
    root = _roots(nodes, bits, most)
    leaf = np.flatnonzero(nodes.leaf)
    inside = leaf[root[leaf] >= 0]
    roots = np.unique(root[inside])
    number = np.full(len(root), -1)
    number[root >= 0] = np.searchsorted(roots, root[root >= 0])
    bit = _bits(nodes, number, roots)
    group_first = np.concatenate([[0], np.cumsum(nodes.above[roots] + nodes.inner[roots])]).astype(np.int64)
    inside = inside[np.lexsort((inside, number[inside]))]
    leaves = leaves_of(nodes, inside)
    mask, want = _masks(nodes, leaves, number, bit)
    conditions = _conditions(nodes, roots, number, bit, group_first)
    leaf_first = np.searchsorted(number[inside], np.arange(len(roots) + 1)).astype(np.int64)
    groups = Groups(
        bit_first=conditions[0],
        node=conditions[1],
        left=conditions[2],
        group_first=group_first,
        leaf_first=leaf_first,
        leaves=leaves,
        mask=mask,
        want=want,
    )
    return groups, leaf[root[leaf] < 0]


def _roots(nodes: Forest, bits: int, most: int) -> IntArray:
    """The root of the group that each node belongs to; -1 above all groups and for leaves beyond tables."""
    fits = (nodes.above + nodes.inner <= bits) | (nodes.leaf & (nodes.above <= most))
    root = np.where(fits, np.arange(len(fits)), -1)
    for level in range(1, int(nodes.level.max(initial=0)) + 1):
        at = np.flatnonzero(nodes.level == level)
        above = root[nodes.parent[at]]
        root[at] = np.where(above >= 0, above, root[at])
    return np.asarray(root, np.int64)


def _bits(nodes: Forest, number: IntArray, roots: IntArray) -> IntArray:
    """The pattern bit of each inner node in its group; above groups the slot of its feature."""
    bit = nodes.slot.copy()
    inner = np.flatnonzero(~nodes.leaf & (number >= 0))
    order = inner[np.lexsort((inner, number[inner]))]
    first = np.searchsorted(number[order], np.arange(len(roots)))
    place = np.arange(len(order)) - first[number[order]]
    bit[order] = nodes.above[roots[number[order]]] + place
    return bit


def _conditions(
    nodes: Forest, roots: IntArray, number: IntArray, bit: IntArray, group_first: IntArray
) -> tuple[IntArray, IntArray, Flags]:
    """Every condition by bit: those of the path above a group, then one for each node inside."""
    inner = np.flatnonzero(~nodes.leaf & (number >= 0))
    places, found = [group_first[number[inner]] + bit[inner]], [inner]
    sides = [np.ones(len(inner), bool)]
    for which, at, side in nodes.ups(roots):
        places.append(group_first[which] + bit[at])
        found.append(at)
        sides.append(side)
    place, node, left = np.concatenate(places), np.concatenate(found), np.concatenate(sides)
    order = np.lexsort((node, place))
    first = np.searchsorted(place[order], np.arange(int(group_first[-1]) + 1))
    return first.astype(np.int64), node[order], left[order]


def leaves_of(nodes: Forest, leaf: IntArray) -> Leaves:
    """What the paths of leaves ask, feature by feature."""
    width = nodes.above[leaf]
    shape = (len(leaf), int(width.max(initial=1)) or 1)
    feature, ratio = np.zeros(shape, np.int64), np.ones(shape)
    for which, at, side in nodes.ups(leaf):
        slot = nodes.slot[at]
        feature[which, slot] = nodes.feature[at]
        ratio[which, slot] *= nodes.share_of(at, side)
    return Leaves(node=leaf, value=nodes.value[leaf], width=width, feature=feature, ratio=ratio)


def _masks(nodes: Forest, leaves: Leaves, number: IntArray, bit: IntArray) -> tuple[IntArray, IntArray]:
    mask, want = np.zeros(leaves.feature.shape, np.int64), np.zeros(leaves.feature.shape, np.int64)
    for which, at, side in nodes.ups(leaves.node):
        slot, one = nodes.slot[at], np.left_shift(1, bit[at])
        met = side | (number[at] < 0)
        mask[which, slot] |= one
        want[which, slot] |= np.where(met, one, 0)
    return mask, want
