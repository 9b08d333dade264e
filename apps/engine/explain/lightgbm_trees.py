"""LightGBM boosters from their text form: rows go left where x <= threshold, in double precision."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.engine.columns import IntArray
from apps.engine.explain.ensemble import (
    AS_ZERO,
    IN_LEFT,
    LEFT,
    RIGHT,
    ZERO_LEFT,
    ZERO_RIGHT,
    Ensemble,
    Link,
    Tree,
)
from apps.engine.explain.refuse import Unreadable

Block = dict[str, str]


def read(path: Path, place: int = 0) -> Ensemble:
    """The trees of a model file, for the class at `place`; `Unreadable` says why not."""
    try:
        return from_text(path.read_text(encoding="utf-8", errors="strict"), place)
    except (OSError, ValueError, KeyError) as error:
        raise Unreadable(f"its trees cannot be read ({type(error).__name__})") from error


def from_text(text: str, place: int = 0) -> Ensemble:
    """The trees of a model in LightGBM's text form; of several classes, those of the class at `place`."""
    head, *blocks = text.split("end of trees")[0].split("\nTree=")
    settings = _block(head)
    classes = int(settings.get("num_tree_per_iteration", "1"))
    link, scale = _link(settings.get("objective", "").split(), classes)
    if "average_output" in head.splitlines():
        scale *= classes / max(1, len(blocks))
    trees = [_tree(_block(b)) for b in blocks]
    made = [
        Ensemble(
            trees=trees[one::classes],
            features=int(settings["max_feature_idx"]) + 1,
            base=0.0,
            link=link,
            single=False,
            names=tuple(settings.get("feature_names", "").split()),
        ).times(scale)
        for one in range(classes)
    ]
    others = tuple(e for i, e in enumerate(made) if i != place) if link == "softmax" else ()
    return replace(made[place], others=others)


def _link(objective: list[str], classes: int) -> tuple[Link, float]:
    """The link, and by what the margin is scaled before it."""
    name = objective[0] if objective else ""
    scale = next((float(o[8:]) for o in objective if o.startswith("sigmoid:")), 1.0)
    if name in ("binary", "multiclassova"):
        return "logistic", scale
    if name in ("cross_entropy", "xentropy"):
        return "logistic", 1.0
    if name == "multiclass":
        return "softmax", 1.0
    if classes > 1:
        raise Unreadable(f"its objective {name or 'of its own'} has several outputs and no known margin")
    return "identity", 1.0


def _block(text: str) -> Block:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _numbers(block: Block, key: str) -> npt.NDArray[np.float64]:
    return np.array(block.get(key, "").split(), dtype=np.float64)


def _tree(block: Block) -> Tree:
    """Inner nodes keep their numbers; leaf k becomes node inner + k."""
    if block.get("is_linear", "0") != "0":
        raise Unreadable("its leaves are linear models")
    kind = _numbers(block, "decision_type").astype(np.int64)
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
        sets=_sets(block),
    )


def _sets(block: Block) -> tuple[IntArray, ...]:
    """The categories that go left, by the numbers that nodes have for a threshold: bits of 32-bit words."""
    bounds = _numbers(block, "cat_boundaries").astype(np.int64).tolist()
    words = _numbers(block, "cat_threshold").astype(np.uint32)
    every = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    return tuple(np.flatnonzero(every[32 * a : 32 * b]).astype(np.int64) for a, b in pairwise(bounds))


def _modes(kind: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    left, missing = (kind & 2) != 0, (kind >> 2) & 3
    as_zero = np.where(left, ZERO_LEFT, ZERO_RIGHT)
    as_nan = np.where(left, LEFT, RIGHT)
    kinds = [kind & 1 != 0, missing == 1, missing == 2]
    return np.select(kinds, [np.full(len(kind), IN_LEFT), as_zero, as_nan], AS_ZERO).astype(np.int8)
