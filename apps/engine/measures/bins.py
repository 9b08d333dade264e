"""Bins of scores and columns: equal width, quantiles, distinct values or given edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.errors import BadInput

RULES = ("quantile", "width", "unique", "edges")


@dataclass(frozen=True, slots=True)
class Binning:
    """A bin rule: how many, and how they are cut."""

    count: int
    rule: str


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins k = (uppers[k-1], uppers[k]]; the last one is open above.

    Parameters
    ----------
    index : int array (n,)
        The bin of each value.
    uppers : float array
        Upper ends, ascending; the last is infinite.
    """

    index: npt.NDArray[np.intp]
    uppers: FloatArray


def bin_of(values: FloatArray, binning: Binning) -> Bins:
    """Bins of probabilities by the rule; ``width`` cuts [0, 1].

    Examples
    --------
    >>> bin_of(np.array([0.0, 0.05, 0.95, 1.0]), Binning(10, "width")).index.tolist()
    [0, 0, 9, 9]
    """
    if binning.rule == "width":
        edges = np.arange(1, binning.count) / binning.count
    else:
        edges = cut_points(np.sort(values), binning.rule, binning.count)
    return place(values, edges)


def place(values: FloatArray, edges: FloatArray) -> Bins:
    """Values put between inner edges; a value equal to an edge lies in the bin below it."""
    return Bins(np.searchsorted(edges, values, side="left"), np.append(edges, np.inf))


def cut_points(
    ordered: FloatArray, rule: str, count: int, edges: Sequence[float] | None = None
) -> FloatArray:
    """Inner edges, ascending and distinct, from sorted reference values.

    ``quantile``: the values at ranks ceil(j n / count), j = 1 … count-1. ``width``: equal steps from the
    smallest to the largest. ``unique``: every distinct value but the last. ``edges``: as given.

    Raises
    ------
    BadInput
        The edges given are not ascending, or an unknown rule.

    Examples
    --------
    >>> cut_points(np.arange(1.0, 11.0), "quantile", 5).tolist()
    [2.0, 4.0, 6.0, 8.0]
    """
    if rule == "edges":
        given = np.asarray(edges if edges is not None else (), dtype=np.float64)
        if len(given) == 0 or not np.isfinite(given).all() or (np.diff(given) <= 0).any():
            raise BadInput("edges must be a list of ascending, different numbers.")
        return given
    if rule == "unique":
        return np.unique(ordered)[:-1]
    if rule == "width":
        low, high = ordered[0], ordered[-1]
        return np.unique(low + (high - low) * np.arange(1, count) / count)
    if rule != "quantile":
        raise BadInput(f"The bin rule must be one of {', '.join(RULES)}, not {rule}.")
    ranks = -(-np.arange(1, count) * len(ordered) // count) - 1
    inner = np.unique(ordered[ranks])
    kept: FloatArray = inner[inner < ordered[-1]]
    return kept


def counts_between(ordered: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """How many sorted values lie in each bin: one binary search an edge."""
    below = np.searchsorted(ordered, edges, side="right")
    return np.diff(np.concatenate(([0], below, [len(ordered)]))).astype(np.int64)
