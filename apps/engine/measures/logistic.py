"""Logistic regression of an outcome on one number, from the rows or weight at each of its values."""

from __future__ import annotations

import math

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.forecasts import Forecasts
from apps.engine.measures.runs import runs_of, weighted_runs
from apps.engine.numeric import stable_sum

_ROUNDS = 100


def levels(rows: Forecasts) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Distinct scores, the rows or weight of each class there, and with weights the squared weight."""
    if rows.weight is None:
        runs = runs_of(rows.score, rows.label, rows.count)
        return runs.values, np.stack((runs.negatives, runs.positives), axis=1).astype(np.float64), None
    made = weighted_runs(rows.score, rows.label, rows.weight, rows.count)
    return made.values, made.mass, made.squares


def require_overlap(counts: FloatArray) -> None:
    """Refuse classes that a cut separates: the likelihood has no maximum."""
    negative, positive = np.flatnonzero(counts[:, 0]), np.flatnonzero(counts[:, 1])
    if positive[0] >= negative[-1] or negative[0] >= positive[-1]:
        raise Unmeasurable("A cut-off separates the classes: the slope has no finite estimate.")


def logistic(x: FloatArray, counts: FloatArray, squares: FloatArray | None) -> tuple[float, float, float]:
    """Intercept, slope and the slope's standard error from (levels, 2) counts or weights.

    With squared weights the error is the robust one: ``H⁻¹ (Σ w² u uᵀ) H⁻¹``, u a row's score.
    """
    n, y = counts.sum(axis=1), counts[:, 1]
    a, b = math.log(stable_sum(y) / stable_sum(n - y)), 0.0
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-(a + b * x)))
        w = n * p * (1 - p)
        g0, g1 = stable_sum(y - n * p), stable_sum((y - n * p) * x)
        h00, h01, h11 = stable_sum(w), stable_sum(w * x), stable_sum(w * x * x)
        det = h00 * h11 - h01 * h01
        if not det > 0:
            break
        step_a, step_b = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        a, b = a + step_a, b + step_b
        if abs(step_a) + abs(step_b) < 1e-12 * (1 + abs(a) + abs(b)):
            if squares is None:
                return a, b, math.sqrt(h00 / det)
            return a, b, _robust_error((h00, h01, det), x, p, squares)
    raise Unmeasurable("The logistic regression of the outcome on the score did not settle.")


def _robust_error(
    hessian: tuple[float, float, float], x: FloatArray, p: FloatArray, squares: FloatArray
) -> float:
    """The slope's entry of ``H⁻¹ (Σ w² (y - p)² x xᵀ) H⁻¹``."""
    h00, h01, det = hessian
    meat = squares[:, 0] * p**2 + squares[:, 1] * (1 - p) ** 2
    return math.sqrt(stable_sum(meat * (h00 * x - h01) ** 2)) / det
