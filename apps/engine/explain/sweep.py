"""Path-dependent Shapley values by one sweep down and up each tree, at a few points between 0 and 1.

With t between 0 and 1 let each unknown feature follow the training cover, and each feature of the row count
as known with weight t. A tree's value is then a polynomial in t whose parts at the points of a Gauss-Legendre
rule give the Shapley values exactly (`leaf_values` has the formula; a path of D distinct features needs
ceil(D / 2) points). At a node that asks a feature for the first time on its path, o = 1 where the row goes
left and r = the share of the training data that did:

    m = t o + (1 - t) r                 the weight of the left side; the right side has 1 - m
    T_left = T m, T_right = T - T m     going down; T at the root is the weight of the point
    B = B_right + m (B_left - B_right)  coming up; B at a leaf is its value
    phi += (o - r) sum over points of T (B_left - B_right)

Where the path has asked the feature before, with r' the share on that feature so far and f = t + (1 - t) r',
rows that left the path there have m = r and gain nothing, the others m = (t o + (1 - t) r r') / f and the
factor ((o - r r') - (1 - r') m) / f in place of o - r. Sums are in float32 over at most eight trees and in
float64 across; the order of all additions is fixed by the model, so that neither threads nor other rows
change a bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.codes import ROWS, Codes
from apps.engine.explain.forest import Forest
from apps.engine.explain.leaf_values import points
from apps.engine.explain.room import singles

Singles = npt.NDArray[np.float32]
ENTER, LEFT_DOWN, RIGHT_DOWN, UP, TWIG = range(5)
LEFT_LEAF, RIGHT_LEAF, IS_RIGHT, AGAIN = 1, 2, 4, 8
LEVEL, ASKS, RANK, FEATURE, EARLIER, FLAGS, AT = range(7)
TOGETHER = 8
_ENOUGH = 1 << 18
# A twig, step by step: its left child is the next node, its right one comes after that and its two leaves.
_TWIG = (
    (0, ENTER), (0, LEFT_DOWN), (1, ENTER), (1, UP), (0, RIGHT_DOWN), (4, ENTER), (4, UP), (0, UP),
)  # fmt: skip


class Plan(NamedTuple):
    """What a sweep does: per tree its steps (node * 8 + kind), per node what it asks, per point its weights.

    `near` and `far` are m for rows that go left and right, `idle` m of rows that left the path before;
    `gain` and `loss` the factors of those that go left and right. Nodes that ask a feature again have one
    gain and loss per point, others use the first. `used` are the features that any node asks; nodes name
    them by their place in it.
    """

    tree: IntArray
    steps: IntArray
    points: IntArray
    depth: IntArray
    weight_at: IntArray
    weight: Singles
    node: IntArray
    near: Singles
    far: Singles
    gain: Singles
    loss: Singles
    idle: Singles
    low: Singles
    high: Singles
    used: IntArray


def plan(nodes: Forest, view: IntArray, rank: IntArray) -> Plan:
    """The sweep of a forest whose nodes ask `view` and `rank`."""
    flags = _flags(nodes)
    tree, steps = _steps(nodes, _twigs(nodes, flags))
    which = np.repeat(np.arange(len(nodes.tree) - 1), np.diff(nodes.tree))
    depth, widest = np.zeros(len(nodes.tree) - 1, np.int64), np.zeros(len(nodes.tree) - 1, np.int64)
    np.maximum.at(depth, which, nodes.level)
    np.maximum.at(widest, which, nodes.above)
    count = np.maximum(1, (widest + 1) // 2)
    inner = np.flatnonzero(~nodes.leaf)
    used = count[which[inner]]
    at = np.zeros(len(nodes.left), np.int64)
    at[inner] = np.cumsum(used) - used
    where, weights = _rule(count)
    spots = np.repeat(where[which[inner]], used) + np.arange(used.sum()) - np.repeat(at[inner], used)
    constants = _constants(nodes, np.repeat(inner, used), weights[0][spots])
    earlier = np.where(nodes.earlier >= 0, nodes.level[nodes.earlier], -1)
    used = np.unique(nodes.feature[inner])
    lane = np.where(nodes.leaf, 0, np.searchsorted(used, nodes.feature))
    known = np.stack([nodes.level, view, rank, lane, earlier, flags, at, np.zeros_like(at)], axis=1)
    return Plan(
        tree, steps, count, depth, where, weights[1].astype(np.float32), known, *constants,
        nodes.share.astype(np.float32),
        np.where(nodes.left >= 0, nodes.value[nodes.left], 0.0).astype(np.float32),
        np.where(nodes.left >= 0, nodes.value[nodes.right], 0.0).astype(np.float32),
        used,
    )  # fmt: skip


def _rule(count: IntArray) -> tuple[IntArray, tuple[FloatArray, FloatArray]]:
    """The points and weights of every tree's rule, and where each tree's begin."""
    sizes = np.unique(count)
    rules = [np.array(points(2 * int(size))) for size in sizes]
    first = np.cumsum(sizes) - sizes
    joined = np.concatenate(rules) if len(rules) else np.zeros((0, 2))
    return first[np.searchsorted(sizes, count)], (joined[:, 0], joined[:, 1])


def _flags(nodes: Forest) -> IntArray:
    child = nodes.left >= 0
    flags = np.where(child & nodes.leaf[nodes.left], LEFT_LEAF, 0)
    flags |= np.where(child & nodes.leaf[nodes.right], RIGHT_LEAF, 0)
    flags |= np.where(~nodes.went_left, IS_RIGHT, 0) | np.where(nodes.earlier >= 0, AGAIN, 0)
    return np.asarray(flags, np.int64)


def _before(nodes: Forest) -> FloatArray:
    """The share of the training data on a node's own feature, by its earlier questions on the path."""
    before = np.ones(len(nodes.left))
    inner = np.flatnonzero(nodes.earlier >= 0)
    for level in np.unique(nodes.level[inner]):
        at = inner[nodes.level[inner] == level]
        up = nodes.earlier[at]
        before[at] = before[up] * nodes.share_of(up, _side(nodes, at, up))
    return before


