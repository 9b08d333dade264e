"""The inside of a scikit-learn estimator: its trees or its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.explain.ensemble import LEFT, RIGHT, Ensemble, Tree
from apps.engine.explain.refuse import Unreadable

_FORESTS = frozenset(
    f"{kind}{task}"
    for kind in ("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")
    for task in ("Classifier", "Regressor")
)
_LINEAR_LINKED = frozenset({"LogisticRegression"})
_LINEAR = frozenset({"LinearRegression", "Ridge", "Lasso", "ElasticNet", "BayesianRidge", "HuberRegressor"})


def trees(estimator: Any, place: int = 1) -> Ensemble:
    """The trees of a forest, a tree or a gradient-boosted model, for the class at `place`.

    `Unreadable` says why not.
    """
    kind = type(estimator).__name__
    if kind in _FORESTS:
        return _forest(estimator, place)
    if kind in ("GradientBoostingClassifier", "GradientBoostingRegressor"):
        return _chosen(estimator, _boosted(estimator), place)
    if kind in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return _chosen(estimator, _histogram(estimator), place)
    raise Unreadable(f"{kind} is not a tree ensemble")


def _chosen(estimator: Any, made: list[Ensemble], place: int) -> Ensemble:
    """The trees of one class; a model of two classes keeps only the second's margin."""
    if not hasattr(estimator, "classes_"):
        return made[0]
    if len(made) == 1:
        return replace(made[0] if place == 1 else made[0].times(-1.0), link="logistic")
    others = tuple(e for i, e in enumerate(made) if i != place)
    return replace(made[place], link="softmax", others=others)


def margin(estimator: Any) -> Callable[[FloatArray], FloatArray]:
    """The margin of a linear model, alone or last in a pipeline; `Unreadable` for other kinds."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    kind = type(last).__name__
    if len(getattr(last, "classes_", ())) > 2:
        raise Unreadable("it has more than two classes")
    if kind in _LINEAR_LINKED:
        return lambda rows: np.asarray(estimator.decision_function(rows), dtype=np.float64)
    if kind in _LINEAR:
        return lambda rows: np.asarray(estimator.predict(rows), dtype=np.float64)
    raise Unreadable(f"{kind} is not a linear model")


def _forest(estimator: Any, place: int) -> Ensemble:
    members = getattr(estimator, "estimators_", None)
    members = [estimator] if members is None else list(members)
    if int(getattr(estimator, "n_outputs_", 1)) > 1:
        raise Unreadable("it has more than one target")
    column = place if hasattr(estimator, "classes_") else None
    made = [_tree(m.tree_, 1.0 / len(members), column) for m in members]
    return Ensemble(
        trees=made, features=int(estimator.n_features_in_), base=0.0, link="identity", single=True
    )


def _tree(tree: Any, scale: float, column: int | None = None) -> Tree:
    """A tree; `column`: the class whose share of a leaf is its value."""
    value = tree.value[:, 0, :].astype(np.float64)
    values = value[:, 0] if column is None else value[:, column] / value.sum(1)
    left = tree.children_left.astype(np.int32)
    missing = getattr(tree, "missing_go_to_left", np.zeros(len(left), np.uint8))
    return Tree(
        feature=np.maximum(tree.feature, 0).astype(np.int32),
        threshold=tree.threshold.astype(np.float64),
        left=left,
        right=tree.children_right.astype(np.int32),
        value=np.where(left >= 0, 0.0, values * scale),
        missing=np.where(missing.astype(bool), LEFT, RIGHT).astype(np.int8),
        cover=tree.weighted_n_node_samples.astype(np.float64),
    )


def _boosted(estimator: Any) -> list[Ensemble]:
    rate, count = float(estimator.learning_rate), int(estimator.n_features_in_)
    start = np.ravel(estimator._raw_predict_init(np.zeros((1, count), np.float32)))
    return [
        Ensemble(
            trees=[_tree(stage[one].tree_, rate) for stage in estimator.estimators_],
            features=count,
            base=float(start[one]),
            link="identity",
            single=True,
        )
        for one in range(estimator.estimators_.shape[1])
    ]


def _histogram(estimator: Any) -> list[Ensemble]:
    start = np.ravel(estimator._baseline_prediction)
    return [
        Ensemble(
            trees=[_histogram_tree(stage[one].nodes) for stage in estimator._predictors],
            features=int(estimator.n_features_in_),
            base=float(start[one]),
            link="identity",
            single=False,
        )
        for one in range(len(start))
    ]


def _histogram_tree(nodes: Any) -> Tree:
    if nodes["is_categorical"].any():
        raise Unreadable("it splits on categories")
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=nodes["feature_idx"].astype(np.int32),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)).astype(np.int32),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)).astype(np.int32),
        value=np.where(leaf, nodes["value"], 0.0),
        missing=np.where(nodes["missing_go_to_left"].astype(bool), LEFT, RIGHT).astype(np.int8),
        cover=nodes["count"].astype(np.float64),
    )
