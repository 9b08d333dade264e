"""scikit-learn models in skops files: only types of a reviewed list are ever built."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.matrix import (
    chosen_features,
    in_fixed_order,
    number_matrix,
    one_line,
    positive_index,
)
from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import BadInput
from apps.engine.resources import Together, one_blas_thread

# Types that skops does not trust by itself and that hold numbers only: their state is arrays, and
# building them runs no code of the file. A type comes here after its constructor has been read.
REVIEWED = frozenset(
    {
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)


class SkopsModel:
    """A fitted estimator with `predict_proba`, `decision_function` or `predict`."""

    format = "skops"

    def __init__(self, path: Path, estimator: Any, features: tuple[str, ...], positive: Any) -> None:
        self.path = path
        self.features: Sequence[str] = features
        self.estimator = estimator
        self._named = hasattr(estimator, "feature_names_in_")
        classes = getattr(estimator, "classes_", None)
        self._index = None if classes is None else positive_index(path, list(classes), positive)

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        return self.score_matrix(number_matrix(features, self.features))

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features))."""
        if not len(matrix):
            return np.zeros(0)
        with one_blas_thread():
            return in_fixed_order(np.asarray(matrix, dtype=np.float64), self._run)

    def score_batch(self, matrix: FloatArray) -> FloatArray:
        """The scores of a numeric matrix as its rows stand; may be called from several threads."""
        return self._run(matrix)

    @property
    def batch_dtype(self) -> Any:
        """The number type of a network's own weights: float32 where it was fitted on such rows."""
        weights = getattr(self.estimator, "coefs_", ())
        single = len(weights) > 0 and all(w.dtype == np.float32 for w in weights)
        return np.float32 if single else np.float64

    def _run(self, matrix: FloatArray) -> FloatArray:
        try:
            return np.asarray(self._output(matrix), dtype=np.float64)
        except (ValueError, TypeError, AttributeError) as problem:
            raise BadInput(f"{self.path.name} cannot score these rows: {one_line(problem)}.") from problem

    def _output(self, matrix: FloatArray) -> Any:
        with _without_names():
            if self._index is None:
                return self.estimator.predict(matrix).reshape(len(matrix))
            if hasattr(self.estimator, "predict_proba"):
                return self.estimator.predict_proba(matrix)[:, self._index]
            margin = self.estimator.decision_function(matrix)
            if margin.ndim == 2:
                return margin[:, self._index]
            return margin if self._index == 1 else -margin


@contextmanager
def _names_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


_without_names = Together(_names_ignored)  # warnings are process-wide, and batches are scored on threads


def load(path: Path, features: tuple[str, ...] | None, positive: Any) -> SkopsModel:
    """Load an estimator whose types are all trusted by skops or reviewed here."""
    import skops.io

    try:
        untrusted = set(skops.io.get_untrusted_types(file=path)) - REVIEWED
    except Exception as problem:
        raise BadInput(f"{path.name} is a damaged skops file: {one_line(problem)}.") from problem
    if untrusted:
        raise BadInput(f"{path.name} holds types that are not reviewed: {', '.join(sorted(untrusted))}.")
    try:
        estimator = skops.io.load(path, trusted=sorted(REVIEWED))
    except Exception as problem:
        raise BadInput(f"{path.name} cannot be loaded as a skops file: {one_line(problem)}.") from problem
    if not hasattr(estimator, "predict") or not hasattr(estimator, "n_features_in_"):
        raise BadInput(f"{path.name} holds {type(estimator).__name__}, not a fitted scikit-learn model.")
    own = [str(name) for name in getattr(estimator, "feature_names_in_", ())] or None
    names = chosen_features(path, features, own, int(estimator.n_features_in_))
    return SkopsModel(path, estimator, tuple(own or names), positive)
