"""Tables read on a device give what the processor gives, both games."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xgboost

from apps.engine.device import processor
from apps.engine.explain import xgboost_trees
from apps.engine.explain.device_tables import explained, values
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.resources import using
from tests.engine.strict import strict

PLACES = pytest.mark.parametrize("place", [processor, strict])
GAMES = pytest.mark.parametrize("game", ["interventional", "path"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Callable[[str], TreeShap], np.ndarray]:
    source = np.random.default_rng(0)
    x = source.normal(size=(700, 9)).astype(np.float32).astype(np.float64)
    x[source.random(x.shape) < 0.1] = np.nan
    y = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1] * x[:, 2]) > 0).astype(int)
    path = Path(tmp_path_factory.mktemp("trees")) / "m.json"
    xgboost.train({"max_depth": 5, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 25).save_model(
        path
    )
    ensemble = xgboost_trees.read(path).placed(list(range(9)), 9)
    return lambda game: TreeShap(ensemble, None if game == "path" else x[:50]), x[50:]


@PLACES
@GAMES
def test_the_tables_give_the_same_values(made, game: str, place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.engine.explain.device_tables.CELLS", 1 << 16)  # several blocks of rows
    shap, rows = made[0](game), made[1]
    found = values(shap, rows, place())
    np.testing.assert_allclose(found, shap.values(rows), rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(shap.base + found.sum(1), shap.ensemble.margin(rows), atol=1e-5)


@GAMES
def test_leaves_beyond_any_table_are_added(made, game: str) -> None:
    whole, rows = made[0](game), made[1][:40]
    small = TreeShap(whole.ensemble, None if game == "path" else made[1][:50], bits=2, most=3)
    wanted = TreeShap(whole.ensemble, None if game == "path" else made[1][:50]).values(rows)
    assert small.has_long
    np.testing.assert_allclose(values(small, rows, strict()), wanted, rtol=2e-6, atol=2e-6)


def test_the_device_is_used_where_it_is_asked_for_or_repays(made, monkeypatch: pytest.MonkeyPatch) -> None:
    shap, rows = made[0]("interventional"), made[1]
    monkeypatch.setattr("apps.engine.device._gpu", strict)
    monkeypatch.setattr("apps.engine.resources._used", {})
    here = shap.explained(rows)
    used: list[int] = []
    monkeypatch.setattr(
        "apps.engine.explain.device_tables.values", lambda *given: used.append(1) or values(*given)
    )
    for device, times in (("cpu", 0), ("auto", 0), ("cuda", 1)):
        with using(device=device):
            there = explained(shap, rows)
        assert len(used) == times
        np.testing.assert_allclose(there[0], here[0], rtol=2e-6, atol=2e-6)
        np.testing.assert_allclose(there[1], here[1], atol=1e-9)
