"""One model written in every format: a logistic regression, and boosted trees, node for node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import skops.io
import xgboost
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from apps.engine.artifacts import open_model
from apps.engine.inputs import Artifact, Model

NAMES = ("age", "income", "load", "years")
_NODE = (
    "treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
    "missing_value_tracks_true",
)  # fmt: skip
FORMATS = ("skops", "lightgbm", "xgboost", "onnx")


def table(rows: int = 800, *, holes: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Features that float32 holds exactly, and two classes."""
    source = np.random.default_rng(5)
    x = source.normal(size=(rows, len(NAMES))).astype(np.float32).astype(np.float64)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + source.logistic(size=rows) * 0.5 > 0).astype(int)
    x[source.random(x.shape) < holes] = np.nan
    return x, y


def linear(folder: Path) -> dict[str, Model]:
    """A logistic regression: fitted by scikit-learn, its weights written into the other formats."""
    x, y = table()
    made = LogisticRegression().fit(x, y)
    weights, constant = made.coef_[0].tolist(), float(made.intercept_[0])
    skops.io.dump(made, folder / "linear.skops")
    write_onnx(folder / "linear.onnx", made, x)
    booster = xgboost.train(
        {"booster": "gblinear", "objective": "binary:logistic", "base_score": 0.5}, xgboost.DMatrix(x, y), 1
    )
    document = json.loads(bytes(booster.save_raw("json")))
    document["learner"]["gradient_booster"]["model"]["weights"] = [*weights, constant]
    (folder / "linear.json").write_text(json.dumps(document))
    settings = {"objective": "binary", "linear_tree": True, "num_leaves": 2, "verbose": -1}
    text = lightgbm.train(settings, lightgbm.Dataset(x, y), 1).model_to_string()
    wide = " ".join(map(str, range(len(NAMES))))
    text = with_lines(
        text,
        leaf_const=f"{constant!r} {constant!r}",
        num_features=f"{len(NAMES)} {len(NAMES)}",
        leaf_features=f"{wide}  {wide} ",
        leaf_coeff=" ".join([*map(repr, weights), "", *map(repr, weights), ""]),
    )
    (folder / "linear.txt").write_text(text)
    return opened(folder, "linear")


def boosted(folder: Path) -> dict[str, Model]:
    """Boosted trees that read missing values: fitted by scikit-learn, written node for node."""
    x, y = table(holes=0.1)
    made = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=15, early_stopping=False).fit(x, y)
    trees = [stage[0].nodes for stage in made._predictors]
    base = float(made._baseline_prediction.ravel()[0])
    skops.io.dump(made, folder / "boosted.skops")
    (folder / "boosted.onnx").write_bytes(as_onnx(trees, base))
    (folder / "boosted.json").write_text(json.dumps(as_xgboost(trees, base, x, y)))
    (folder / "boosted.txt").write_text(as_lightgbm(trees, base, x, y))
    return opened(folder, "boosted")


def opened(folder: Path, name: str) -> dict[str, Model]:
    ends = {"skops": "skops", "onnx": "onnx", "xgboost": "json", "lightgbm": "txt"}
    return {form: open_model(Artifact(folder / f"{name}.{ends[form]}", form, ""), NAMES) for form in FORMATS}


def write_onnx(path: Path, estimator: Any, x: np.ndarray) -> None:
    made = to_onnx(estimator, x[:1].astype(np.float32), options={"zipmap": False})
    path.write_bytes(made.SerializeToString())


def with_lines(text: str, **lines: str) -> str:
    """The text of a LightGBM model with some lines replaced; its tree sizes follow."""
    found = [
        f"{key}={lines[key]}" if (key := line.partition("=")[0]) in lines else line
        for line in text.split("\n")
    ]
    changed = "\n".join(found)
    start, end = changed.index("Tree=0"), changed.index("end of trees")
    return changed.replace(
        next(line for line in found if line.startswith("tree_sizes=")), f"tree_sizes={end - start}"
    )


def as_xgboost(trees: list[Any], base: float, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """XGBoost compares `less than` in float32: thresholds move to the next number above."""
    start = 1 / (1 + np.exp(-base))
    settings = {"objective": "binary:logistic", "base_score": start, "max_depth": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), len(trees))
    document = json.loads(bytes(booster.save_raw("json")))
    slots = document["learner"]["gradient_booster"]["model"]["trees"]
    for slot, nodes in zip(slots, map(siblings_together, trees), strict=True):
        leaf = nodes["is_leaf"].astype(bool)
        parents = np.full(len(nodes), 2147483647)
        for i in np.flatnonzero(~leaf):
            parents[[nodes["left"][i], nodes["right"][i]]] = i
        count = len(nodes)
        slot |= {
            "split_indices": nodes["feature_idx"].tolist(),
            "split_conditions": np.where(leaf, nodes["value"], above(nodes["num_threshold"])).tolist(),
            "base_weights": nodes["value"].tolist(),
            "left_children": np.where(leaf, -1, nodes["left"].astype(int)).tolist(),
            "right_children": np.where(leaf, -1, nodes["right"].astype(int)).tolist(),
            "default_left": nodes["missing_go_to_left"].astype(int).tolist(),
            "parents": parents.tolist(),
            "loss_changes": [0.0] * count,
            "sum_hessian": nodes["count"].astype(float).tolist(),
            "split_type": [0] * count,
        }
        slot["tree_param"]["num_nodes"] = str(count)
    return dict(document)


