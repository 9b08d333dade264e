"""Trees of an ONNX TreeEnsembleClassifier or TreeEnsembleRegressor that reads the input directly."""

from __future__ import annotations

import mmap
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.explain.ensemble import LEFT, RIGHT, Ensemble, Link, Tree, below
from apps.engine.explain.refuse import Unreadable
from apps.engine.scanning.wire import BYTES, FIXED32, VARINT, Malformed, fields, text, varint

Attributes = dict[str, Any]
_HARMLESS = frozenset({"Cast", "ZipMap", "Identity", "Normalizer", "ArrayFeatureExtractor", "Reshape"})


def read(path: Path) -> Ensemble:
    """The trees of an ONNX file with one tree operator, for its last class; `Unreadable` says why not."""
    return every_class(path)[0]


def every_class(path: Path) -> list[Ensemble]:
    """The trees for each class, the last class first; of two classes kept as one, also the other."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            nodes = _nodes(data)
    except (OSError, Malformed, ValueError) as error:
        raise Unreadable(f"its graph cannot be read ({type(error).__name__})") from error
    found = [(op, a) for op, a in nodes if op in ("TreeEnsembleClassifier", "TreeEnsembleRegressor")]
    others = sorted({op for op, _ in nodes} - _HARMLESS - {op for op, _ in found})
    if len(found) != 1 or others:
        raise Unreadable("its graph is not one tree operator")
    return _ensembles(*found[0])


def _nodes(data: Any) -> list[tuple[str, Attributes]]:
    nodes = []
    for number, kind, a, b in fields(data, 0, len(data)):
        if number == 7 and kind == BYTES:
            nodes += [_node(data, x, y) for n, k, x, y in fields(data, a, b) if n == 1 and k == BYTES]
    return nodes


def _node(data: Any, start: int, end: int) -> tuple[str, Attributes]:
    operator, attributes = "", {}
    for number, kind, a, b in fields(data, start, end):
        if kind == BYTES and number == 4:
            operator = text(data, a, b)
        elif kind == BYTES and number == 5:
            name, value = _attribute(data, a, b)
            attributes[name] = value
    return operator, attributes


def _attribute(data: Any, start: int, end: int) -> tuple[str, Any]:
    """An attribute's name and value: numbers as arrays, strings as a list or one text."""
    name, strings, parts = "", [], []
    one: Any = None
    for number, kind, a, b in fields(data, start, end):
        if number == 1 and kind == BYTES:
            name = text(data, a, b)
        elif number == 4 and kind == BYTES:
            one = text(data, a, b)
        elif number == 9 and kind == BYTES:
            strings.append(text(data, a, b))
        elif number == 7:
            parts.append(_floats(data, kind, a, b))
        elif number == 8:
            parts.append(_integers(data, kind, a, b))
        elif number == 5 and kind == BYTES:
            raise Unreadable("its tree attributes are tensors")
    if strings:
        return name, strings
    return name, np.concatenate(parts) if parts else one


def _floats(data: Any, kind: int, a: int, b: int) -> npt.NDArray[Any]:
    if kind == FIXED32:
        return np.array(struct.unpack("<f", a.to_bytes(4, "little")), np.float32)
    return np.frombuffer(bytes(data[a:b]), "<f4")


def _integers(data: Any, kind: int, a: int, b: int) -> npt.NDArray[Any]:
    if kind == VARINT:
        return np.array([_signed(a)], np.int64)
    found, at = [], a
    while at < b:
        value, at = varint(data, at, b)
        found.append(_signed(value))
    return np.array(found, np.int64)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _ensembles(operator: str, a: Attributes) -> list[Ensemble]:
    kind = "class" if operator == "TreeEnsembleClassifier" else "target"
    link = _link(a.get("post_transform") or "NONE")
    if (a.get("aggregate_function") or "SUM") not in ("SUM", "AVERAGE"):
        raise Unreadable("its trees are not summed")
    bases, ids = a.get("base_values"), np.unique(a[f"{kind}_ids"])[::-1].tolist()
    starts = [0.0] if bases is None or not len(bases) else [float(b) for b in bases]
    made = [_chosen(a, kind, one, starts[min(one, len(starts) - 1)], link) for one in ids]
    if link == "softmax":
        return [replace(e, others=tuple(o for o in made if o is not e)) for e in made]
    return [*made, _mirrored(made[0])] if kind == "class" and len(made) == 1 else made


