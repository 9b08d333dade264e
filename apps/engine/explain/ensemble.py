"""A sum of decision trees as arrays, whatever library trained it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray, IntArray

Link = Literal["identity", "logistic", "softmax"]
Ints = npt.NDArray[np.int32]

# Where a missing value goes at a node; ZERO_* send zero the same way as missing.
# Splits by category: IN_LEFT sends the set left and all else right; OUT_* send the set right, other
# categories left, and missing values as they say.
RIGHT, LEFT, AS_ZERO, ZERO_RIGHT, ZERO_LEFT, IN_LEFT, OUT_LEFT, OUT_RIGHT = range(8)
_ZERO = 1e-35


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree; a row goes left at a node where its value is at most the threshold.

    `left` is -1 at leaves. `cover` is the training weight that reached a node, or None where the
    format does not keep it. Where a node splits by category, its threshold is a place in `sets`.
    """

    feature: Ints
    threshold: FloatArray
    left: Ints
    right: Ints
    value: FloatArray
    missing: npt.NDArray[np.int8]
    cover: FloatArray | None
    sets: tuple[IntArray, ...] = ()

    @property
    def size(self) -> int:
        """Number of nodes, leaves included."""
        return len(self.feature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees whose sum plus `base` is the model's margin; `link` turns the margin into its score.

    `single`: the library compares in float32, so values are rounded to it first. `names`: the features'
    own names in the file, where it keeps them. `others`: with the link "softmax", the trees of all other
    classes, whose margins the score needs.
    """

    trees: Sequence[Tree]
    features: int
    base: float
    link: Link
    single: bool
    names: tuple[str, ...] = ()
    others: tuple[Ensemble, ...] = ()

    def placed(self, places: Sequence[int], features: int) -> Ensemble:
        """The same trees reading feature j from column `places[j]` of `features`."""
        if list(places) == list(range(features)):
            return self
        column = np.array(places, np.int32)
        trees = [replace(t, feature=column[t.feature]) for t in self.trees]
        others = tuple(other.placed(places, features) for other in self.others)
        return replace(self, trees=trees, features=features, others=others)

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
        return self.linked(self.margin(matrix), matrix)

    def linked(self, margin: FloatArray, matrix: FloatArray) -> FloatArray:
        """The scores of rows with these margins; shape (n,)."""
        if self.link != "softmax":
            return linked(margin, self.link)
        margins = np.stack([margin, *(other.margin(matrix) for other in self.others)])
        weights = np.exp(margins - margins.max(0))
        return np.asarray(weights[0] / weights.sum(0))

    def times(self, scale: float) -> Ensemble:
        """The same trees with a margin `scale` times as large."""
        trees = [replace(t, value=t.value * scale) for t in self.trees]
        return replace(self, trees=trees, base=self.base * scale)


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


def in_set(values: FloatArray, chosen: IntArray) -> npt.NDArray[np.bool_]:
    """Which values, cut to whole numbers, are in a sorted set; missing and negative ones are not.

    Examples
    --------
    >>> in_set(np.array([2.0, 3.5, np.nan, -2.0]), np.array([2, 3])).tolist()
    [True, True, False, False]
    """
    known = (values > -1) & (values < 2**31)
    number = np.where(known, values, -1.0).astype(np.int64)
    place = np.minimum(np.searchsorted(chosen, number), max(len(chosen) - 1, 0))
    return known & (chosen[place] == number) if len(chosen) else np.zeros(len(values), bool)


def by_category(values: FloatArray, chosen: IntArray, mode: int) -> npt.NDArray[np.bool_]:
    """Which values go left at a node that splits by category."""
    inside = in_set(values, chosen)
    if mode == IN_LEFT:
        return inside
    return np.where(np.isnan(values), mode == OUT_LEFT, ~inside)


def goes_left(
    values: FloatArray, threshold: float, mode: int, sets: tuple[IntArray, ...] = ()
) -> npt.NDArray[np.bool_]:
    """Which values go left at one node."""
    if mode >= IN_LEFT:
        return by_category(values, sets[int(threshold)], mode)
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
        left = goes_left(column, float(tree.threshold[node]), int(tree.missing[node]), tree.sets)
        waiting += [(int(tree.left[node]), rows[left]), (int(tree.right[node]), rows[~left])]
    return leaf
