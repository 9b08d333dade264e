"""XGBoost boosters from their JSON form: rows go left where float32(x) < float32(threshold)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.explain.ensemble import LEFT, RIGHT, Ensemble, Link, Tree, below
from apps.engine.explain.refuse import Unreadable

_LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})
_IDENTITY = frozenset(
    {"reg:squarederror", "binary:logitraw", "reg:absoluteerror", "rank:pairwise", "rank:ndcg"}
)


def read(path: Path) -> Ensemble:
    """The trees of a booster file, JSON or UBJ; `Unreadable` says why not."""
    import xgboost

    try:
        booster = xgboost.Booster()
        booster.load_model(bytearray(path.read_bytes()))
        return from_document(json.loads(bytes(booster.save_raw("json"))))
    except (xgboost.core.XGBoostError, OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"its trees cannot be read ({type(error).__name__})") from error


def from_document(document: dict[str, Any]) -> Ensemble:
    """The trees of a booster's JSON document."""
    learner = document["learner"]
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        booster, weights = booster["gbtree"], booster["weight_drop"]
    elif booster["name"] != "gbtree":
        raise Unreadable(f"its booster is {booster['name']}, not trees")
    if int(learner["learner_model_param"].get("num_class", "0")) > 1:
        raise Unreadable("it has more than two classes")
    trees = [_tree(t) for t in booster["model"]["trees"]]
    if weights is not None:
        trees = [_scaled(t, float(w)) for t, w in zip(trees, weights, strict=True)]
    link, base = _output(learner)
    count = int(learner["learner_model_param"]["num_feature"])
    names = tuple(learner.get("feature_names", ()))
    return Ensemble(trees=trees, features=count, base=base, link=link, single=True, names=names)


def _output(learner: dict[str, Any]) -> tuple[Link, float]:
    objective = learner["objective"]["name"]
    start = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    if objective in _LOGISTIC:
        return "logistic", math.log(start / (1 - start))
    if objective in _IDENTITY:
        return "identity", start
    raise Unreadable(f"its objective {objective} has no known margin")


def _tree(node: dict[str, Any]) -> Tree:
    left = np.array(node["left_children"], np.int32)
    if any(node.get("categories_nodes", ())):
        raise Unreadable("it splits on categories")
    split = np.array(node["split_conditions"], np.float32)
    inner = left >= 0
    return Tree(
        feature=np.array(node["split_indices"], np.int32),
        threshold=np.where(inner, below(split), 0.0),
        left=left,
        right=np.array(node["right_children"], np.int32),
        value=np.where(inner, 0.0, split.astype(np.float64)),
        missing=np.where(np.array(node["default_left"], bool), LEFT, RIGHT).astype(np.int8),
        cover=np.array(node["sum_hessian"], np.float64),
    )


def _scaled(tree: Tree, weight: float) -> Tree:
    return Tree(
        tree.feature, tree.threshold, tree.left, tree.right, tree.value * weight, tree.missing, tree.cover
    )