def _mirrored(one: Ensemble) -> Ensemble:
    """The first of two classes where the file keeps the second: the scores of both sum to one."""
    other = one.times(-1.0)
    return other if one.link == "logistic" else replace(other, base=1.0 + other.base)


def _chosen(a: Attributes, kind: str, one: int, base: float, link: Link) -> Ensemble:
    """The trees of one class or target."""
    mine = a[f"{kind}_ids"] == one
    parts = (a[f"{kind}_{part}"][mine] for part in ("treeids", "nodeids", "weights"))
    values = {(int(t), int(n)): float(w) for t, n, w in zip(*parts, strict=True)}
    numbers = np.unique(a["nodes_treeids"])
    scale = 1.0 / len(numbers) if a.get("aggregate_function") == "AVERAGE" else 1.0
    made = [_tree(a, int(t), values, scale) for t in numbers]
    features = int(a["nodes_featureids"].max()) + 1
    return Ensemble(trees=made, features=features, base=base, link=link, single=True)


def _link(transform: str) -> Link:
    if transform == "NONE":
        return "identity"
    if transform == "LOGISTIC":
        return "logistic"
    if transform == "SOFTMAX":
        return "softmax"
    raise Unreadable(f"its post-transform {transform} has no known margin")


def _tree(a: Attributes, number: int, values: dict[tuple[int, int], float], scale: float) -> Tree:
    mine = np.flatnonzero(a["nodes_treeids"] == number)
    ids = a["nodes_nodeids"][mine]
    place = {int(n): i for i, n in enumerate(ids)}
    modes = [a["nodes_modes"][i] for i in mine]
    leaf = np.array([m == "LEAF" for m in modes])
    true, false = (
        np.array([-1 if at else place[int(n)] for n, at in zip(a[k][mine], leaf, strict=True)], np.int32)
        for k in ("nodes_truenodeids", "nodes_falsenodeids")
    )
    threshold, swapped = _thresholds(a["nodes_values"][mine], modes)
    tracks = a.get("nodes_missing_value_tracks_true")
    missing_true = np.zeros(len(mine), bool) if tracks is None else tracks[mine].astype(bool)
    if int(a["nodes_nodeids"][mine][0]) != 0 and 0 in place:
        raise Unreadable("its root is not its first node")
    return Tree(
        feature=a["nodes_featureids"][mine].astype(np.int32),
        threshold=threshold,
        left=np.where(swapped, false, true),
        right=np.where(swapped, true, false),
        value=np.array(
            [
                scale * values.get((number, int(n)), 0.0) if at else 0.0
                for n, at in zip(ids, leaf, strict=True)
            ]
        ),
        missing=np.where(missing_true != swapped, LEFT, RIGHT).astype(np.int8),
        cover=None,
    )


def _thresholds(values: npt.NDArray[Any], modes: list[str]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Every comparison as `at most`; swapped where the true branch is the greater side."""
    unknown = set(modes) - {"LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"}
    if unknown:
        raise Unreadable(f"its trees compare by {min(unknown)}")
    strict = np.array([m in ("BRANCH_LT", "BRANCH_GTE") for m in modes])
    swapped = np.array([m in ("BRANCH_GT", "BRANCH_GTE") for m in modes])
    single = values.astype(np.float32)
    return np.where(strict, below(single), single.astype(np.float64)), swapped
