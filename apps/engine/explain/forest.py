"""All trees of an ensemble as flat arrays in depth-first order, with what each node knows of its path.

Worked out level by level over all trees at once; no loop over trees or nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.ensemble import IN_LEFT, Tree

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Nodes of all trees, each tree depth first, left before right; -1 stands for none.

    `tree` has the first node of each tree and the end. `share` is the part of a node's training data that
    goes left (one half where unknown). `earlier` is the nearest ancestor that asks the same feature, `slot`
    numbers the distinct features of a path from the root on, `above` counts those before a node, `inner` the
    inner nodes of its subtree, itself included. `sets` are the categories of nodes that split by them; their
    threshold is a place in it.
    """

    tree: IntArray
    feature: IntArray
    threshold: FloatArray
    missing: IntArray
    left: IntArray
    right: IntArray
    parent: IntArray
    went_left: Flags
    level: IntArray
    value: FloatArray
    share: FloatArray
    earlier: IntArray
    slot: IntArray
    above: IntArray
    inner: IntArray
    sets: tuple[IntArray, ...]

    @property
    def leaf(self) -> Flags:
        """Which nodes are leaves."""
        return np.asarray(self.left < 0)

    def ups(self, nodes: IntArray) -> list[tuple[IntArray, IntArray, Flags]]:
        """The ways up from nodes, a step at a time: which of `nodes`, its ancestor, whether it went left."""
        steps, which, at = [], np.arange(len(nodes)), nodes
        while len(which):
            up, side = self.parent[at], self.went_left[at]
            known = up >= 0
            which, at, side = which[known], up[known], side[known]
            if len(which):
                steps.append((which, at, side))
        return steps

    def share_of(self, node: IntArray, left: Flags) -> FloatArray:
        """The part of the nodes' training data that went to that side."""
        return np.where(left, self.share[node], 1.0 - self.share[node])


def forest(trees: Sequence[Tree]) -> Forest:
    """Flatten trees."""
    first = np.concatenate([[0], np.cumsum([t.size for t in trees])]).astype(np.int64)
    offset = np.repeat(first[:-1], np.diff(first))
    left, right = (_joined([getattr(t, side) for t in trees]).astype(np.int64) for side in ("left", "right"))
    left, right = np.where(left >= 0, left + offset, -1), np.where(left >= 0, right + offset, -1)
    levels = _levels(first[:-1], left, right)
    order, inner = _depth_first(first, left, right, levels)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    left = np.where(left >= 0, place[left], -1)[order]
    right = np.where(right >= 0, place[right], -1)[order]
    feature = np.where(left >= 0, _joined([t.feature for t in trees])[order], 0).astype(np.int64)
    cover = _joined([np.ones(t.size) if t.cover is None else t.cover for t in trees])[order].astype(
        np.float64
    )
    known = np.concatenate([np.full(t.size, t.cover is not None) for t in trees] or [np.zeros(0, bool)])
    sets, threshold = _sets(trees)
    return _known(
        sets=sets,
        levels=[np.sort(place[nodes]) for nodes in levels],
        tree=np.append(np.unique(place[first[:-1]]), first[-1]) if len(trees) else first,
        feature=feature,
        threshold=threshold[order],
        missing=_joined([t.missing for t in trees])[order].astype(np.int64),
        left=left,
        right=right,
        value=np.where(left < 0, _joined([t.value for t in trees])[order], 0.0),
        share=_shares(cover, known[order], left),
        inner=inner[order],
    )


def _joined(parts: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    return np.concatenate(parts) if len(parts) else np.zeros(0)


def _levels(roots: IntArray, left: IntArray, right: IntArray) -> list[IntArray]:
    """The nodes of each depth."""
    levels, at = [], roots
    while len(at):
        levels.append(at)
        split = at[left[at] >= 0]
        at = np.concatenate([left[split], right[split]])
    return levels


def _depth_first(
    first: IntArray, left: IntArray, right: IntArray, levels: list[IntArray]
) -> tuple[IntArray, IntArray]:
    """The nodes in depth-first order, and how many inner nodes each subtree has."""
    inner, start = np.zeros(len(left), np.int64), np.zeros(len(left), np.int64)
    for nodes in reversed(levels):
        split = nodes[left[nodes] >= 0]
        inner[split] = 1 + inner[left[split]] + inner[right[split]]
    start[first[:-1]] = first[:-1]
    for nodes in levels:
        split = nodes[left[nodes] >= 0]
        start[left[split]] = start[split] + 1
        start[right[split]] = start[split] + 2 + 2 * inner[left[split]]
    return np.argsort(start, kind="stable"), inner


def _shares(cover: FloatArray, known: Flags, left: IntArray) -> FloatArray:
    share = np.full(len(left), 0.5)
    split = np.flatnonzero((left >= 0) & known & (cover > 0))
    share[split] = cover[left[split]] / cover[split]
    return share


def _sets(trees: Sequence[Tree]) -> tuple[tuple[IntArray, ...], FloatArray]:
    """All sets of categories, equal ones once, and every node's threshold as a place among them."""
    place: dict[bytes, int] = {}
    sets: list[IntArray] = []
    thresholds = []
    for tree in trees:
        mine = []
        for chosen in tree.sets:
            key = chosen.astype(np.int64).tobytes()
            if key not in place:
                place[key] = len(sets)
                sets.append(chosen.astype(np.int64))
            mine.append(place[key])
        threshold = tree.threshold.astype(np.float64)
        if mine:
            by_set = (tree.missing >= IN_LEFT) & (tree.left >= 0)
            threshold = np.where(
                by_set, np.array(mine)[np.where(by_set, threshold, 0).astype(int)], threshold
            )
        thresholds.append(threshold)
    return tuple(sets), _joined(thresholds).astype(np.float64)


def _known(*, levels: list[IntArray], sets: tuple[IntArray, ...], **parts: np.ndarray) -> Forest:
    """Add what each node knows of its path."""
    left, right, feature = parts["left"], parts["right"], parts["feature"]
    count = len(left)
    parent, went_left = np.full(count, -1), np.zeros(count, bool)
    level, above = np.zeros(count, np.int64), np.zeros(count, np.int64)
    split = np.flatnonzero(left >= 0)
    parent[left[split]], parent[right[split]] = split, split
    went_left[left[split]] = True
    earlier = _earlier(parent, feature, split)
    slot = np.zeros(count, np.int64)
    for depth, nodes in enumerate(levels):
        level[nodes] = depth
        at = nodes[left[nodes] >= 0]
        again = earlier[at] >= 0
        slot[at] = np.where(again, slot[earlier[at]], above[at])
        for child in (left[at], right[at]):
            above[child] = above[at] + ~again
    return Forest(
        parent=parent,
        went_left=went_left,
        level=level,
        earlier=earlier,
        slot=slot,
        above=above,
        sets=sets,
        **parts,
    )


def _earlier(parent: IntArray, feature: IntArray, split: IntArray) -> IntArray:
    """For each inner node the nearest ancestor with the same feature."""
    found = np.full(len(parent), -1)
    asking, at = split, parent[split]
    while len(asking):
        asking, at = asking[at >= 0], at[at >= 0]
        same = feature[at] == feature[asking]
        found[asking[same]] = at[same]
        asking, at = asking[~same], parent[at[~same]]
    return found
