"""Loops over trees: ranks, margins, path-dependent values; sixty-four rows in step.

Arrays that are read in the innermost loops come as addresses (`explain.sweep.Plan` of them); the NumPy twins
are in `explain`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.kernels import kernel
from apps.engine.kernels.lanes import (
    add,
    at_most_8,
    at_most_16,
    at_most_32,
    load_half,
    load_rows,
    load_wide,
    lowest,
    mark,
    mul,
    pick,
    spread,
    spread_half,
    store,
    sub,
    whole,
)

R = 64
LEVEL, ASKS, RANK, FEATURE, EARLIER, FLAGS, AT, _, WIDE = range(9)


@kernel
def encode(values: Any, feature: Any, mode: Any, first: Any, cuts: Any, codes: Any) -> None:
    """Ranks of each view's column of `values` (n, F) into `codes` (views, at least n)."""
    beyond = np.int64(np.iinfo(codes.dtype).max)
    for view in range(len(feature)):
        if mode[view] >= 5:  # by category: the caller's
            continue
        low, count = first[view], first[view + 1] - first[view]
        for r in range(len(values)):
            x = values[r, feature[view]]
            zero = np.abs(x) <= 1e-35
            if mode[view] == 2 and np.isnan(x):
                x = 0.0
            if np.isnan(x) or (mode[view] >= 3 and zero):
                codes[view, r] = 0 if mode[view] == 1 or mode[view] == 4 else beyond
                continue
            at, rest = low, count
            while rest > 0:
                half = rest >> 1
                right = cuts[at + half] < x
                at = at + half + 1 if right else at
                rest = rest - half - 1 if right else half
            codes[view, r] = at - low


@kernel
def at_most(codes: Any, at: int, rank: int) -> Any:
    """Sixty-four comparisons of codes of any width: (address, bytes each)."""
    address, size = codes
    if size == 1:
        return at_most_8(address, at, rank)
    if size == 2:
        return at_most_16(address, at, rank)
    return at_most_32(address, at, rank)


@kernel
def margins(codes: Any, n: int, nodes: Any, total: Any) -> None:
    """Add to `total` (n,) the leaf that each row reaches, tree by tree; nodes follow their parents."""
    tree, asks, rank, left, right, value = nodes
    most = 0
    for t in range(len(tree) - 1):
        most = max(most, tree[t + 1] - tree[t])
    reach = np.zeros(most, np.uint64)
    nothing, one = np.uint64(0), np.uint64(1)
    for r in range(0, n, R):
        for t in range(len(tree) - 1):
            root = tree[t]
            reach[0] = ~nothing
            for i in range(root, tree[t + 1]):
                rows = reach[i - root]
                if left[i] >= 0:
                    goes = at_most(codes, asks[i] * n + r, rank[i]) if rows != nothing else nothing
                    reach[left[i] - root] = rows & goes
                    reach[right[i] - root] = rows & ~goes
                    continue
                while rows != nothing:
                    total[r + lowest(rows)] += value[i]
                    rows &= rows - one


@kernel
def _share(plan: Any, flags: int, i: int, at: int, goes: Any, old: Any) -> Any:
    """The weight of the left side at one point."""
    share = pick(goes, spread(plan.near, at), spread(plan.far, at))
    if flags & 8:
        share = pick(old, share, spread(plan.idle, i))
    return share


@kernel
def _go(plan: Any, i: int, q: int, down: Any, here: int, masks: Any, left: bool) -> None:
    """Down to a child: `down` at the level after that of `here`."""
    goes, old = masks
    flags, c = whole(plan.node, i * WIDE + FLAGS), whole(plan.node, i * WIDE + AT)
    there = here + q * R
    for k in range(q):
        above = load_rows(down, here + k * R)
        side = mul(above, _share(plan, flags, i, c + k, goes, old))
        store(down, there + k * R, side if left else sub(above, side))


