"""LightGBM boosters from their text form: rows go left where x <= threshold, in double precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.engine.explain.ensemble import AS_ZERO, LEFT, RIGHT, ZERO_LEFT, ZERO_RIGHT, Ensemble, Tree
from apps.engine.explain.refuse import Unreadable

Block = dict[str, str]


def read(path: Path) -> Ensemble:
    """The trees of a model file; `Unreadable` says why not."""
    try:
        return from_text(path.read_text(encoding="utf-8", errors="strict"))
    except (OSError, ValueError, KeyError) as error:
        raise Unreadable(f"its trees cannot be read ({type(error).__name__})") from error


def from_text(text: str) -> Ensemble:
    """The trees of a model in LightGBM's text form."""
    head, *blocks = text.split("end of trees")[0].split("\nTree=")
    settings = _block(head)
    if int(settings.get("num_tree_per_iteration", "1")) != 1:
        raise Unreadable("it has more than two classes")
    trees = [_tree(_block(b)) for b in blocks]
    if "average_output" in head.splitlines():
        trees = [_divided(t, len(trees)) for t in trees]
    objective = settings.get("objective", "").split()
    logistic = bool(objective) and objective[0] in ("binary", "cross_entropy", "xentropy")
    if logistic and any(o.startswith("sigmoid:") and float(o[8:]) != 1.0 for o in objective):
        raise Unreadable("its sigmoid is scaled")
    return Ensemble(
        trees=trees,
        features=int(settings["max_feature_idx"]) + 1,
        base=0.0,
        link="logistic" if logistic else "identity",
        single=False,
        names=tuple(settings.get("feature_names", "").split()),
    )


def _block(text: str) -> Block:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _numbers(block: Block, key: str) -> npt.NDArray[np.float64]:
    return np.array(block.get(key, "").split(), dtype=np.float64)


def _tree(block: Block) -> Tree:
    """Inner nodes keep their numbers; leaf k becomes node inner + k."""
    if block.get("is_linear", "0") != "0":
        raise Unreadable("its leaves are linear models")
    kind = _numbers(block, "decision_type").astype(np.int64)
    if (kind & 1).any():
        raise Unreadable("it splits on categories")
    leaves, inner = int(block["num_leaves"]), int(block["num_leaves"]) - 1
    child = [_numbers(block, k).astype(np.int32) for k in ("left_child", "right_child")]
    below, above = (np.where(c >= 0, c, inner + ~c).astype(np.int32) for c in child)
    none, zeros = np.full(leaves, -1, np.int32), np.zeros(leaves)
    counts = _numbers(block, "leaf_count") if "leaf_count" in block else np.ones(leaves)
    return Tree(
        feature=np.concatenate([_numbers(block, "split_feature").astype(np.int32), zeros.astype(np.int32)]),
        threshold=np.concatenate([_numbers(block, "threshold"), zeros]),
        left=np.concatenate([below, none]),
        right=np.concatenate([above, none]),
        value=np.concatenate([np.zeros(inner), _numbers(block, "leaf_value")]),
        missing=np.concatenate([_modes(kind), zeros.astype(np.int8)]),
        cover=np.concatenate([_numbers(block, "internal_count"), counts]),
    )


def _modes(kind: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    left, missing = (kind & 2) != 0, (kind >> 2) & 3
    as_zero = np.where(left, ZERO_LEFT, ZERO_RIGHT)
    as_nan = np.where(left, LEFT, RIGHT)
    return np.select([missing == 1, missing == 2], [as_zero, as_nan], AS_ZERO).astype(np.int8)


def _divided(tree: Tree, by: int) -> Tree:
    return Tree(
        tree.feature, tree.threshold, tree.left, tree.right, tree.value / by, tree.missing, tree.cover
    )