def _side(nodes: Forest, below: IntArray, above: IntArray) -> npt.NDArray[np.bool_]:
    """Whether `below` lies left of `above`: nodes are numbered depth first."""
    return np.asarray(below < nodes.right[above])


def _constants(nodes: Forest, node: IntArray, t: FloatArray) -> tuple[Singles, Singles, Singles, Singles]:
    share, before = nodes.share[node], _before(nodes)[node]
    f = t + (1.0 - t) * before
    whole = share * before
    near, far = (t + (1.0 - t) * whole) / f, (1.0 - t) * whole / f
    gain = ((1.0 - whole) - (1.0 - before) * near) / f
    loss = (-whole - (1.0 - before) * far) / f
    made = [a.astype(np.float32) for a in (near, far, gain, loss)]
    return made[0], made[1], made[2], made[3]


def _twigs(nodes: Forest, flags: IntArray) -> npt.NDArray[np.bool_]:
    """The nodes that are swept at once with their two children, all leaves below; no feature asked again."""
    ends = (flags & (LEFT_LEAF | RIGHT_LEAF | AGAIN)) == LEFT_LEAF | RIGHT_LEAF
    fits = ~nodes.leaf & (flags & AGAIN == 0)
    return np.asarray(fits & ends[nodes.left] & ends[nodes.right])


