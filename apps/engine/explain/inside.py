"""The inside of a model: its trees, or its weights, whether it is held here or in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from apps.engine.columns import FloatArray
from apps.engine.explain import sklearn_models
from apps.engine.explain.ensemble import Ensemble, Link
from apps.engine.explain.refuse import Unreadable
from apps.engine.inputs import Model

Margin = Callable[[FloatArray], FloatArray]


def trees_of(model: Model) -> list[Ensemble]:
    """The trees of the positive class; of each class, where the file does not say which that is.

    `Unreadable` says why there are none.
    """
    from apps.engine.explain import lightgbm_trees, onnx_trees, xgboost_trees

    held = getattr(model, "trees", None)
    if held is not None:
        return cast(list[Ensemble], held())
    form = getattr(model, "format", None)
    place = getattr(model, "_column", getattr(model, "_index", None))
    if form == "xgboost":
        return [xgboost_trees.read(model.path, place or 0)]
    if form == "lightgbm":
        return [lightgbm_trees.read(model.path, place or 0)]
    if form == "onnx":
        return onnx_trees.every_class(model.path)
    estimator = getattr(model, "estimator", None)
    if estimator is None:
        inside = "it is known by its scores alone" if form is None else f"its format is {form}"
        raise Unreadable(f"the inside of the model cannot be read: {inside}")
    return [sklearn_models.trees(estimator, 1 if place is None else place)]


def margin_of(model: Model) -> tuple[Margin, Link]:
    """A linear model's margin as a function of rows, and its link; `Unreadable` for other models."""
    held = getattr(model, "linear", None)
    if held is not None:
        return cast(tuple[Margin, Link], held())
    estimator = getattr(model, "estimator", None)
    if estimator is None:
        raise Unreadable("its weights cannot be read")
    margin = sklearn_models.margin(estimator)
    return margin, "logistic" if hasattr(estimator, "decision_function") else "identity"
