"""Cut trees into groups of leaves that one small table can hold.

A leaf's Shapley values depend on a row only through which of the leaf's conditions the row meets. A
group is a subtree with `a` distinct features above it and `k` nodes inside: 2**(a + k) patterns
determine the conditions of all its leaves, so one table row per pattern holds their summed values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.engine.explain.ensemble import Tree

Path = tuple[tuple[int, bool], ...]


@dataclass(slots=True)
class Leaf:
    """One leaf inside a group: per distinct feature, which pattern bits must be how, and its cover ratio."""

    value: float
    features: list[int]
    masks: list[int]
    wants: list[int]
    ratios: list[float]


@dataclass(slots=True)
class LeafGroup:
    """Leaves that share a table: `bits[b]` lists the (node, went left) that bit b is the AND of."""

    tree: int
    bits: list[list[tuple[int, bool]]] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)


@dataclass(slots=True)
class LongLeaf:
    """A leaf with too many distinct features for a table, by feature: its conditions and cover ratio."""

    tree: int
    value: float
    features: list[int]
    conditions: list[list[tuple[int, bool]]]
    ratios: list[float]


def cut(trees: Sequence[Tree], bits: int, most: int) -> tuple[list[LeafGroup], list[LongLeaf]]:
    """Groups of at most `bits` pattern bits (a lone leaf: `most`), and the leaves beyond that."""
    groups: list[LeafGroup] = []
    long: list[LongLeaf] = []
    for number, tree in enumerate(trees):
        _Cutter(number, tree, bits, most, groups, long).place()
    return groups, long


class _Cutter:
    """Cuts one tree."""

    def __init__(
        self, number: int, tree: Tree, bits: int, most: int, groups: list[LeafGroup], long: list[LongLeaf]
    ) -> None:
        self.number, self.bits, self.most, self.groups, self.long = number, bits, most, groups, long
        self.feature = tree.feature.tolist()
        self.left, self.right = tree.left.tolist(), tree.right.tolist()
        self.value = tree.value.tolist()
        self.cover = tree.cover.tolist() if tree.cover is not None else None
        self.inner = self._count()

    def _count(self) -> list[int]:
        """How many inner nodes each subtree has; children before parents, without recursion."""
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if self.left[node] >= 0:
                waiting += [self.left[node], self.right[node]]
        inner = [0] * len(self.feature)
        for node in reversed(order):
            if self.left[node] >= 0:
                inner[node] = 1 + inner[self.left[node]] + inner[self.right[node]]
        return inner

    def place(self) -> None:
        """Emit maximal subtrees that fit."""
        waiting: list[tuple[int, Path]] = [(0, ())]
        while waiting:
            node, path = waiting.pop()
            width = len({self.feature[n] for n, _ in path}) + self.inner[node]
            leaf = self.left[node] < 0
            if width <= self.bits or (leaf and width <= self.most):
                self._group(node, path)
            elif leaf:
                self._long(node, path)
            else:
                waiting.append((self.right[node], (*path, (node, False))))
                waiting.append((self.left[node], (*path, (node, True))))

    def ratio(self, node: int, left: bool) -> float:
        """The share of the node's training data that went to that side."""
        if self.cover is None or self.cover[node] <= 0:
            return 0.5
        return float(self.cover[self.left[node] if left else self.right[node]] / self.cover[node])

    def _above(self, path: Path) -> tuple[dict[int, list[tuple[int, bool]]], dict[int, float]]:
        conditions: dict[int, list[tuple[int, bool]]] = {}
        ratios: dict[int, float] = {}
        for node, left in path:
            feature = self.feature[node]
            conditions.setdefault(feature, []).append((node, left))
            ratios[feature] = ratios.get(feature, 1.0) * self.ratio(node, left)
        return conditions, ratios

    def _long(self, node: int, path: Path) -> None:
        conditions, ratios = self._above(path)
        self.long.append(
            LongLeaf(
                self.number,
                self.value[node],
                list(conditions),
                list(conditions.values()),
                list(ratios.values()),
            )
        )

    def _group(self, root: int, path: Path) -> None:
        conditions, ratios = self._above(path)
        group = LeafGroup(self.number, bits=list(conditions.values()))
        masks = {f: (1 << b, 1 << b) for b, f in enumerate(conditions)}
        waiting = [(root, masks, ratios)]
        while waiting:
            node, masks, ratios = waiting.pop()
            if self.left[node] < 0:
                group.leaves.append(_leaf(self.value[node], masks, ratios))
                continue
            bit = 1 << len(group.bits)
            group.bits.append([(node, True)])
            for left in (False, True):
                waiting.append(self._step(node, left, bit, masks, ratios))
        self.groups.append(group)

    def _step(
        self, node: int, left: bool, bit: int, masks: dict[int, tuple[int, int]], ratios: dict[int, float]
    ) -> tuple[int, dict[int, tuple[int, int]], dict[int, float]]:
        feature = self.feature[node]
        mask, want = masks.get(feature, (0, 0))
        child = self.left[node] if left else self.right[node]
        return (
            child,
            {**masks, feature: (mask | bit, want | bit if left else want)},
            {**ratios, feature: ratios.get(feature, 1.0) * self.ratio(node, left)},
        )


def _leaf(value: float, masks: dict[int, tuple[int, int]], ratios: dict[int, float]) -> Leaf:
    features = sorted(masks)
    return Leaf(
        value,
        features,
        [masks[f][0] for f in features],
        [masks[f][1] for f in features],
        [ratios[f] for f in features],
    )