def _steps(nodes: Forest, twig: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """The steps of every tree, depth first, and where each tree's begin."""
    inner = ~nodes.leaf
    inner[nodes.left[twig]] = inner[nodes.right[twig]] = False
    whole = np.where(twig, 1, np.where(inner, 2, 0))
    by_level = [
        np.flatnonzero(inner & (nodes.level == d)) for d in range(int(nodes.level.max(initial=0)) + 1)
    ]
    for at in reversed(by_level):
        for child in (nodes.left[at], nodes.right[at]):
            whole[at] += np.where(inner[child], 1 + whole[child], 0)
    roots = nodes.tree[:-1]
    tree = np.concatenate([[0], np.cumsum(whole[roots])]).astype(np.int64)
    start = np.zeros(len(inner), np.int64)
    start[roots] = tree[:-1]
    steps = np.zeros(int(tree[-1]), np.int64)
    for at in by_level:
        steps[start[at] + whole[at] - 1] = at * 8 + UP
        steps[start[at]] = at * 8 + np.where(twig[at], TWIG, ENTER)
        here = start[at] + 1
        for kind, child in ((LEFT_DOWN, nodes.left[at]), (RIGHT_DOWN, nodes.right[at])):
            go = inner[child]
            steps[here[go]] = at[go] * 8 + kind
            start[child[go]] = here[go] + 1
            here = here + np.where(go, 1 + whole[child], 0)
    return tree, steps


def values(made: Plan, codes: Codes, features: int) -> FloatArray:
    """Values (features, n) of the rows behind `codes` (views, n), n a multiple of 64."""
    count = codes.shape[1]
    total, answer = np.zeros((len(made.used), count)), np.zeros((features, count))
    if kernels.worth(count * len(made.steps), enough=_ENOUGH):
        from apps.engine.kernels.trees import sweep

        levels, most = int(made.depth.max(initial=0)) + 1, int(made.points.max(initial=1))
        sizes = (levels * most * ROWS, 2 * levels * most * ROWS, len(total) * ROWS)
        room = (*(singles(size) for size in sizes), levels)
        where = Plan._make(part.ctypes.data for part in made)
        sweep((codes.ctypes.data, codes.itemsize), count, where, len(made.points), room, TOGETHER, total)
    else:
        _values(made, codes, total)
    answer[made.used] = total
    return answer


def _values(made: Plan, codes: Codes, total: FloatArray) -> None:
    """The same in NumPy: one step after the other, all rows at once."""
    part = np.zeros(total.shape, np.float32)
    for t in range(len(made.points)):
        _Swept(made, codes, part, t).run()
        if t % TOGETHER == TOGETHER - 1 or t == len(made.points) - 1:
            total += part
            part[:] = 0.0


class _Swept:
    """One tree under way: what has come down to and up from each level."""

    def __init__(self, made: Plan, codes: Codes, part: Singles, tree: int) -> None:
        self.plan, self.codes, self.part, self.tree = made, codes, part, tree
        first, self.count = int(made.weight_at[tree]), int(made.points[tree])
        weight = made.weight[first : first + self.count, None]
        self.down = [np.repeat(weight, codes.shape[1], 1)] * (int(made.depth[tree]) + 1)
        self.up: list[list[Singles]] = [[weight, weight] for _ in self.down]
        every = np.ones(codes.shape[1], bool)
        self.goes, self.met = [every] * len(self.down), [every] * len(self.down)

    def run(self) -> None:
        """Every step of the tree."""
        made = self.plan
        for step in made.steps[made.tree[self.tree] : made.tree[self.tree + 1]].tolist():
            node, kind = step >> 3, step & 7
            if kind != TWIG:
                self._step(node, kind)
                continue
            for child, k in _TWIG:
                self._step(node + child, k)

    def _step(self, node: int, kind: int) -> None:
        made, level = self.plan, int(self.plan.node[node, LEVEL])
        if kind == ENTER:
            self.goes[level] = self.codes[made.node[node, ASKS]] <= made.node[node, RANK]
        elif kind == UP:
            self._come(node, level)
        else:
            self._go(node, level, kind == LEFT_DOWN)

    def _old(self, node: int) -> npt.NDArray[np.bool_]:
        return self.met[int(self.plan.node[node, EARLIER])]

    def _share(self, node: int, level: int) -> Singles:
        """The weight m of the left side: (points, n)."""
        made, at = self.plan, int(self.plan.node[node, AT])
        part = slice(at, at + self.count)
        share = np.where(self.goes[level], made.near[part, None], made.far[part, None])
        if made.node[node, FLAGS] & AGAIN:
            share = np.where(self._old(node), share, made.idle[node])
        return share

    def _go(self, node: int, level: int, left: bool) -> None:
        here = self.down[level]
        side = here * self._share(node, level)
        self.down[level + 1] = side if left else here - side
        goes = self.goes[level] if left else ~self.goes[level]
        self.met[level] = goes & self._old(node) if self.plan.node[node, FLAGS] & AGAIN else goes

    def _come(self, node: int, level: int) -> None:
        made, flags = self.plan, int(self.plan.node[node, FLAGS])
        left = made.low[node] if flags & LEFT_LEAF else self.up[level][0]
        right = made.high[node] if flags & RIGHT_LEAF else self.up[level][1]
        apart = left - right
        moved = self.down[level] * apart
        at, goes = int(made.node[node, AT]), self.goes[level]
        if flags & AGAIN:
            part = slice(at, at + self.count)
            factor = np.where(goes, made.gain[part, None], made.loss[part, None])
            moved = moved * np.where(self._old(node), factor, np.float32(0.0))
        total = np.zeros(self.codes.shape[1], np.float32)
        for row in moved:
            total += row
        if not flags & AGAIN:
            total *= np.where(goes, made.gain[at], made.loss[at])
        self.part[made.node[node, FEATURE]] += total
        if level:
            self.up[level - 1][1 if flags & IS_RIGHT else 0] = right + self._share(node, level) * apart
