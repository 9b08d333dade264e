"""Sweeps and tables: the same bytes compiled or not, on any threads, in any blocks; packed tables as told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings

from apps.engine.explain import lightgbm_trees, tables
from apps.engine.explain.ensemble import LEFT, Ensemble, Tree
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.resources import using
from tests.engine.explain.coalitions import path_dependent, shapley
from tests.engine.explain.test_readers import UNKNOWN, coded
from tests.engine.explain.test_tree_shap import NEAR, SEEDS, boosted, random_ensemble, random_rows, table


@contextmanager
def everything_compiled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.engine.kernels.worth", lambda items, enough=0: True)
        yield


def both_ways(ensemble: Ensemble, rows: np.ndarray, back: np.ndarray | None) -> list[tuple[np.ndarray, ...]]:
    """Values, margins and base in NumPy and compiled."""
    with using(compiled=False):
        plain = TreeShap(ensemble, back)
        made = [(*plain.explained(rows), np.array(plain.base))]
    with everything_compiled():
        fast = TreeShap(ensemble, back)
        return [*made, (*fast.explained(rows), np.array(fast.base))]


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(
    ("features", "depth", "trees"), [(1, 0, 1), (2, 3, 9), (6, 7, 20), (90, 6, 40), (14, 13, 3)]
)
def test_compiled_loops_give_the_bytes_of_numpy(
    features: int, depth: int, trees: int, background: bool
) -> None:
    ensemble, rows = random_ensemble(7, features, depth, trees), random_rows(1, 150, features)
    back = random_rows(2, 77, features) if background else None
    plain, fast = both_ways(ensemble, rows, back)
    for one, other in zip(plain, fast, strict=True):
        assert one.tobytes() == other.tobytes()
    assert plain[1].tobytes() == ensemble.margin(rows).tobytes()


@pytest.mark.parametrize("background", [False, True])
def test_threads_and_blocks_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch, background: bool) -> None:
    ensemble, rows = random_ensemble(9, 6, 6, 12), random_rows(4, 700, 6)
    back = random_rows(5, 60, 6) if background else None
    with using(threads=1):
        alone = TreeShap(ensemble, back).explained(rows)
    monkeypatch.setattr("apps.engine.explain.tree_shap._BLOCK", 64)
    with using(threads=4):
        many = TreeShap(ensemble, back).explained(rows)
    assert [a.tobytes() for a in alone] == [m.tobytes() for m in many]
    some = TreeShap(ensemble, back).explained(rows[[650, 3]])
    assert (some[0] == alone[0][[650, 3]]).all()


def complete(depth: int) -> Ensemble:
    """One tree over one feature whose inner nodes all have thresholds of their own."""
    inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    place, r = np.arange(nodes), np.random.default_rng(depth)
    left = np.where(place < inner, 2 * place + 1, -1).astype(np.int32)
    tree = Tree(
        np.zeros(nodes, np.int32),
        r.normal(size=nodes),
        left,
        np.where(left < 0, -1, left + 1).astype(np.int32),
        r.normal(size=nodes),
        np.full(nodes, LEFT, np.int8),
        None,
    )
    return Ensemble(trees=[tree], features=1, base=0.5, link="identity", single=False)


@pytest.mark.parametrize(("depth", "width"), [(7, np.uint8), (9, np.uint16), (17, np.uint32)])
def test_ranks_of_any_width_decide_as_the_thresholds_do(depth: int, width: type) -> None:
    ensemble, rows = complete(depth), np.random.default_rng(1).normal(size=(200, 1))
    rows[0] = np.nan
    with using(compiled=False):
        plain = TreeShap(ensemble, rows)
    with everything_compiled():
        fast = TreeShap(ensemble, rows)
    assert plain.base == fast.base == ensemble.margin(rows).mean()
    assert plain.coder.dtype == width


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_deep_paths_with_repeated_features_are_exact(seed: int) -> None:
    ensemble, rows = random_ensemble(seed, 4, 9, 2), random_rows(seed, 5, 4)
    expected = shapley(path_dependent(ensemble, rows), 4)
    np.testing.assert_allclose(TreeShap(ensemble).values(rows), expected, atol=NEAR)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_path_dependent_axioms(seed: int) -> None:
    one, two, rows = random_ensemble(seed), random_ensemble(seed + 1), random_rows(seed, 20)
    both = Ensemble(trees=[*one.trees, *two.trees], features=5, base=0.0, link="identity", single=False)
    parts = [TreeShap(e).values(rows) for e in (one, two)]
    np.testing.assert_allclose(TreeShap(both).values(rows), sum(parts), atol=NEAR)
    wider = TreeShap(one.placed([0, 1, 2, 4, 6], 7)).values(random_rows(seed, 9, 7))
    assert (wider[:, [3, 5]] == 0).all()


@pytest.mark.parametrize("background", [False, True])
def test_packed_tables_are_what_they_say(background: bool) -> None:
    x, y = table(600, 6)
    ensemble = boosted(x, y, 10, 5)
    shap = TreeShap(ensemble, x[:50] if background else None)
    codes, total = shap.coder.encode(x[:128]), np.zeros((128, 6))
    for chunk in shap.chunks():
        decided = codes[chunk.test_view] <= chunk.test_rank[:, None]
        met = decided[chunk.condition_test] == chunk.condition_left[:, None]
        bit = np.logical_and.reduceat(met, chunk.bit_first[:-1], axis=0)
        for g, first in enumerate(chunk.row_first):
            mine = bit[chunk.group_first[g] : chunk.group_first[g + 1]]
            pattern = (mine << np.arange(len(mine))[:, None]).sum(0)
            total[:, chunk.features] += chunk.values[first + pattern, : len(chunk.features)]
    assert not shap.has_long
    np.testing.assert_allclose(total, shap.values(x[:128]), atol=NEAR)


def test_wide_data_has_lanes_for_the_features_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 1 << 12)
    ensemble, rows, back = random_ensemble(6, 200, 5, 30), random_rows(1, 40, 200), random_rows(2, 30, 200)
    shap = TreeShap(ensemble, back)
    assert max(len(c.features) for c in shap.chunks()) < 200
    np.testing.assert_allclose(shap.base + shap.values(rows).sum(1), ensemble.margin(rows), atol=10 * NEAR)


def test_splits_by_category_are_explained() -> None:
    import lightgbm

    x, y = coded()
    settings = {"objective": "binary", "verbose": -1, "max_cat_to_onehot": 1, "min_data_per_group": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y > 0, categorical_feature=[3]), 12)
    shap = TreeShap(lightgbm_trees.from_text(booster.model_to_string()))
    rows = np.vstack([x[:300], UNKNOWN])
    theirs = booster.predict(rows, pred_contrib=True)
    np.testing.assert_allclose(shap.values(rows), theirs[:, :-1], atol=NEAR)
    np.testing.assert_allclose(shap.base, theirs[0, -1], atol=NEAR)


@pytest.mark.parametrize("place", [0, 2])
def test_a_class_of_several_is_explained_as_its_library_does(place: int) -> None:
    import json

    import xgboost

    from apps.engine.explain import xgboost_trees

    x, y = coded()
    given = {"objective": "multi:softprob", "num_class": 3, "max_depth": 4}
    booster = xgboost.train(given, xgboost.DMatrix(x, y), 8)
    document = json.loads(bytes(booster.save_raw("json")))
    shap = TreeShap(xgboost_trees.from_document(document, place))
    theirs = booster.predict(xgboost.DMatrix(x[:200]), pred_contribs=True)[:, place]
    np.testing.assert_allclose(shap.values(x[:200]), theirs[:, :-1], atol=1e-5)