@kernel
def _ends(plan: Any, i: int, q: int, down: Any, here: int, up: Any, to: int, masks: Any, part: Any) -> None:
    """Come up from a node of two leaves that asks its feature for the first time."""
    goes, _ = masks
    c, f = whole(plan.node, i * WIDE + AT), whole(plan.node, i * WIDE + FEATURE) * R
    right = spread(plan.high, i)
    apart = sub(spread(plan.low, i), right)
    total = mul(load_rows(down, here), apart)
    for k in range(1, q):
        total = add(total, mul(load_rows(down, here + k * R), apart))
    total = mul(total, pick(goes, spread(plan.gain, c), spread(plan.loss, c)))
    store(part, f, add(load_rows(part, f), total))
    if to >= 0:
        for k in range(q):
            share = pick(goes, spread(plan.near, c + k), spread(plan.far, c + k))
            store(up, to + k * R, add(right, mul(share, apart)))


@kernel
def _come(plan: Any, i: int, q: int, down: Any, here: int, up: Any, to: int, masks: Any, part: Any) -> None:
    """Come up from any node; the children's values stand in `up`, two runs a level."""
    goes, old = masks
    flags, c = whole(plan.node, i * WIDE + FLAGS), whole(plan.node, i * WIDE + AT)
    f = whole(plan.node, i * WIDE + FEATURE) * R
    none = sub(spread(plan.low, i), spread(plan.low, i))
    total = none
    for k in range(q):
        left = spread(plan.low, i) if flags & 1 else load_rows(up, 2 * here + k * R)
        right = spread(plan.high, i) if flags & 2 else load_rows(up, 2 * here + (q + k) * R)
        apart = sub(left, right)
        moved = mul(load_rows(down, here + k * R), apart)
        if flags & 8:
            factor = pick(goes, spread(plan.gain, c + k), spread(plan.loss, c + k))
            moved = mul(moved, pick(old, factor, none))
        total = add(total, moved)
        if to >= 0:
            store(up, to + k * R, add(right, mul(_share(plan, flags, i, c + k, goes, old), apart)))
    if not flags & 8:
        total = mul(total, pick(goes, spread(plan.gain, c), spread(plan.loss, c)))
    store(part, f, add(load_rows(part, f), total))


@kernel
def _gained(plan: Any, i: int, goes: Any, total: Any, half: int, part: int) -> None:
    """Add what a node gives its feature, for thirty-two rows."""
    c, at = whole(plan.node, i * WIDE + AT), whole(plan.node, i * WIDE + FEATURE) * R + half
    factor = pick(goes, spread_half(plan.gain, c), spread_half(plan.loss, c))
    store(part, at, add(load_half(part, at), mul(total, factor)))


@kernel
def _twig(
    plan: Any, i: int, q: int, down: int, here: int, up: int, to: int, masks: Any, half: int, part: int
) -> None:
    """Down and up a node whose children, `i` + 1 and `i` + 4, have two leaves each, for thirty-two rows."""
    goes, goes_left, goes_right = masks
    c, a, b = (
        whole(plan.node, i * WIDE + AT),
        whole(plan.node, (i + 1) * WIDE + AT),
        whole(plan.node, (i + 4) * WIDE + AT),
    )
    left_high, right_high = spread_half(plan.high, i + 1), spread_half(plan.high, i + 4)
    left_apart = sub(spread_half(plan.low, i + 1), left_high)
    right_apart = sub(spread_half(plan.low, i + 4), right_high)
    total = left_total = right_total = sub(left_high, left_high)
    for k in range(q):
        above = load_half(down, here + k * R + half)
        share = pick(goes, spread_half(plan.near, c + k), spread_half(plan.far, c + k))
        side = mul(above, share)
        left_total = add(left_total, mul(side, left_apart))
        right_total = add(right_total, mul(sub(above, side), right_apart))
        under = pick(goes_left, spread_half(plan.near, a + k), spread_half(plan.far, a + k))
        left = add(left_high, mul(under, left_apart))
        under = pick(goes_right, spread_half(plan.near, b + k), spread_half(plan.far, b + k))
        right = add(right_high, mul(under, right_apart))
        apart = sub(left, right)
        total = add(total, mul(above, apart))
        if to >= 0:
            store(up, to + k * R + half, add(right, mul(share, apart)))
    _gained(plan, i + 1, goes_left, left_total, half, part)
    _gained(plan, i + 4, goes_right, right_total, half, part)
    _gained(plan, i, goes, total, half, part)


@kernel
def _goes(codes: Any, n: int, r: int, plan: Any, i: int) -> Any:
    """Which rows go left at a node."""
    return at_most(codes, whole(plan.node, i * WIDE + ASKS) * n + r, whole(plan.node, i * WIDE + RANK))


