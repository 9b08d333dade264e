"""Interaction values against their definition and XGBoost's own."""

from __future__ import annotations

import json
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings

from apps.engine.explain import xgboost_trees
from apps.engine.explain.interactions import interactions
from apps.engine.explain.tree_shap import TreeShap
from tests.engine.explain.coalitions import path_dependent
from tests.engine.explain.test_tree_shap import NEAR, SEEDS, random_ensemble, random_rows, table


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_pairs_are_those_of_every_coalition(seed: int) -> None:
    ensemble, rows, features = random_ensemble(seed, 4, 6), random_rows(seed, 4, 4), 4
    game = path_dependent(ensemble, rows)
    worth = {s: game(s) for k in range(features + 1) for s in combinations(range(features), k)}
    made = interactions(TreeShap(ensemble), rows)
    for i, j in combinations(range(features), 2):
        rest = [f for f in range(features) if f not in (i, j)]
        total = np.zeros(len(rows))
        for size in range(len(rest) + 1):
            weight = factorial(size) * factorial(features - size - 2) / (2 * factorial(features - 1))
            for s in combinations(rest, size):
                with_i, with_j, both = (tuple(sorted((*s, *more))) for more in ((i,), (j,), (i, j)))
                total += weight * (worth[both] - worth[with_i] - worth[with_j] + worth[s])
        np.testing.assert_allclose(made[:, i, j], total, atol=NEAR)


def test_xgboost_gives_the_same_interactions() -> None:
    import xgboost

    x, y = table(800, 6)
    booster = xgboost.train({"max_depth": 5, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 20)
    shap = TreeShap(xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json")))))
    theirs = booster.predict(xgboost.DMatrix(x[:100]), pred_interactions=True)[:, :-1, :-1]
    made = interactions(shap, x[:100])
    np.testing.assert_allclose(made, theirs, atol=2e-5)
    np.testing.assert_allclose(made.sum(2), shap.values(x[:100]), atol=1e-12)
    assert (made == made.transpose(0, 2, 1)).all()


def test_a_background_has_no_interactions_here() -> None:
    ensemble, rows = random_ensemble(1), random_rows(1, 3)
    with pytest.raises(ValueError, match="path-dependent"):
        interactions(TreeShap(ensemble, rows), rows)
