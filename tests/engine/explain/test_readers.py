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


def coded(rows: int = 1500, levels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose last feature is a category that matters, some missing; the label has three classes."""
    r = np.random.default_rng(4)
    x = r.normal(size=(rows, 4))
    x[:, 3] = r.integers(0, levels, rows)
    worth = x[:, 0] + np.isin(x[:, 3], [1, 4, 5, 9]) * 2.0 + (x[:, 3] == 7) * x[:, 1]
    x[r.random(rows) < 0.1, 3] = np.nan
    return x, np.digitize(worth, [0.3, 1.5])


UNKNOWN = np.array([[0.1, 0.2, 0.3, c] for c in (-1.0, 3.7, 12.0, 40.0, 1e9, np.nan)])


@pytest.mark.parametrize("onehot", [1, 100])
def test_xgboost_splits_by_category_give_the_margin(onehot: int) -> None:
    import xgboost

    x, y = coded()
    kinds = {"feature_types": ["q", "q", "q", "c"], "enable_categorical": True}
    settings = {"max_cat_to_onehot": onehot, "tree_method": "hist", "objective": "binary:logistic"}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y > 0, **kinds), 12)
    document = json.loads(bytes(booster.save_raw("json")))
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    assert any(t["categories_nodes"] for t in trees)
    rows = np.vstack([x, UNKNOWN])
    theirs = booster.inplace_predict(rows.astype(np.float32), predict_type="margin")
    np.testing.assert_allclose(xgboost_trees.from_document(document).margin(rows), theirs, atol=1e-5)


def test_lightgbm_splits_by_category_give_the_score() -> None:
    import lightgbm

    x, y = coded()
    settings = {"objective": "binary", "verbose": -1, "max_cat_to_onehot": 1, "min_data_per_group": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y > 0, categorical_feature=[3]), 12)
    ensemble, rows = lightgbm_trees.from_text(booster.model_to_string()), np.vstack([x, UNKNOWN])
    assert any(t.sets for t in ensemble.trees)
    np.testing.assert_allclose(ensemble.score(rows), booster.predict(rows), atol=1e-12)


@pytest.mark.parametrize("kind", ["RandomForestClassifier", "GradientBoostingClassifier"])
@pytest.mark.parametrize("classes", [2, 3])
def test_onnx_files_give_the_score_of_each_class(tmp_path: Path, kind: str, classes: int) -> None:
    from skl2onnx import to_onnx
    from sklearn import ensemble

    x, y = coded()
    x, y = np.nan_to_num(x).astype(np.float32), np.minimum(y, classes - 1)
    estimator = getattr(ensemble, kind)(n_estimators=8, max_depth=4, random_state=0).fit(x, y)
    (tmp_path / "m.onnx").write_bytes(to_onnx(estimator, x[:1]).SerializeToString())
    made = onnx_trees.every_class(tmp_path / "m.onnx")
    expected = estimator.predict_proba(x)[:, ::-1]
    assert len(made) == classes
    for one, ensemble_of_class in enumerate(made):
        np.testing.assert_allclose(ensemble_of_class.score(x.astype(float)), expected[:, one], atol=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_each_class_of_several_gives_its_score(place: int) -> None:
    import lightgbm
    import xgboost

    x, y = coded()
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), 6)
    ensemble = xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))), place)
    expected = booster.predict(xgboost.DMatrix(x))[:, place]
    np.testing.assert_allclose(ensemble.score(x), expected, atol=1e-6)
    for objective in ("multiclass", "multiclassova"):
        more = {"objective": objective, "num_class": 3, "verbose": -1}
        other = lightgbm.train(more, lightgbm.Dataset(x, y), 6)
        made = lightgbm_trees.from_text(other.model_to_string(), place)
        score = made.score(x)
        np.testing.assert_allclose(score, other.predict(x)[:, place], atol=1e-12)


@pytest.mark.parametrize("estimator", estimators()[::2], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("place", [0, 2])
def test_each_class_of_an_estimator_gives_its_score(estimator: object, place: int) -> None:
    if not hasattr(estimator, "predict_proba"):
        pytest.skip("no classes")
    x, y = coded()
    x = np.nan_to_num(x)
    estimator.fit(x, y)  # type: ignore[attr-defined]
    expected = estimator.predict_proba(x)[:, place]  # type: ignore[attr-defined]
    np.testing.assert_allclose(sklearn_models.trees(estimator, place).score(x), expected, atol=1e-12)


@pytest.mark.parametrize("estimator", estimators()[::2], ids=lambda e: type(e).__name__)
def test_the_first_of_two_classes_gives_its_score(estimator: object) -> None:
    if not hasattr(estimator, "predict_proba"):
        pytest.skip("no classes")
    x, y = table(500, 4, holes=0.0)
    estimator.fit(x, y)  # type: ignore[attr-defined]
    expected = estimator.predict_proba(x)[:, 0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(sklearn_models.trees(estimator, 0).score(x), expected, atol=1e-12)


def test_a_scaled_sigmoid_is_part_of_the_margin() -> None:
    import lightgbm

    x, y = table(600, 4)
    settings = {"objective": "binary", "verbose": -1, "sigmoid": 2.5}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y), 8)
    made = lightgbm_trees.from_text(booster.model_to_string())
    np.testing.assert_allclose(made.score(x), booster.predict(x), atol=1e-12)


def test_boosters_without_a_known_margin_are_refused() -> None:
    import lightgbm
    import xgboost

    x, y = table(300, 4, holes=0.0)
    for settings, match in (
        ({"booster": "gblinear"}, "gblinear"),
        ({"objective": "count:poisson"}, "poisson"),
    ):
        booster = xgboost.train(settings, xgboost.DMatrix(x, y), 2)
        with pytest.raises(Unreadable, match=match):
            xgboost_trees.from_document(json.loads(bytes(booster.save_raw("json"))))
    linear = {"objective": "binary", "verbose": -1, "linear_tree": True}
    other = lightgbm.train(linear, lightgbm.Dataset(x, y), 8)
    with pytest.raises(Unreadable, match="linear"):
        lightgbm_trees.from_text(other.model_to_string())


@pytest.mark.parametrize("reader", [xgboost_trees.read, lightgbm_trees.read, onnx_trees.read])
def test_a_file_that_is_something_else_is_unreadable(tmp_path: Path, reader: object) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\xff\x00 nothing of the kind")
    with pytest.raises(Unreadable):
        reader(path)  # type: ignore[operator]


def test_the_logistic_link_is_stable_at_both_ends() -> None:
    with np.errstate(over="raise"):
        assert linked(np.array([-800.0, 0.0, 800.0]), "logistic").tolist() == [0.0, 0.5, 1.0]
