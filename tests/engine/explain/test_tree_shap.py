"""Exact tree SHAP against its definition, three libraries and the axioms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.explain import lightgbm_trees, sklearn_models, xgboost_trees
from apps.engine.explain.ensemble import AS_ZERO, LEFT, RIGHT, ZERO_LEFT, ZERO_RIGHT, Ensemble, Tree
from apps.engine.explain.tree_shap import TreeShap
from tests.engine.explain.coalitions import interventional, path_dependent, shapley


def table(rows: int, features: int, seed: int = 0, *, holes: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    x = r.normal(size=(rows, features))
    x[:, -1] = r.integers(0, 4, rows)
    known = x.copy()
    x[r.random(x.shape) < holes] = np.nan
    y = (known[:, 0] + known[:, 1] * known[:, 2] + 0.3 * r.normal(size=rows) > 0).astype(int)
    return x, y


def boosted(x: np.ndarray, y: np.ndarray, rounds: int = 12, depth: int = 4, **more: object) -> Ensemble:
    import xgboost

    settings = {"max_depth": depth, "objective": "binary:logistic", "nthread": 1, **more}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), rounds)
    return xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))


def random_tree(r: np.random.Generator, features: int, depth: int) -> Tree:
    parts: list[list[float]] = []

    def grow(level: int, cover: float) -> int:
        node = len(parts)
        parts.append([0, 0.0, -1, -1, float(r.normal()), 0, cover])
        if level < depth and r.random() < 0.9:
            share = r.uniform(0.1, 0.9)
            mode = int(r.choice([RIGHT, LEFT, AS_ZERO, ZERO_RIGHT, ZERO_LEFT]))
            f, t = int(r.integers(features)), float(r.integers(-2, 3)) / 2
            left, right = grow(level + 1, cover * share), grow(level + 1, cover * (1 - share))
            parts[node] = [f, t, left, right, 0.0, mode, cover]
        return node

    grow(0, 100.0)
    a = np.array(parts)
    f, left, right = (a[:, i].astype(np.int32) for i in (0, 2, 3))
    return Tree(f, a[:, 1], left, right, a[:, 4], a[:, 5].astype(np.int8), a[:, 6])


def random_ensemble(seed: int, features: int = 5, depth: int = 5, trees: int = 3) -> Ensemble:
    r = np.random.default_rng(seed)
    made = [random_tree(r, features, depth) for _ in range(trees)]
    return Ensemble(trees=made, features=features, base=float(r.normal()), link="identity", single=False)


def random_rows(seed: int, count: int, features: int = 5) -> np.ndarray:
    r = np.random.default_rng(seed)
    return r.choice([-1.0, -0.5, 0.0, 0.25, 1.0, np.nan], size=(count, features))


NEAR = 3e-6  # sums are in float32 within a few trees
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_interventional_values_are_those_of_every_coalition(seed: int) -> None:
    ensemble, rows, back = random_ensemble(seed), random_rows(seed, 6), random_rows(seed + 1, 9)
    expected = shapley(interventional(ensemble.margin, rows, back), 5)
    np.testing.assert_allclose(TreeShap(ensemble, back).values(rows), expected, atol=NEAR)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_path_dependent_values_are_those_of_every_coalition(seed: int) -> None:
    ensemble, rows = random_ensemble(seed), random_rows(seed, 6)
    expected = shapley(path_dependent(ensemble, rows), 5)
    np.testing.assert_allclose(TreeShap(ensemble).values(rows), expected, atol=NEAR)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_leaves_without_tables_give_the_same_values(seed: int, with_background: bool) -> None:
    ensemble, rows = random_ensemble(seed, 8, 7), random_rows(seed, 20, 8)
    back = random_rows(seed + 1, 15, 8) if with_background else None
    expected = TreeShap(ensemble, back)
    for bits, most in ((2, 2), (3, 5), (6, 6)):
        made = TreeShap(ensemble, back, bits=bits, most=most)
        np.testing.assert_allclose(made.values(rows), expected.values(rows), atol=NEAR)
        assert made.base == pytest.approx(expected.base, abs=NEAR)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans())
def test_base_and_values_add_up_to_the_margin(seed: int, with_background: bool) -> None:
    ensemble, rows = random_ensemble(seed, 6, 6), random_rows(seed, 30, 6)
    shap = TreeShap(ensemble, random_rows(seed + 1, 20, 6) if with_background else None)
    np.testing.assert_allclose(shap.base + shap.values(rows).sum(1), ensemble.margin(rows), atol=NEAR)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_an_unused_feature_gets_exactly_nothing(seed: int) -> None:
    ensemble, rows = random_ensemble(seed, 5), random_rows(seed, 10, 7)
    wider = ensemble.placed([0, 1, 2, 4, 6], 7)
    values = TreeShap(wider, random_rows(seed + 1, 8, 7)).values(rows)
    assert (values[:, [3, 5]] == 0).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_exchangeable_features_get_the_same(seed: int) -> None:
    ensemble = random_ensemble(seed, 4)
    mirrored = ensemble.placed([1, 0, 2, 3], 4)
    both = Ensemble(
        trees=[*ensemble.trees, *mirrored.trees], features=4, base=0.0, link="identity", single=False
    )
    rows, back = random_rows(seed, 10, 4), random_rows(seed + 1, 8, 4)
    rows[:, 1], back[:, 1] = rows[:, 0], back[:, 0]
    values = TreeShap(both, back).values(rows)
    np.testing.assert_allclose(values[:, 0], values[:, 1], atol=NEAR)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_values_of_a_sum_of_models_are_the_sum_of_values(seed: int) -> None:
    one, two = random_ensemble(seed), random_ensemble(seed + 1)
    both = Ensemble(trees=[*one.trees, *two.trees], features=5, base=0.0, link="identity", single=False)
    rows, back = random_rows(seed, 10), random_rows(seed + 1, 8)
    parts = [TreeShap(e, back).values(rows) for e in (one, two)]
    np.testing.assert_allclose(TreeShap(both, back).values(rows), sum(parts), atol=NEAR)


def test_a_row_has_the_same_bits_wherever_it_stands() -> None:
    ensemble, rows = random_ensemble(3, 6, 6, 20), random_rows(3, 9000, 6)
    shap = TreeShap(ensemble, random_rows(4, 50, 6))
    turned = np.random.default_rng(0).permutation(len(rows))
    assert (shap.values(rows)[turned] == shap.values(rows[turned])).all()
    assert (shap.values(rows)[:7] == shap.values(rows[:7])).all()


def test_xgboost_agrees_with_its_own_contributions() -> None:
    import xgboost

    x, y = table(2000, 8)
    booster = xgboost.train({"max_depth": 6, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 30)
    ensemble = xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))
    theirs = booster.predict(xgboost.DMatrix(x[:300]), pred_contribs=True)
    shap = TreeShap(ensemble)
    np.testing.assert_allclose(shap.values(x[:300]), theirs[:, :-1], atol=1e-5)
    assert shap.base == pytest.approx(theirs[0, -1], abs=1e-5)


@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_lightgbm_agrees_with_its_own_contributions(more: dict[str, object]) -> None:
    import lightgbm

    x, y = table(2000, 8)
    x[:, 1] = np.round(x[:, 1])
    settings = {"objective": "binary", "num_leaves": 31, "verbose": -1, **more}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y), 25)
    ensemble = lightgbm_trees.from_text(booster.model_to_string())
    theirs = booster.predict(x[:300], pred_contrib=True)
    np.testing.assert_allclose(TreeShap(ensemble).values(x[:300]), theirs[:, :-1], atol=NEAR)


def test_interventional_values_agree_with_shap() -> None:
    import shap
    import xgboost

    x, y = table(1500, 8, holes=0.0)
    booster = xgboost.train({"max_depth": 5, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 20)
    ensemble = xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))
    theirs = shap.TreeExplainer(booster, x[1000:1080]).shap_values(x[:50])
    np.testing.assert_allclose(TreeShap(ensemble, x[1000:1080]).values(x[:50]), theirs, atol=1e-5)


def test_a_forest_agrees_with_shap() -> None:
    import shap
    from sklearn.ensemble import RandomForestClassifier

    x, y = table(800, 6, holes=0.0)
    forest = RandomForestClassifier(20, max_depth=6, random_state=0).fit(x, y)
    theirs = shap.TreeExplainer(forest).shap_values(x[:40])[..., 1]
    made = TreeShap(sklearn_models.trees(forest)).values(x[:40].astype(np.float32).astype(float))
    np.testing.assert_allclose(made, theirs, atol=NEAR)


def test_path_dependent_values_need_cover() -> None:
    ensemble = random_ensemble(0)
    bare = [Tree(t.feature, t.threshold, t.left, t.right, t.value, t.missing, None) for t in ensemble.trees]
    without = Ensemble(trees=bare, features=5, base=0.0, link="identity", single=False)
    with pytest.raises(ValueError, match="training cover"):
        TreeShap(without)
    assert TreeShap(without, random_rows(0, 3)).values(random_rows(1, 2)).shape == (2, 5)


def test_a_stump_by_hand() -> None:
    stump = Tree(
        np.array([0, 0, 0], np.int32),
        np.array([0.5, 0.0, 0.0]),
        np.array([1, -1, -1], np.int32),
        np.array([2, -1, -1], np.int32),
        np.array([0.0, -1.0, 3.0]),
        np.zeros(3, np.int8),
        np.array([4.0, 3.0, 1.0]),
    )
    ensemble = Ensemble(trees=[stump], features=1, base=10.0, link="identity", single=False)
    shap = TreeShap(ensemble)
    assert shap.base == 10.0  # 10 + 3/4 * -1 + 1/4 * 3
    assert shap.values(np.array([[0.5], [0.6]])).ravel().tolist() == [-1.0, 3.0]


def test_tables_that_are_not_held_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble, rows, back = random_ensemble(5, 6, 6, 12), random_rows(5, 50, 6), random_rows(6, 20, 6)
    held = TreeShap(ensemble, back)
    monkeypatch.setattr("apps.engine.explain.tree_shap._HELD", 0)
    streamed = TreeShap(ensemble, back)
    assert (streamed.values(rows) == held.values(rows)).all()
    assert streamed.base == held.base


def test_another_background_gives_what_a_fresh_explainer_gives() -> None:
    ensemble, rows = random_ensemble(8, 6, 6, 10), random_rows(8, 40, 6)
    one, two = random_rows(9, 20, 6), random_rows(10, 30, 6)
    first = TreeShap(ensemble, one)
    moved, fresh = first.against(two), TreeShap(ensemble, two)
    assert (moved.values(rows) == fresh.values(rows)).all()
    assert moved.base == fresh.base
    assert (first.values(rows) == TreeShap(ensemble, one).values(rows)).all()
