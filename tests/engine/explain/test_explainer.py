"""Whole models: the exact method is chosen where it fits, and no explanation passes that does not add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.engine.artifacts import open_model
from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.inputs import Artifact, Model
from apps.engine.measures.explainability import explained
from tests.engine.explain.test_readers import coded


def rows_of(x: np.ndarray) -> Columns:
    return Columns.of(**{name: x[:, j].tolist() for j, name in enumerate("abcd")})


def boosted(path: Path, positive: object = None, **settings: object) -> Model:
    import xgboost

    x, y = coded(600)
    kinds = {"feature_types": ["q", "q", "q", "c"], "enable_categorical": True, "feature_names": list("abcd")}
    label = y if "num_class" in settings else y > 0
    booster = xgboost.train({"tree_method": "hist", **settings}, xgboost.DMatrix(x, label, **kinds), 10)
    booster.save_model(path)
    return open_model(Artifact(path, "xgboost", "0" * 64), positive=positive)


@pytest.mark.parametrize("method", ["auto", "tree_path"])
def test_categories_and_classes_are_explained_exactly(tmp_path: Path, method: str) -> None:
    x, _ = coded(200)
    several = {"objective": "multi:softprob", "num_class": 3}
    for number, (settings, positive) in enumerate(
        (({"objective": "binary:logistic"}, None), (several, 2), (several, 0))
    ):
        model = boosted(tmp_path / f"{number}.json", positive, **settings)
        found, _ = explained(model=model, features=rows_of(x), method=method)
        assert found.method == ("tree_path" if method == "tree_path" else "tree_interventional")
        assert found.space == "margin"
        np.testing.assert_allclose(found.base + found.values.sum(1), found.output, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.reproduced, found.scored, atol=1e-5)


def test_named_categories_are_refused_when_the_model_is_opened(tmp_path: Path) -> None:
    import pandas
    import xgboost

    x, y = coded(300)
    frame = pandas.DataFrame({"a": x[:, 0], "job": pandas.Categorical([f"j{c}" for c in x[:, 3]])})
    data = xgboost.DMatrix(frame, y > 0, enable_categorical=True)
    xgboost.train({"tree_method": "hist"}, data, 3).save_model(tmp_path / "m.json")
    with pytest.raises(BadInput, match="takes categorical features"):
        open_model(Artifact(tmp_path / "m.json", "xgboost", "0" * 64))


def test_an_explanation_that_does_not_add_up_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = coded(100)
    model, whole = boosted(tmp_path / "m.json", objective="binary:logistic"), TreeShap.explained

    def off(shap: TreeShap, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, margin = whole(shap, matrix)
        values[3, 0] += 1e-3
        return values, margin

    monkeypatch.setattr(TreeShap, "explained", off)
    with pytest.raises(Unmeasurable, match=r"does not add up: row 4 gives .*; 1 of 100 rows"):
        explained(model=model, features=rows_of(x))


def test_paths_beyond_the_limit_are_sampled_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, _ = coded(60)
    model = boosted(tmp_path / "m.json", objective="binary:logistic")
    monkeypatch.setattr("apps.engine.explain.explainer.MOST", 1)
    found, _ = explained(model=model, features=rows_of(x), rows=5)
    assert found.method == "permutation"
    assert "a path of its trees asks" in found.notes[0]
