"""Trees as plain bytes, and back with every reference checked: whoever sent them is not trusted."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from apps.engine.errors import BadInput
from apps.engine.explain.ensemble import IN_LEFT, OUT_RIGHT, Ensemble, Link, Tree

_NODES, _TREES = 1 << 26, 1 << 20
_BROKEN = (KeyError, IndexError, TypeError, ValueError, StopIteration, RecursionError, OverflowError)
_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("feature", np.int32),
    ("threshold", np.float64),
    ("left", np.int32),
    ("right", np.int32),
    ("value", np.float64),
    ("missing", np.int8),
)


def pack(ensembles: Sequence[Ensemble]) -> bytes:
    """Ensembles as bytes.

    Examples
    --------
    >>> from apps.engine.apart.packed import unpack
    >>> one = Ensemble(trees=(), features=2, base=0.5, link="logistic", single=True, names=("a", "b"))
    >>> [(e.base, e.names) for e in unpack(pack([one]))]
    [(0.5, ('a', 'b'))]
    """
    trees: list[Tree] = []
    heads = [_head(ensemble, trees) for ensemble in ensembles]
    sets = [chosen for tree in trees for chosen in tree.sets]
    covered = [tree.cover is not None for tree in trees]
    head = {
        "ensembles": heads,
        "sizes": [tree.size for tree in trees],
        "covered": covered,
        "sets": [[len(chosen) for chosen in tree.sets] for tree in trees],
    }
    out = io.BytesIO()
    out.write(json.dumps(head, allow_nan=False).encode() + b"\n")
    for name, dtype in _COLUMNS:
        out.write(_joined([getattr(tree, name) for tree in trees], dtype))
    out.write(_joined([tree.cover for tree in trees if tree.cover is not None], np.float64))
    out.write(_joined(sets, np.int64))
    return out.getvalue()


def _head(ensemble: Ensemble, trees: list[Tree]) -> dict[str, Any]:
    trees += ensemble.trees
    return {
        "trees": len(ensemble.trees),
        "features": ensemble.features,
        "base": float(ensemble.base).hex(),
        "link": ensemble.link,
        "single": ensemble.single,
        "names": list(ensemble.names),
        "others": [_head(other, trees) for other in ensemble.others],
    }


def _joined(arrays: Sequence[npt.NDArray[Any]], dtype: Any) -> bytes:
    joined = np.concatenate(arrays) if arrays else np.empty(0)
    return np.ascontiguousarray(joined, dtype=dtype).tobytes()


def unpack(data: bytes) -> list[Ensemble]:
    """The ensembles of `pack`.

    Raises
    ------
    BadInput
        Bytes that are none, or a tree whose nodes name nodes, features or sets that it does not have, or
        that leads back to a node.
    """
    try:
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        trees = iter(_trees(head, rest))
        return [_ensemble(each, trees) for each in head["ensembles"]]
    except _BROKEN as error:
        raise BadInput("The trees of the model cannot be read.") from error


def _ensemble(head: dict[str, Any], trees: Any) -> Ensemble:
    if head["link"] not in get_args(Link):
        raise ValueError(head["link"])
    own = [next(trees) for _ in range(int(head["trees"]))]
    others = tuple(_ensemble(other, trees) for other in head["others"])
    features = int(head["features"])
    if any((tree.feature[tree.left >= 0] >= features).any() for tree in own):
        raise ValueError("features")
    return Ensemble(
        trees=own,
        features=features,
        base=float.fromhex(head["base"]),
        link=head["link"],
        single=bool(head["single"]),
        names=tuple(str(name) for name in head["names"]),
        others=others,
    )


def _trees(head: dict[str, Any], rest: bytes) -> list[Tree]:
    sizes, covered = np.array(head["sizes"], np.int64), np.array(head["covered"], bool)
    total = int(sizes.sum())
    if len(sizes) > _TREES or total > _NODES or (sizes < 1).any() or len(covered) != len(sizes):
        raise ValueError("sizes")
    columns, at = {}, 0
    for name, dtype in _COLUMNS:
        columns[name], at = _taken(rest, at, total, dtype)
    cover, at = _taken(rest, at, int(sizes[covered].sum()), np.float64)
    lengths = [[int(length) for length in lengths] for lengths in head["sets"]]
    if any(length < 0 for each in lengths for length in each):
        raise ValueError("sets")
    sets, _ = _taken(rest, at, sum(map(sum, lengths)), np.int64)
    own_columns = {name: _cut(column, sizes.tolist()) for name, column in columns.items()}
    covers = iter(_cut(cover, sizes[covered].tolist()))
    chosen = iter(_cut(sets, [length for each in lengths for length in each]))
    made = []
    for i, own in enumerate(lengths):
        parts = {name: cut[i] for name, cut in own_columns.items()}
        cover_of = next(covers) if covered[i] else None
        made.append(Tree(**parts, cover=cover_of, sets=tuple(next(chosen) for _ in own)))
        _sound(made[-1])
    return made


def _taken(rest: bytes, at: int, count: int, dtype: Any) -> tuple[npt.NDArray[Any], int]:
    """So many numbers from a place on, and the place after them."""
    found = np.frombuffer(rest, dtype=dtype, count=count, offset=at).copy()
    return found, at + found.nbytes


def _cut(column: npt.NDArray[Any], sizes: Sequence[int]) -> list[npt.NDArray[Any]]:
    return np.split(column, np.cumsum(sizes)[:-1]) if len(sizes) else []


def _sound(tree: Tree) -> None:
    """Each node but the first is the child of one node: a walk from the root ends."""
    inner = np.flatnonzero(tree.left >= 0)
    children = np.concatenate([tree.left[inner], tree.right[inner]])
    if len(children) != len(np.unique(children)) or (children < 1).any() or (children >= tree.size).any():
        raise ValueError("children")
    if (tree.feature[inner] < 0).any() or ((tree.missing < 0) | (tree.missing > OUT_RIGHT)).any():
        raise ValueError("features")
    by_set = inner[tree.missing[inner] >= IN_LEFT]
    places = tree.threshold[by_set]
    if len(places) and not ((places >= 0) & (places < len(tree.sets)) & (places == np.floor(places))).all():
        raise ValueError("sets")
    if any((np.diff(chosen) < 0).any() for chosen in tree.sets):
        raise ValueError("sets")
