"""How far a number made from scores on a grid may lie from the number of the scores themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, FloatArray, IntArray
from apps.engine.summaries.grid import Grid

Inputs = Mapping[str, Any]


def bounds(check: str, inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that say so: the grid, how far it moves a score, and the bound of the value where known.

    Parameters
    ----------
    check : str
        The check's id.
    inputs : mapping
        What it was called with.
    """
    found: dict[str, Any] = {"score_grid": grid.steps, "score_shift": grid.shift}
    score = inputs.get("score")
    if score is None or not len(score) or score.min() < 0 or score.max() > 1:
        found["score_shift_outside"] = 2.0 ** -(grid.bits + 1)
    rule = _RULES.get(check)
    bound = rule(inputs, grid, arguments) if rule and score is not None else None
    if check == "stability.psi" and score is not None:
        found["bin_share_bound"] = 2 * _largest_step(inputs)
    return found | ({} if bound is None else {"value_bound": bound})


def sentence(found: Mapping[str, Any]) -> str:
    """The note of a result from the grid."""
    said = (
        f"The scores are too many to count each: they were put on a grid of {found['score_grid']:,} steps, "
        f"which moves a score within 0 to 1 by at most {found['score_shift']:.2g}"
    )
    if "score_shift_outside" in found:
        said += f" and one outside by at most {found['score_shift_outside']:.2g} of its size"
    if "bin_share_bound" in found:
        said += f"; the share of a bin lies within {found['bin_share_bound']:.2g} of the exact one"
    if "value_bound" in found:
        said += f"; the value lies within {found['value_bound']:.2g} of the exact one"
    return f"{said}."


def _tied(score: FloatArray, count: IntArray, where: BoolArray) -> tuple[IntArray, IntArray]:
    """Rows of each different score on the grid, of all and of those it is true of."""
    _, code = np.unique(score, return_inverse=True)
    every = np.bincount(code, weights=count).astype(np.int64)
    return every, np.bincount(code, weights=count * where, minlength=len(every)).astype(np.int64)


def _auc(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    """Half the share of pairs of a positive and a negative that the grid ties."""
    every, positive = _tied(inputs["score"], inputs["count"], inputs["label"])
    negative = every - positive
    n, p = int(negative.sum()), int(positive.sum())
    return float((negative / n * positive).sum()) / (2 * p) if n and p else None


def _gini(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    found = _auc(inputs, grid, arguments)
    return None if found is None else 2 * found


def _ks(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    """The largest share of a class on one step."""
    every, positive = _tied(inputs["score"], inputs["count"], inputs["label"])
    negative = every - positive
    n, p = int(negative.sum()), int(positive.sum())
    return float(max(negative.max() / n, positive.max() / p)) if n and p else None


def _brier(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    """``|(s - y)² - (q - y)²| <= d (2 |q - y| + d)`` for a score moved by at most d."""
    gap = np.abs(inputs["score"] - inputs["label"])
    rows = int(inputs["count"].sum())
    return float((gap * inputs["count"]).sum()) / rows * 2 * grid.shift + grid.shift**2 if rows else None


def _shift(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    """A mean of scores moves by no more than a score."""
    return grid.shift


def _ece(inputs: Inputs, grid: Grid, arguments: Mapping[str, Any]) -> float | None:
    """No row leaves an equal-width bin made of whole steps; a bin's mean moves no more than a score."""
    bins = arguments.get("bins")
    whole = isinstance(bins, int) and bins and grid.steps % bins == 0
    return grid.shift if whole and arguments.get("binning") == "width" else None


def _largest_step(inputs: Inputs) -> float:
    """The largest share of rows on one step, on either side: what an edge within it can divide."""
    found = 0.0
    for side in ("", "reference_"):
        score, count = inputs.get(f"{side}score"), inputs.get(f"{side}count")
        if score is not None and count is not None and len(score):
            every, _ = _tied(score, count, np.zeros(len(score), dtype=bool))
            found = max(found, float(every.max() / every.sum()))
    return found


_RULES: Mapping[str, Callable[[Inputs, Grid, Mapping[str, Any]], float | None]] = {
    "performance.auc": _auc,
    "performance.gini": _gini,
    "performance.ks": _ks,
    "calibration.brier": _brier,
    "calibration.in_the_large": _shift,
    "calibration.ece": _ece,
}