def siblings_together(nodes: Any) -> Any:
    """The same tree, level by level: XGBoost takes a right child to stand just behind the left one."""
    order = [0]
    for i in order:
        if not nodes["is_leaf"][i]:
            order += [int(nodes["left"][i]), int(nodes["right"][i])]
    place = np.argsort(order)
    made = nodes[order].copy()
    for side in ("left", "right"):
        made[side] = np.where(made["is_leaf"], 0, place[made[side]])
    return made


def above(threshold: np.ndarray) -> np.ndarray:
    """The smallest float32 above each threshold."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, near, np.nextafter(near, np.float32(np.inf))).astype(np.float64)


def as_onnx(trees: list[Any], base: float) -> bytes:
    """A TreeEnsembleClassifier compares `at most` in float32: thresholds move to the next number below."""
    nodes: dict[str, list[Any]] = {name: [] for name in _NODE}
    leaves: dict[str, list[Any]] = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    for number, tree in enumerate(trees):
        for i, node in enumerate(tree):
            leaf = bool(node["is_leaf"])
            values = (
                number, i, int(node["feature_idx"]), below(node["num_threshold"]),
                "LEAF" if leaf else "BRANCH_LEQ", int(node["left"]), int(node["right"]),
                int(node["missing_go_to_left"]),
            )  # fmt: skip
            for name, value in zip(_NODE, values, strict=True):
                nodes[name].append(value)
            if leaf:
                for name, value in zip(leaves, (number, i, 0, float(node["value"])), strict=True):
                    leaves[name].append(value)
    given = {f"nodes_{name}": values for name, values in nodes.items()}
    given |= {f"class_{name}": values for name, values in leaves.items()}
    operator = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "probabilities"], domain="ai.onnx.ml",
        classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[base], **given,
    )  # fmt: skip
    graph = helper.make_graph(
        [operator],
        "boosted",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(NAMES)])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def below(threshold: float) -> float:
    """The largest float32 that is not above the threshold."""
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf)))


def as_lightgbm(trees: list[Any], base: float, x: np.ndarray, y: np.ndarray) -> str:
    """LightGBM compares `at most` in float64, as scikit-learn does; the base goes into the first tree."""
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(x, y), 1)
    head, _, rest = booster.model_to_string().partition("Tree=0")
    tail = rest[rest.index("end of trees") :]
    blocks = [
        f"Tree={i}\n{lightgbm_tree(nodes, base if i == 0 else 0.0)}\n\n\n" for i, nodes in enumerate(trees)
    ]
    sizes = " ".join(str(len(block)) for block in blocks)
    lines = [f"tree_sizes={sizes}" if line.startswith("tree_sizes=") else line for line in head.split("\n")]
    return "\n".join(lines) + "".join(blocks) + tail


def lightgbm_tree(nodes: Any, base: float) -> str:
    leaf = nodes["is_leaf"].astype(bool)
    number = np.where(leaf, -np.cumsum(leaf), np.cumsum(~leaf) - 1)
    inner, leaves = nodes[~leaf], nodes[leaf]
    decision = 8 + 2 * inner["missing_go_to_left"].astype(int)
    lines = {
        "num_leaves": [len(leaves)],
        "num_cat": [0],
        "split_feature": inner["feature_idx"].tolist(),
        "split_gain": [1] * len(inner),
        "threshold": inner["num_threshold"].tolist(),
        "decision_type": decision.tolist(),
        "left_child": number[inner["left"].astype(int)].tolist(),
        "right_child": number[inner["right"].astype(int)].tolist(),
        "leaf_value": (leaves["value"] + base).tolist(),
        "leaf_weight": leaves["count"].astype(float).tolist(),
        "leaf_count": leaves["count"].tolist(),
        "internal_value": [0] * len(inner),
        "internal_weight": inner["count"].astype(float).tolist(),
        "internal_count": inner["count"].tolist(),
        "is_linear": [0],
        "shrinkage": [1],
    }
    return "\n".join(f"{key}={' '.join(map(repr, values))}" for key, values in lines.items())
