"""LightGBM text models: the score of one class, missing values as NaN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.lean import imported
from apps.engine.artifacts.matrix import (
    chosen_features,
    number_matrix,
    numbered_class,
    of_column,
    one_line,
    own_order,
)
from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import BadInput


class LightGBMModel:
    """A booster; binary objectives give the probability of the positive class."""

    format = "lightgbm"

    def __init__(
        self, path: Path, booster: Any, features: tuple[str, ...], column: int | None = None
    ) -> None:
        self.path = path
        self._column = column
        self.features: Sequence[str] = features
        self.booster = booster
        self._order = own_order(features, own_names(booster))

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        return self.score_matrix(number_matrix(features, self.features))

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features))."""
        if not len(matrix):
            return np.zeros(0)
        found = self.booster.predict(np.ascontiguousarray(matrix[:, self._order]))
        return of_column(np.asarray(found, dtype=np.float64), len(matrix), self._column)


def own_names(booster: Any) -> list[str] | None:
    """The booster's feature names; None where it was trained without (``Column_0``, …)."""
    names = list(booster.feature_name())
    return None if names == [f"Column_{i}" for i in range(len(names))] else names


def load(path: Path, features: tuple[str, ...] | None, positive: Any) -> LightGBMModel:
    """Load a booster of one score, or of one for each class, from its text."""
    lightgbm = library()
    text = path.read_text(encoding="utf-8")
    for last in ("end of trees", "end of parameters"):
        if f"\n{last}\n" not in text:
            raise BadInput(f'{path.name} is a cut-off LightGBM model: it lacks the line "{last}".')
    try:
        booster = lightgbm.Booster(model_str=text)
    except (lightgbm.basic.LightGBMError, ValueError) as problem:
        raise BadInput(f"{path.name} is a damaged LightGBM model: {one_line(problem)}.") from problem
    classes = int(booster.num_model_per_iteration())
    if classes < 1:
        raise BadInput(f"{path.name} is a damaged LightGBM model: it says that it has {classes} classes.")
    column = None if classes < 2 else numbered_class(path, classes, positive)
    names = chosen_features(path, features, own_names(booster), booster.num_feature())
    return LightGBMModel(path, booster, names, column)


def library() -> Any:
    """The lightgbm package without its scikit-learn wrappers.

    BadInput says what to install where it cannot be loaded.
    """
    try:
        return imported("lightgbm", without=("sklearn", "pandas"))
    except ImportError as problem:
        raise BadInput(
            "LightGBM models need the Python package lightgbm, which is not installed."
        ) from problem
    except OSError as problem:
        raise BadInput(
            f"LightGBM cannot be loaded ({one_line(problem)}); on Debian install the package libgomp1."
        ) from problem