@kernel
def _tree(codes: Any, n: int, r: int, plan: Any, t: int, room: Any, part: Any) -> None:
    """One tree for sixty-four rows."""
    down, up, goes, met = room
    q, all_rows = whole(plan.points, t), ~np.uint64(0)
    for k in range(q):
        store(down, k * R, spread(plan.weight, whole(plan.weight_at, t) + k))
    for p in range(whole(plan.tree, t), whole(plan.tree, t + 1)):
        step = whole(plan.steps, p)
        i, kind = step >> 3, step & 7
        node = i * WIDE
        level, flags = whole(plan.node, node + LEVEL), whole(plan.node, node + FLAGS)
        here = level * q * R
        if kind == 0:
            goes[level] = _goes(codes, n, r, plan, i)
            continue
        to = (2 * (level - 1) + (1 if flags & 4 else 0)) * q * R if level else -1
        if kind == 4:
            rows = _goes(codes, n, r, plan, i)
            left, right = _goes(codes, n, r, plan, i + 1), _goes(codes, n, r, plan, i + 4)
            high = np.uint64(32)
            _twig(plan, i, q, down, here, up, to, (rows, left, right), 0, part)
            _twig(plan, i, q, down, here, up, to, (rows >> high, left >> high, right >> high), 32, part)
            continue
        old = met[whole(plan.node, node + EARLIER)] if flags & 8 else all_rows
        masks = (goes[level], old)
        if kind == 3:
            if flags & 11 == 3:
                _ends(plan, i, q, down, here, up, to, masks, part)
            else:
                _come(plan, i, q, down, here, up, to, masks, part)
        else:
            met[level] = old & (goes[level] if kind == 1 else ~goes[level])
            _go(plan, i, q, down, here, masks, kind == 1)


@kernel
def sweep(codes: Any, n: int, plan: Any, trees: int, room: Any, together: int, total: Any) -> None:
    """Add path-dependent values of all trees to `total` (features, n): `explain.sweep` has the formulas.

    `codes` is the address of the codes and their bytes each; `room` what a tree has under way (the caller
    holds it, for its addresses are used) and the sums of the trees taken together.
    """
    down, up, part, levels = room
    goes, met = np.zeros(levels, np.uint64), np.zeros(levels, np.uint64)
    under_way = (down.ctypes.data, up.ctypes.data, goes, met)
    for r in range(0, n, R):
        for t in range(trees):
            _tree(codes, n, r, plan, t, under_way, part.ctypes.data)
            if t % together == together - 1 or t == trees - 1:
                for f in range(len(total)):
                    for row in range(R):
                        total[f, r + row] += np.float64(part[f * R + row])
                        part[f * R + row] = 0.0


@kernel
def _own(pattern: int, mask: Any, want: Any, leaf: int, width: int) -> int:
    """A leaf's own pattern for a pattern of its group."""
    own = 0
    for slot in range(width):
        if pattern & mask[leaf, slot] == want[leaf, slot]:
            own |= 1 << slot
    return own


@kernel
def gather(leaves: Any, row_first: Any, bits: Any, count: Any, seen: Any) -> None:
    """Counts of group patterns summed by the leaves' own patterns."""
    group, width, first, mask, want = leaves
    for leaf in range(len(group)):
        g = group[leaf]
        for pattern in range(1 << bits[g] if width[leaf] else 0):
            times = count[row_first[g] + pattern]
            if times:
                seen[first[leaf] + _own(pattern, mask, want, leaf, width[leaf])] += times


@kernel
def _map(table: Any, to: Any, size: int, bit: int, four: Any) -> None:
    """A 2x2 map along one bit of the pattern: `leaf_values.background_values`."""
    a, b, c, d = four
    step = 1 << bit
    for base in range(0, size, 2 * step):
        for p in range(base, base + step):
            absent, present = table[p], table[p + step]
            to[p] = a * absent + b * present
            to[p + step] = c * absent + d * present


