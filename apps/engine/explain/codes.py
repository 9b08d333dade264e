"""Replace values by threshold ranks, so that every comparison of an ensemble is one of small integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import FloatArray
from apps.engine.explain.ensemble import AS_ZERO, IN_LEFT, LEFT, ZERO_LEFT, Ensemble, by_category, is_missing
from apps.engine.explain.forest import Forest

Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
ROWS = 64


class Coder:
    """Ranks of one ensemble: a node asks `codes[view, row] <= rank`.

    A view is a feature together with how a node treats missing values; most features have one. Missing
    values get rank 0 (always left) or the largest number that fits (always right). A split by categories
    is a view of its own, 0 where the category goes left.

    Attributes
    ----------
    view, rank : int array (nodes,)
        What each node of the forest asks.
    dtype : numpy type
        The smallest integers that hold the ranks: one byte up to 255 thresholds a feature.
    """

    def __init__(self, ensemble: Ensemble, nodes: Forest) -> None:
        self.ensemble = ensemble
        inner = np.flatnonzero(nodes.left >= 0)
        threshold, mode = nodes.threshold[inner], nodes.missing[inner]
        by_set = mode >= IN_LEFT
        key = np.stack([nodes.feature[inner], mode, np.where(by_set, threshold, -1).astype(np.int64)])
        keys, view = np.unique(key, axis=1, return_inverse=True)
        view, threshold = view.reshape(-1), np.where(by_set, 0.0, threshold)
        self.features, self.modes = np.ascontiguousarray(keys[0]), np.ascontiguousarray(keys[1])
        self._sets = [None if at < 0 else nodes.sets[at] for at in keys[2].tolist()]
        self.view, self.rank = np.zeros(len(nodes.left), np.int64), np.zeros(len(nodes.left), np.int64)
        self.view[inner] = view
        order = np.lexsort((threshold, view))
        fresh = np.ones(len(order), bool)
        fresh[1:] = np.diff(view[order]) != 0
        fresh[1:] |= np.diff(threshold[order]) != 0
        number = np.cumsum(fresh) - 1
        self.cuts = threshold[order][fresh]
        self.first = np.searchsorted(view[order][fresh], np.arange(len(self.features) + 1)).astype(np.int64)
        self.rank[inner[order]] = number - self.first[view[order]]
        most = int(np.diff(self.first).max(initial=0))
        self.dtype = np.uint8 if most < 256 else np.uint16 if most < 1 << 16 else np.uint32

    def encode(self, matrix: FloatArray) -> Codes:
        """Ranks of a matrix (n, F), one row per view; columns are padded to a multiple of 64: (views, n+)."""
        values = np.ascontiguousarray(self.ensemble.values(matrix))
        codes = np.zeros((max(1, len(self.features)), -(-len(values) // ROWS) * ROWS), self.dtype)
        if kernels.worth(values.shape[0] * len(self.features), enough=1 << 16):
            from apps.engine.kernels.trees import encode

            encode(values, self.features, self.modes, self.first, self.cuts, codes)
        else:
            self._encode(values, codes)
        for number, chosen in enumerate(self._sets):
            if chosen is not None:
                column, mode = values[:, self.features[number]], int(self.modes[number])
                codes[number, : len(values)] = ~by_category(column, chosen, mode)
        return codes

    def _encode(self, values: FloatArray, codes: Codes) -> None:
        for number, (feature, mode) in enumerate(
            zip(self.features.tolist(), self.modes.tolist(), strict=True)
        ):
            column = values[:, feature]
            if mode == AS_ZERO:
                column = np.where(np.isnan(column), 0.0, column)
            cuts = self.cuts[self.first[number] : self.first[number + 1]]
            code = codes[number, : len(values)]
            code[:] = np.searchsorted(cuts, column, side="left")
            code[is_missing(column, mode)] = 0 if mode in (LEFT, ZERO_LEFT) else np.iinfo(self.dtype).max
