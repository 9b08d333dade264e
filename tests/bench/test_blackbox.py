"""Shapley values of a model that is only called, beside shap's permutation explainer at the same error."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, compare, side
from tests.bench.measuring import FULL, Ran, in_turns, job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PART = "Black box: a network of 30-128-64-1, 100 background rows"
ROWS, PERMUTATIONS, LONG = 100, 10, 100 if FULL else 40
GOALS = {
    "onnx": (Goal(ratio=6, share=0.5), "onnxruntime"),
    "sklearn": (Goal(ratio=12, share=0.5), "scikit-learn"),
}


@pytest.mark.parametrize("kind", GOALS)
def test_permutation_walks(table: Table, made: Maker, kind: str) -> None:
    folder = made("network", 20_000, 12)
    goal, called = GOALS[kind]
    found = in_turns(
        3,
        once=("shap",),
        ours=lambda: job("blackbox_ours", folder, kind, ROWS, 3),
        shap=lambda: job("blackbox_shap", folder, kind, ROWS, PERMUTATIONS),
    )
    long = job("blackbox_long", folder, ROWS, LONG)
    mine, theirs = (_error(found[name][0], long) for name in ("ours", "shap"))
    said = found["ours"][0].said
    compare(
        table,
        part=PART,
        what=f"{ROWS} rows on {called}, {said['evaluations']:,} evaluations a row; RMSE {mine:.1e}",
        ours=side(found, "ours"),
        theirs=side(found, "shap", note=f"RMSE {theirs:.1e}"),
        peer=f"{found['shap'][0].said['peer']}: PermutationExplainer, {PERMUTATIONS} permutations",
        goal=goal,
        share=said["floor"] / found.seconds("ours"),
        limit="the model's own time for its evaluations",
    )
    assert mine <= theirs * 1.15


def _error(ran: Ran, long: Ran) -> float:
    return float(np.sqrt(np.mean((np.array(ran.said["values"]) - np.array(long.said["values"])) ** 2)))
