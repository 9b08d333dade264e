"""Replace values by threshold ranks, so that every comparison of an ensemble is one of small integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain.ensemble import AS_ZERO, LEFT, ZERO_LEFT, Ensemble, is_missing

Codes = npt.NDArray[np.uint16]
_RIGHTMOST = np.iinfo(np.uint16).max


class Coder:
    """Ranks of one ensemble: a node asks `codes[view, row] <= rank`.

    A view is a feature together with how a node treats missing values; most features have one. Missing
    values get rank 0 (always left) or the largest rank (always right).
    """

    def __init__(self, ensemble: Ensemble) -> None:
        trees = ensemble.trees
        inner = [np.flatnonzero(t.left >= 0) for t in trees]
        feature = _joined([t.feature[i] for t, i in zip(trees, inner, strict=True)]).astype(np.int64)
        threshold = _joined([t.threshold[i] for t, i in zip(trees, inner, strict=True)]).astype(np.float64)
        mode = _joined([t.missing[i] for t, i in zip(trees, inner, strict=True)]).astype(np.int64)
        keys, view = np.unique(feature * 8 + mode, return_inverse=True)
        self.ensemble = ensemble
        self.views = [(int(k) // 8, int(k) % 8) for k in keys]
        self.cuts = {f: np.unique(threshold[feature == f]) for f in sorted({f for f, _ in self.views})}
        rank = np.zeros(len(feature), np.int64)
        for f, cuts in self.cuts.items():
            mine = feature == f
            rank[mine] = np.searchsorted(cuts, threshold[mine])
        self._place(trees, inner, view.astype(np.int64), rank)

    def _place(self, trees: object, inner: list[IntArray], view: IntArray, rank: IntArray) -> None:
        """Per tree: the view and rank of each node, in the tree's own node numbers."""
        self.view: list[npt.NDArray[np.int32]] = []
        self.rank: list[Codes] = []
        at = 0
        for tree, nodes in zip(self.ensemble.trees, inner, strict=True):
            views, ranks = np.zeros(tree.size, np.int32), np.zeros(tree.size, np.uint16)
            views[nodes] = view[at : at + len(nodes)]
            ranks[nodes] = rank[at : at + len(nodes)]
            at += len(nodes)
            self.view.append(views)
            self.rank.append(ranks)

    def encode(self, matrix: FloatArray) -> Codes:
        """Ranks of a matrix (n, F), one row per view: (views, n)."""
        values = self.ensemble.values(matrix)
        codes = np.zeros((max(1, len(self.views)), len(values)), np.uint16)
        for number, (feature, mode) in enumerate(self.views):
            column = values[:, feature]
            if mode == AS_ZERO:
                column = np.where(np.isnan(column), 0.0, column)
            codes[number] = np.searchsorted(self.cuts[feature], column, side="left")
            absent = is_missing(column, mode)
            codes[number, absent] = 0 if mode in (LEFT, ZERO_LEFT) else _RIGHTMOST
        return codes

    def decisions(self, tree: int, codes: Codes) -> npt.NDArray[np.bool_]:
        """Whether each row goes left at each node of one tree: (nodes, n)."""
        return np.asarray(codes[self.view[tree]] <= self.rank[tree][:, None])


def _joined(parts: list[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.zeros(0)
