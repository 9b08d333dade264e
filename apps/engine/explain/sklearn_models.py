"""The inside of a scikit-learn estimator: its trees or its weights."""

from __future__ import annotations

from collections.abc import Callable
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


def trees(estimator: Any) -> Ensemble:
    """The trees of a forest, a tree or a gradient-boosted model; `Unreadable` says why not."""
    kind = type(estimator).__name__
    if len(getattr(estimator, "classes_", ())) > 2:
        raise Unreadable("it has more than two classes")
    if kind in _FORESTS:
        return _forest(estimator)
    if kind in ("GradientBoostingClassifier", "GradientBoostingRegressor"):
        return _boosted(estimator)
    if kind in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return _histogram(estimator)
    raise Unreadable(f"{kind} is not a tree ensemble")


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


def _forest(estimator: Any) -> Ensemble:
    members = getattr(estimator, "estimators_", None)
    members = [estimator] if members is None else list(members)
    made = [_tree(m.tree_, 1.0 / len(members)) for m in members]
    return Ensemble(
        trees=made, features=int(estimator.n_features_in_), base=0.0, link="identity", single=True
    )


def _tree(tree: Any, scale: float) -> Tree:
    value = tree.value[:, 0, :].astype(np.float64)
    column = value[:, 1] / value.sum(1) if value.shape[1] == 2 else value[:, 0]
    left = tree.children_left.astype(np.int32)
    missing = getattr(tree, "missing_go_to_left", np.zeros(len(left), np.uint8))
    return Tree(
        feature=np.maximum(tree.feature, 0).astype(np.int32),
        threshold=tree.threshold.astype(np.float64),
        left=left,
        right=tree.children_right.astype(np.int32),
        value=np.where(left >= 0, 0.0, column * scale),
        missing=np.where(missing.astype(bool), LEFT, RIGHT).astype(np.int8),
        cover=tree.weighted_n_node_samples.astype(np.float64),
    )


def _boosted(estimator: Any) -> Ensemble:
    rate = float(estimator.learning_rate)
    made = [_tree(m[0].tree_, rate) for m in estimator.estimators_]
    start = estimator._raw_predict_init(np.zeros((1, int(estimator.n_features_in_)), np.float32))
    logistic = type(estimator).__name__.endswith("Classifier")
    return Ensemble(
        trees=made,
        features=int(estimator.n_features_in_),
        base=float(np.ravel(start)[0]),
        link="logistic" if logistic else "identity",
        single=True,
    )


def _histogram(estimator: Any) -> Ensemble:
    made = [_histogram_tree(stage[0].nodes) for stage in estimator._predictors]
    logistic = type(estimator).__name__.endswith("Classifier")
    return Ensemble(
        trees=made,
        features=int(estimator.n_features_in_),
        base=float(np.ravel(estimator._baseline_prediction)[0]),
        link="logistic" if logistic else "identity",
        single=False,
    )


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
