"""XGBoost boosters from their JSON form: rows go left where float32(x) < float32(threshold)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.xgboost import library
from apps.engine.columns import IntArray
from apps.engine.explain.ensemble import LEFT, OUT_LEFT, OUT_RIGHT, RIGHT, Ensemble, Link, Tree, below
from apps.engine.explain.refuse import Unreadable

_LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})
_IDENTITY = frozenset(
    {"reg:squarederror", "binary:logitraw", "reg:absoluteerror", "rank:pairwise", "rank:ndcg"}
)


def read(path: Path, place: int = 0) -> Ensemble:
    """The trees of a booster file, JSON or UBJ, for the class at `place`; `Unreadable` says why not."""
    xgboost = library()
    try:
        booster = xgboost.Booster()
        booster.load_model(bytearray(path.read_bytes()))
        return from_document(json.loads(bytes(booster.save_raw("json"))), place)
    except (xgboost.core.XGBoostError, OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"its trees cannot be read ({type(error).__name__})") from error


def from_document(document: dict[str, Any], place: int = 0) -> Ensemble:
    """The trees of a booster's JSON document; of several classes, those of the class at `place`."""
    learner = document["learner"]
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        booster, weights = booster["gbtree"], booster["weight_drop"]
    elif booster["name"] != "gbtree":
        raise Unreadable(f"its booster is {booster['name']}, not trees")
    trees = [_tree(t) for t in booster["model"]["trees"]]
    if weights is not None:
        trees = [replace(t, value=t.value * float(w)) for t, w in zip(trees, weights, strict=True)]
    return _chosen(learner, trees, booster["model"]["tree_info"], place)


def _chosen(learner: dict[str, Any], trees: list[Tree], info: Sequence[int], place: int) -> Ensemble:
    """The ensemble of one class; the others beside it where the score needs them."""
    settings = learner["learner_model_param"]
    classes = max(1, int(settings.get("num_class", "0")))
    if int(settings.get("num_target", "1")) > 1:
        raise Unreadable("it has more than one target")
    links = [_output(learner, number, classes) for number in range(classes)]
    made = [
        Ensemble(
            trees=[t for t, number in zip(trees, info, strict=True) if number == one or classes == 1],
            features=int(settings["num_feature"]),
            base=links[one][1],
            link=links[one][0],
            single=True,
            names=tuple(learner.get("feature_names", ())),
        )
        for one in range(classes)
    ]
    return replace(made[place], others=tuple(e for i, e in enumerate(made) if i != place))


def _output(learner: dict[str, Any], number: int, classes: int) -> tuple[Link, float]:
    objective = learner["objective"]["name"]
    starts = str(learner["learner_model_param"]["base_score"]).strip("[]").split(",")
    start = float(starts[number if len(starts) > 1 else 0])
    if objective in _LOGISTIC:
        return "logistic", math.log(start / (1 - start))
    if objective in _IDENTITY:
        return "identity", start
    if objective == "multi:softprob" and classes > 1:
        return "softmax", start
    raise Unreadable(f"its objective {objective} has no known margin")


def _tree(node: dict[str, Any]) -> Tree:
    left = np.array(node["left_children"], np.int32)
    split = np.array(node["split_conditions"], np.float32)
    inner = left >= 0
    threshold = np.where(inner, below(split), 0.0)
    missing = np.where(np.array(node["default_left"], bool), LEFT, RIGHT).astype(np.int8)
    sets = _sets(node)
    for place, at in enumerate(node.get("categories_nodes", ())):
        threshold[at] = place
        missing[at] = OUT_LEFT if missing[at] == LEFT else OUT_RIGHT
    return Tree(
        feature=np.array(node["split_indices"], np.int32),
        threshold=threshold,
        left=left,
        right=np.array(node["right_children"], np.int32),
        value=np.where(inner, 0.0, split.astype(np.float64)),
        missing=missing,
        cover=np.array(node["sum_hessian"], np.float64),
        sets=sets,
    )


def _sets(node: dict[str, Any]) -> tuple[IntArray, ...]:
    """The categories that go right at each node that splits by them."""
    every = np.array(node.get("categories", ()), np.int64)
    parts = zip(node.get("categories_segments", ()), node.get("categories_sizes", ()), strict=True)
    return tuple(np.sort(every[first : first + size]) for first, size in parts)
