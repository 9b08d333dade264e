"""A sum of decision trees as arrays, whatever library trained it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray

Link = Literal["identity", "logistic"]
Ints = npt.NDArray[np.int32]

# Where a missing value goes at a node; ZERO_* send zero the same way as missing.
RIGHT, LEFT, AS_ZERO, ZERO_RIGHT, ZERO_LEFT = range(5)
_ZERO = 1e-35


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree; a row goes left at a node where its value is at most the threshold.

    `left` is -1 at leaves. `cover` is the training weight that reached a node, or None where the
    format does not keep it.
    """

    feature: Ints
    threshold: FloatArray
    left: Ints
    right: Ints
    value: FloatArray
    missing: npt.NDArray[np.int8]
    cover: FloatArray | None

    @property
    def size(self) -> int:
        """Number of nodes, leaves included."""
        return len(self.feature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees whose sum plus `base` is the model's margin; `link` turns the margin into its score.

    `single`: the library compares in float32, so values are rounded to it first. `names`: the features'
    own names in the file, where it keeps them.
    """

    trees: Sequence[Tree]
    features: int
    base: float
    link: Link
    single: bool
    names: tuple[str, ...] = ()

    def placed(self, places: Sequence[int], features: int) -> Ensemble:
        """The same trees reading feature j from column `places[j]` of `features`."""
        if list(places) == list(range(features)):
            return self
        column = np.array(places, np.int32)
        trees = [replace(t, feature=column[t.feature]) for t in self.trees]
        return replace(self, trees=trees, features=features)

    @property
    def has_cover(self) -> bool:
        """Whether every node knows how much training data reached it."""
        return all(t.cover is not None for t in self.trees)

    def values(self, matrix: FloatArray) -> FloatArray:
        """The matrix as the library would compare it."""
        if not self.single:
            return matrix
        with np.errstate(over="ignore"):
            return matrix.astype(np.float32).astype(np.float64)

    def margin(self, matrix: FloatArray) -> FloatArray:
        """The margin of each row by walking each tree in float64; shape (n,)."""
        values = self.values(matrix)
        total = np.full(len(matrix), self.base)
        for tree in self.trees:
            total += tree.value[_leaves(tree, values)]
        return total

    def score(self, matrix: FloatArray) -> FloatArray:
        """The margin through the link; shape (n,)."""
        return linked(self.margin(matrix), self.link)


def linked(margin: FloatArray, link: Link) -> FloatArray:
    """The score of a margin: itself, or 1 / (1 + exp(-margin)).

    Examples
    --------
    >>> linked(np.array([0.0]), "logistic").tolist()
    [0.5]
    """
    if link == "identity":
        return margin
    e = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, e) / (1.0 + e)


def below(threshold: npt.NDArray[np.float32]) -> FloatArray:
    """The largest float32 under each threshold: x < t is x <= below(t) in float32."""
    return np.nextafter(threshold, np.float32(-np.inf)).astype(np.float64)


def is_missing(values: FloatArray, mode: int) -> npt.NDArray[np.bool_]:
    """Which values a node of that mode sends the way of the missing."""
    absent = np.isnan(values)
    if mode in (ZERO_RIGHT, ZERO_LEFT):
        absent |= np.abs(values) <= _ZERO
    return absent


def goes_left(values: FloatArray, threshold: float, mode: int) -> npt.NDArray[np.bool_]:
    """Which values go left at one node."""
    if mode == AS_ZERO:
        return np.where(np.isnan(values), 0.0, values) <= threshold
    if mode in (LEFT, ZERO_LEFT):
        return (values <= threshold) | is_missing(values, mode)
    return (values <= threshold) & ~is_missing(values, mode)


def _leaves(tree: Tree, values: FloatArray) -> npt.NDArray[np.int64]:
    """The leaf of each row: one pass per node over the rows that reach it."""
    leaf = np.zeros(len(values), np.int64)
    waiting = [(0, np.arange(len(values)))]
    while waiting:
        node, rows = waiting.pop()
        if tree.left[node] < 0:
            leaf[rows] = node
            continue
        if not len(rows):
            continue
        column = values[rows, tree.feature[node]]
        left = goes_left(column, float(tree.threshold[node]), int(tree.missing[node]))
        waiting += [(int(tree.left[node]), rows[left]), (int(tree.right[node]), rows[~left])]
    return leaf
