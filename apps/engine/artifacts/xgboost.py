"""XGBoost models in JSON or UBJ: the score of one class, missing values as NaN."""

from __future__ import annotations

import json
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

_NUMERIC = {"float", "int", "i", "q", "c"}


class XGBoostModel:
    """A booster; logistic objectives give the probability of the positive class."""

    format = "xgboost"

    def __init__(
        self, path: Path, booster: Any, features: tuple[str, ...], column: int | None = None
    ) -> None:
        self.path = path
        self._column = column
        self._linear = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear"
        self.features: Sequence[str] = features
        self.booster = booster
        self._order = own_order(features, booster.feature_names)

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        return self.score_matrix(number_matrix(features, self.features))

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features))."""
        if not len(matrix):
            return np.zeros(0)
        with np.errstate(over="ignore"):  # beyond float32 is beyond every threshold
            values = np.asarray(matrix, dtype=np.float32)[:, self._order]
        try:
            found = self._predict(values)
        except library().core.XGBoostError as problem:
            raise BadInput(f"{self.path.name} cannot score these rows: {_reason(problem)}.") from problem
        return of_column(np.asarray(found, dtype=np.float64), len(matrix), self._column)

    def _predict(self, values: Any) -> Any:
        """In place; a linear booster knows no other way than through a matrix of XGBoost's own."""
        if not self._linear:
            return self.booster.inplace_predict(values, missing=np.nan, validate_features=False)
        return self.booster.predict(library().DMatrix(values), validate_features=False)


def load(path: Path, features: tuple[str, ...] | None, positive: Any) -> XGBoostModel:
    """Load a booster of one score, or of one for each class."""
    xgboost = library()
    booster = xgboost.Booster()
    try:
        with xgboost.config_context(verbosity=0):
            booster.load_model(bytearray(path.read_bytes()))
        learner = json.loads(booster.save_config())["learner"]
    except (xgboost.core.XGBoostError, ValueError, KeyError) as problem:
        raise BadInput(f"{path.name} is a damaged or cut-off XGBoost model: {_reason(problem)}.") from problem
    classes = int(learner["learner_model_param"]["num_class"])
    column = None if classes < 2 else numbered_class(path, classes, positive)
    if classes > 1 and learner["objective"]["name"] != "multi:softprob":
        raise BadInput(
            f"{path.name} predicts labels of {classes} classes; "
            "a score of each (multi:softprob) was expected."
        )
    types = set(booster.feature_types or ())
    if types - _NUMERIC or ("c" in types and _named_categories(booster)):
        raise BadInput(f"{path.name} takes categorical features; encode them as numbers first.")
    names = chosen_features(path, features, booster.feature_names, booster.num_features())
    return XGBoostModel(path, booster, names, column)


def _named_categories(booster: Any) -> bool:
    """Whether the model was trained on categories with names; whole numbers it takes as they are."""
    document = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    return bool(document.get("gbtree", document)["model"].get("cats", {}).get("enc"))


def library() -> Any:
    """The xgboost package; in a process of ours without its scikit-learn wrappers."""
    return imported("xgboost", without=("sklearn", "pandas"))


def _reason(problem: BaseException) -> str:
    """XGBoost's message without its time stamp and source line."""
    text = one_line(problem)
    return text.rsplit(": ", 1)[-1] if ".cc:" in text or ".h:" in text else text
