"""Models read from files walk to the library's own numbers, or are refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from apps.engine.explain import lightgbm_trees, onnx_trees, sklearn_models, xgboost_trees
from apps.engine.explain.ensemble import linked
from apps.engine.explain.refuse import Unreadable
from tests.engine.explain.test_tree_shap import table


@pytest.mark.parametrize("name", ["m.json", "m.ubj"])
@pytest.mark.parametrize("more", [{}, {"base_score": 0.2}, {"booster": "dart", "rate_drop": 0.3}])
def test_xgboost_files_give_the_margin(tmp_path: Path, name: str, more: dict[str, object]) -> None:
    import xgboost

    x, y = table(800, 5)
    settings = {"max_depth": 4, "objective": "binary:logistic", "seed": 1, **more}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), 15)
    booster.save_model(tmp_path / name)
    ensemble = xgboost_trees.read(tmp_path / name)
    theirs = booster.predict(xgboost.DMatrix(x), output_margin=True)
    np.testing.assert_allclose(ensemble.margin(x), theirs, atol=1e-5)
    np.testing.assert_allclose(ensemble.score(x), booster.predict(xgboost.DMatrix(x)), atol=1e-6)


@pytest.mark.parametrize(
    "more",
    [{}, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, {"objective": "regression"}],
)
def test_lightgbm_files_give_the_score(tmp_path: Path, more: dict[str, object]) -> None:
    import lightgbm

    x, y = table(800, 5)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, **more}, lightgbm.Dataset(x, y), 12)
    booster.save_model(tmp_path / "m.txt")
    np.testing.assert_allclose(
        lightgbm_trees.read(tmp_path / "m.txt").score(x), booster.predict(x), atol=1e-12
    )


def estimators() -> list[object]:
    from sklearn import ensemble, tree

    return [
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0),
        ensemble.ExtraTreesRegressor(10, max_depth=5, random_state=0),
        ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0),
        ensemble.GradientBoostingRegressor(n_estimators=10, random_state=0),
        ensemble.HistGradientBoostingClassifier(max_iter=10, random_state=0),
        ensemble.HistGradientBoostingRegressor(max_iter=10, random_state=0),
        tree.DecisionTreeClassifier(max_depth=5, random_state=0),
        tree.DecisionTreeRegressor(max_depth=5, random_state=0),
    ]


@pytest.mark.parametrize("estimator", estimators(), ids=lambda e: type(e).__name__)
def test_scikit_learn_estimators_give_the_score(estimator: object) -> None:
    x, y = table(800, 5, holes=0.0)
    estimator.fit(x, y)  # type: ignore[attr-defined]
    by = getattr(estimator, "predict_proba", None)
    expected = by(x)[:, 1] if by else estimator.predict(x)  # type: ignore[attr-defined]
    np.testing.assert_allclose(sklearn_models.trees(estimator).score(x), expected, atol=1e-12)


@pytest.mark.parametrize("estimator", estimators()[:2] + estimators()[2:4], ids=lambda e: type(e).__name__)
def test_onnx_files_give_the_score(tmp_path: Path, estimator: object) -> None:
    from skl2onnx import to_onnx

    x, y = table(800, 5, holes=0.0)
    x = x.astype(np.float32)
    estimator.fit(x, y)  # type: ignore[attr-defined]
    (tmp_path / "m.onnx").write_bytes(to_onnx(estimator, x[:1]).SerializeToString())
    by = getattr(estimator, "predict_proba", None)
    expected = by(x)[:, 1] if by else estimator.predict(x)  # type: ignore[attr-defined]
    ensemble = onnx_trees.read(tmp_path / "m.onnx")
    np.testing.assert_allclose(ensemble.score(x.astype(float)), expected, atol=1e-5)
    assert not ensemble.has_cover


def test_onnx_that_is_more_than_trees_is_refused(tmp_path: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x, y = table(200, 3, holes=0.0)
    model = LogisticRegression().fit(x, y)
    (tmp_path / "m.onnx").write_bytes(to_onnx(model, x[:1].astype(np.float32)).SerializeToString())
    with pytest.raises(Unreadable, match="not one tree operator"):
        onnx_trees.read(tmp_path / "m.onnx")


def test_xgboost_with_several_classes_linear_boosters_and_categories_is_refused() -> None:
    import xgboost

    x, y = table(300, 4, holes=0.0)
    for settings, match in (
        ({"objective": "multi:softprob", "num_class": 2}, "two classes"),
        ({"booster": "gblinear"}, "gblinear"),
        ({"objective": "count:poisson"}, "poisson"),
    ):
        booster = xgboost.train(settings, xgboost.DMatrix(x, y), 2)
        with pytest.raises(Unreadable, match=match):
            xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))
    data = xgboost.DMatrix(np.abs(x), y, feature_types=["q", "q", "q", "c"], enable_categorical=True)
    booster = xgboost.train({"max_cat_to_onehot": 1, "tree_method": "hist"}, data, 20)
    with pytest.raises(Unreadable, match="categories"):
        xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))


def test_lightgbm_with_categories_several_classes_or_linear_leaves_is_refused() -> None:
    import lightgbm

    x, y = table(600, 4, holes=0.0)
    y = np.where(x[:, 3] == 2, 1, y)
    for settings, more, match in (
        ({}, {"categorical_feature": [3]}, "categories"),
        ({"objective": "multiclass", "num_class": 2}, {}, "two classes"),
        ({"linear_tree": True}, {}, "linear"),
    ):
        booster = lightgbm.train(
            {"objective": "binary", "verbose": -1, **settings}, lightgbm.Dataset(x, y, **more), 8
        )
        with pytest.raises(Unreadable, match=match):
            lightgbm_trees.from_text(booster.model_to_string())


@pytest.mark.parametrize("reader", [xgboost_trees.read, lightgbm_trees.read, onnx_trees.read])
def test_a_file_that_is_something_else_is_unreadable(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\xff\x00 nothing of the kind")
    with pytest.raises(Unreadable):
        reader(path)  # type: ignore[operator]


def test_the_logistic_link_is_stable_at_both_ends() -> None:
    with np.errstate(over="raise"):
        assert linked(np.array([-800.0, 0.0, 800.0]), "logistic").tolist() == [0.0, 0.5, 1.0]
