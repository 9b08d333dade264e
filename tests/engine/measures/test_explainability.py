"""Importance and additivity over real model files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.engine.artifacts import open_model
from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.inputs import Artifact, Model
from apps.engine.measures.explainability import additivity, global_importance
from tests.engine.explain.test_tree_shap import table

NAMES = tuple("abcde")
FORMATS = ("xgboost", "lightgbm", "skops", "onnx", "linear")


def columns(x: np.ndarray) -> Columns:
    return Columns.of(**{n: x[:, j] for j, n in enumerate(NAMES)})


def trained(folder: Path, kind: str, x: np.ndarray, y: np.ndarray) -> Model:
    """A real file of that kind, loaded as the program loads it."""
    path = folder / f"{kind}.model"
    if kind == "xgboost":
        import xgboost

        data = xgboost.DMatrix(x, y, feature_names=list(NAMES))
        booster = xgboost.train({"max_depth": 3, "objective": "binary:logistic"}, data, 10)
        path.write_bytes(bytes(booster.save_raw("json")))
    elif kind == "lightgbm":
        import lightgbm

        data = lightgbm.Dataset(x, y, feature_name=list(NAMES))
        lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 8}, data, 10).save_model(path)
    else:
        return trained_scikit(path, kind, x, y)
    return open_model(Artifact(path, kind, ""), NAMES)


def trained_scikit(path: Path, kind: str, x: np.ndarray, y: np.ndarray) -> Model:
    import skops.io
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    if kind == "onnx":
        network = MLPClassifier((8,), solver="lbfgs", max_iter=2000, random_state=0).fit(x, y)
        made = to_onnx(network, x[:1].astype(np.float32), options={"zipmap": False})
        path.write_bytes(made.SerializeToString())
        return open_model(Artifact(path, "onnx", ""), NAMES)
    estimator = LogisticRegression() if kind == "linear" else RandomForestClassifier(8, max_depth=4)
    skops.io.dump(estimator.fit(x, y), path)
    return open_model(Artifact(path, "skops", ""), NAMES)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    return table(600, 5, holes=0.0)


@pytest.fixture(scope="module", params=FORMATS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data: tuple) -> Model:
    return trained(tmp_path_factory.mktemp("models"), request.param, *data)


def test_every_format_adds_up_to_its_own_score(model: Model, data: tuple) -> None:
    result = additivity(model=model, features=columns(data[0]))
    assert result.value is not None
    assert result.value < 1e-6
    assert [row["against"] for row in result.tables["errors"]][1] == "the model's own score"


def test_the_method_fits_the_format(model: Model, data: tuple) -> None:
    found = global_importance(model=model, features=columns(data[0]), rows=50, draws=100).parameters
    forest_or_linear = "linear" if "linear" in model.path.name else "tree_interventional"
    assert found["method"] == {"onnx": "permutation", "skops": forest_or_linear}.get(
        model.format, "tree_interventional"
    )
    assert found["rows"] == 50


def test_importance_finds_what_the_data_were_made_of(model: Model, data: tuple) -> None:
    result = global_importance(model=model, features=columns(data[0]), draws=200)
    order = [row["feature"] for row in result.tables["attributions"]]
    assert order[0] == "a"
    assert result.interval is not None
    assert result.interval[0] <= result.value <= result.interval[1]
    assert sum(row["share"] for row in result.tables["attributions"]) == pytest.approx(1)
    assert result.tables["attributions"][0]["sign"] == "+"


def test_row_order_and_extra_columns_leave_no_trace(model: Model, data: tuple) -> None:
    x = data[0]
    turned = x[np.random.default_rng(1).permutation(len(x))]
    first = global_importance(model=model, features=columns(x), rows=60, background_rows=40, draws=100)
    again = global_importance(model=model, features=columns(turned), rows=60, background_rows=40, draws=100)
    assert first == again


def test_importance_of_a_weighted_sum_by_hand() -> None:
    rows = Columns.of(a=[0.0, 4.0], b=[2.0, 0.0])
    result = global_importance(model=Weighted({"a": 1.0, "b": -1.0}), features=rows)
    by_name = {row["feature"]: row for row in result.tables["attributions"]}
    assert (by_name["a"]["mean_abs"], by_name["b"]["mean_abs"]) == (2.0, 1.0)  # |±2| and |±1|
    assert result.value == pytest.approx(2 / 3)
    assert (by_name["a"]["sign"], by_name["b"]["sign"]) == ("+", "-")


def test_the_background_moves_the_base() -> None:
    rows, other = Columns.of(a=[1.0, 2.0]), Columns.of(a=[10.0, 10.0])
    model = Weighted({"a": 1.0})
    near = additivity(model=model, features=rows)
    far = additivity(model=model, features=rows, reference_features=other)
    own = additivity(model=model, features=rows, reference_features=other, background="measured")
    assert [r.parameters["base"] for r in (near, far, own)] == [1.5, 10.0, 1.5]


def test_path_dependent_and_interventional_are_both_additive_and_differ(tmp_path: Path, data: tuple) -> None:
    model = trained(tmp_path, "xgboost", *data)
    tables = [
        global_importance(model=model, features=columns(data[0]), method=m, draws=100).tables["attributions"]
        for m in ("tree_path", "tree_interventional")
    ]
    assert tables[0] != tables[1]
    assert additivity(model=model, features=columns(data[0]), method="tree_path").value < 1e-6


def test_the_score_space_of_a_booster_is_sampled_and_says_why(tmp_path: Path, data: tuple) -> None:
    model = trained(tmp_path, "xgboost", *data)
    result = global_importance(model=model, features=columns(data[0]), space="score", rows=20, draws=100)
    assert (result.parameters["method"], result.parameters["space"]) == ("permutation", "score")
    assert "the score needs permutation" in result.notes[0]


def test_importance_agrees_with_shap(tmp_path: Path, data: tuple) -> None:
    import shap

    x, y = data
    model = trained(tmp_path, "lightgbm", x, y)
    result = global_importance(model=model, features=columns(x), background_rows=80, draws=100)
    from apps.engine.explain.frame import frames, sampled

    background = sampled(frames(columns(x))[0], 80, 0).matrix
    theirs = shap.TreeExplainer(model.booster, background).shap_values(x)
    expected = np.abs(theirs).mean(0)
    for row in result.tables["attributions"]:
        assert row["mean_abs"] == pytest.approx(expected[NAMES.index(row["feature"])], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "status", "match"),
    [
        ({"model": None, "features": Columns.of(a=[1.0])}, "undefined", "no artifact"),
        ({"model": Weighted({"a": 1.0}), "features": Columns.of(a=[])}, "insufficient", "no rows"),
        ({"model": Weighted({"a": 0.0}), "features": Columns.of(a=[1.0, 2.0])}, "undefined", "No feature"),
        ({"model": Weighted({"a": np.inf}), "features": Columns.of(a=[1.0])}, "undefined", "not a finite"),
        (
            {"model": Weighted({"a": 1.0}), "features": Columns.of(a=[1.0]), "method": "linear"},
            "undefined",
            "linear",
        ),
        (
            {"model": Weighted({"a": 1.0}), "features": Columns.of(a=[2.0]), "space": "margin"},
            "undefined",
            "between",
        ),
    ],
)
def test_what_cannot_be_measured_has_a_reason(arguments: dict, status: str, match: str) -> None:
    with pytest.raises(Unmeasurable, match=match) as caught:
        global_importance(**arguments)
    assert caught.value.status == status


def test_missing_values_are_explained_by_the_models_own_rule(tmp_path: Path) -> None:
    x, y = table(600, 5, holes=0.2)
    for kind in ("xgboost", "lightgbm"):
        result = additivity(model=trained(tmp_path, kind, x, y), features=columns(x))
        assert result.value < 1e-6
        assert result.parameters["method"] == "tree_interventional"


def test_features_named_in_another_order_are_read_by_name(tmp_path: Path, data: tuple) -> None:
    x, y = data
    model = trained(tmp_path, "xgboost", x, y)
    turned = open_model(Artifact(model.path, "xgboost", ""), NAMES[::-1])
    first, other = (
        global_importance(model=m, features=columns(x).only(n), rows=600, draws=100).tables["attributions"]
        for m, n in ((model, NAMES), (turned, NAMES[::-1]))
    )
    assert [r["feature"] for r in first] == [r["feature"] for r in other]
    np.testing.assert_allclose([r["mean_abs"] for r in first], [r["mean_abs"] for r in other], rtol=1e-12)


class Tariff:
    """A model that reads text: what a job and an age are worth."""

    format = "formula"
    path = Path()
    features = ("job", "age")

    def score(self, features: Columns) -> np.ndarray:
        worth = {"clerk": 0.0, "smith": 4.0, "(missing)": 2.0}
        coded = features["job"].coded()
        return np.array([worth[coded.levels[c]] for c in coded.codes]) + features["age"].numbers()

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        raise AssertionError("text cannot be a matrix")


def test_categories_are_explained_as_they_are() -> None:
    rows = Columns.of(job=["smith", "clerk", "clerk", "smith"], age=[1.0, 1.0, 1.0, 3.0])
    result = global_importance(model=Tariff(), features=rows, draws=100)
    found = {r["feature"]: (r["mean_abs"], r["sign"]) for r in result.tables["attributions"]}
    assert found["job"] == (pytest.approx(2.0), "none")  # each job is 2 from the mean of 2
    assert found["age"] == (pytest.approx(0.75), "+")  # |-0.5| three times and 1.5, over 4
    assert additivity(model=Tariff(), features=rows).value < 1e-12


def test_a_category_that_only_the_background_has_is_known() -> None:
    rows, other = Columns.of(job=["smith"], age=[1.0]), Columns.of(job=["clerk", None], age=[1.0, 1.0])
    result = additivity(model=Tariff(), features=rows, reference_features=other)
    assert (result.parameters["base"], result.value) == (2.0, 0.0)