@kernel
def leaf_values(first: Any, width: Any, value: Any, frequency: Any, at: Any, rule: Any, made: Any) -> None:
    """Interventional values of leaves one after the other, each (2**width, width) from its `first`."""
    most = 1
    for leaf in range(len(width)):
        most = max(most, width[leaf])
    met, change = np.empty(1 << most), np.empty(1 << most)
    for leaf in range(len(width)):
        d, start = width[leaf], first[leaf]
        size = 1 << d
        for k in range(at[d - 1] if d else 0, at[d] if d else 0):
            t, weight = rule[k, 0], rule[k, 1]
            met[:size] = frequency[start : start + size]
            for j in range(d):
                _map(met, change, size, j, (0.0, -1.0, 1.0, 0.0))
                for i in range(j + 1, d):
                    _map(change, change, size, i, (0.0, 1.0 - t, t, 1.0))
                for p in range(size):
                    made[start + p * d + j] += weight * change[p]
                _map(met, met, size, j, (0.0, 1.0 - t, t, 1.0))
        for p in range(d << d):
            made[start + p] *= value[leaf]


@kernel
def spread_out(leaves: Any, row_first: Any, bits: Any, made: Any, values: Any) -> None:
    """Sum the leaves' tables into their groups', in the order of the leaves."""
    group, width, first, lane, mask, want = leaves
    leaf, most = 0, 0
    for g in range(len(bits)):
        most = max(most, bits[g])
    total = np.empty((1 << most, values.shape[1]))
    for g in range(len(bits)):
        size = 1 << bits[g]
        total[:size] = 0.0
        while leaf < len(group) and group[leaf] == g:
            d = width[leaf]
            for pattern in range(size if d else 0):
                at = first[leaf] + _own(pattern, mask, want, leaf, d) * d
                for slot in range(d):
                    total[pattern, lane[leaf, slot]] += made[at + slot]
            leaf += 1
        for pattern in range(size):
            for f in range(values.shape[1]):
                values[row_first[g] + pattern, f] = np.float32(total[pattern, f])


@kernel
def _place(codes: Any, n: int, r: int, asked: Any, decided: Any, place: Any) -> None:
    """The table row of sixty-four rows in each group: `place` (groups, 64)."""
    test_view, test_rank, test, left, bit_first, group_first, row_first = asked
    for k in range(len(test_view)):
        decided[k] = at_most(codes, test_view[k] * n + r, test_rank[k])
    for g in range(len(row_first)):
        for row in range(R):
            place[g, row] = row_first[g]
        for bit in range(group_first[g], group_first[g + 1]):
            met = ~np.uint64(0)
            for c in range(bit_first[bit], bit_first[bit + 1]):
                met &= decided[test[c]] if left[c] else ~decided[test[c]]
            mark(place.ctypes.data, g * R, met, 1 << (bit - group_first[g]))


@kernel
def tally(codes: Any, n: int, rows: int, asked: Any, place: Any, count: Any) -> None:
    """Count the rows that show each table row's pattern; `place` (groups, 64) is room to work in."""
    decided = np.zeros(len(asked[0]), np.uint64)
    for r in range(0, rows, R):
        _place(codes, n, r, asked, decided, place)
        for g in range(len(place)):
            for row in range(min(R, rows - r)):
                count[place[g, row]] += 1


@kernel
def add_tables(codes: Any, n: int, asked: Any, values: Any, lanes: Any, total: Any) -> None:
    """Add to `total` (at most n, F) each row's table rows, summed in float32 in the order of the groups."""
    part, features, place = lanes
    width = len(part)
    decided = np.zeros(len(asked[0]), np.uint64)
    table, sums = values.ctypes.data, part.ctypes.data
    for r in range(0, n, R):
        _place(codes, n, r, asked, decided, place)
        for row in range(min(R, len(total) - r)):
            for f in range(0, width, 32):
                _sum_rows(table, place, row, width, f, sums)
            for f in range(len(features)):
                total[r + row, features[f]] += np.float64(part[f])


@kernel
def _sum_rows(table: int, place: Any, row: int, width: int, f: int, sums: int) -> None:
    """One row's sum over groups, for thirty-two lanes (or the last sixteen)."""
    at = place[0, row] * width + f
    one = load_wide(table, at)
    if f + 16 >= width:
        for g in range(1, len(place)):
            one = add(one, load_wide(table, place[g, row] * width + f))
        store(sums, f, one)
        return
    two = load_wide(table, at + 16)
    for g in range(1, len(place)):
        at = place[g, row] * width + f
        one, two = add(one, load_wide(table, at)), add(two, load_wide(table, at + 16))
    store(sums, f, one)
    store(sums, f + 16, two)
