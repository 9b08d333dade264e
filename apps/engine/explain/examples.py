"""Small models for examples and proofs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from apps.engine.columns import Columns, FloatArray


class Weighted:
    """A weighted sum of numeric features, seen only from outside.

    Examples
    --------
    >>> Weighted({"a": 2.0}).score(Columns.of(a=[1.0, 3.0])).tolist()
    [2.0, 6.0]
    """

    format = "formula"
    path = Path()

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.features = tuple(weights)
        self.weights = np.array(list(weights.values()))

    def score(self, features: Columns) -> FloatArray:
        """The sum of each row."""
        return self.score_matrix(np.stack([features[f].numbers() for f in self.features], axis=1))

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The sum of each row of a matrix."""
        return np.asarray((matrix * self.weights).sum(1))
