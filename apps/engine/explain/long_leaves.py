"""Interventional values of leaves with too many distinct features for a table: each distinct pattern once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.codes import Coder, Codes
from apps.engine.explain.forest import Forest
from apps.engine.explain.grouping import leaves_of
from apps.engine.explain.leaf_values import pair_values, path_values

MOST = 62
_PAIRS = 1 << 21


class LongLeaves:
    """The leaves beyond any table, as paths of tests.

    Raises
    ------
    ValueError
        If a path has more than 62 distinct features.
    """

    def __init__(self, nodes: Forest, coder: Coder, leaf: IntArray) -> None:
        self.coder, self.leaves = coder, leaves_of(nodes, leaf)
        if len(leaf) and self.leaves.width.max() > MOST:
            raise ValueError(f"a leaf on more than {MOST} distinct features")
        self.asked: list[list[tuple[int, int, bool, int]]] = [[] for _ in leaf]
        for which, at, side in nodes.ups(leaf):
            tests = zip(coder.view[at], coder.rank[at], side, nodes.slot[at], strict=True)
            for number, (view, rank, left, slot) in zip(which.tolist(), tests, strict=True):
                self.asked[number].append((int(view), int(rank), bool(left), int(slot)))

    def __len__(self) -> int:
        return len(self.asked)

    def _pattern(self, leaf: int, codes: Codes) -> IntArray:
        """Bit j is set where the row meets all conditions on the j-th distinct feature."""
        met = np.ones((int(self.leaves.width[leaf]), codes.shape[1]), bool)
        for view, rank, left, slot in self.asked[leaf]:
            met[slot] &= (codes[view] <= rank) == left
        return np.asarray((met.astype(np.int64) << np.arange(len(met))[:, None]).sum(0))

    def add_to(self, total: FloatArray, codes: Codes, seen: tuple[Codes, int] | None) -> None:
        """Add the leaves' values of each row to `total` (n, F)."""
        for leaf in range(len(self)):
            width = int(self.leaves.width[leaf])
            mine, back = np.unique(self._pattern(leaf, codes)[: len(total)], return_inverse=True)
            value = self.leaves.value[leaf : leaf + 1]
            if seen is None:
                bits = ((mine[:, None] >> np.arange(width)) & 1).astype(np.float64)
                rows = path_values(bits, value, self.leaves.ratio[leaf : leaf + 1, :width])[0]
            else:
                rows = _paired(mine, self._pattern(leaf, seen[0])[: seen[1]], width) * value
            total[:, self.leaves.feature[leaf, :width]] += rows[back]


def _paired(mine: IntArray, seen: IntArray, width: int) -> npt.NDArray[np.float64]:
    theirs, count = np.unique(seen, return_counts=True)
    weight = count / len(seen)
    step = max(1, _PAIRS // (len(theirs) * width))
    parts = [pair_values(mine[i : i + step], theirs, weight, width) for i in range(0, len(mine), step)]
    return np.concatenate(parts)
