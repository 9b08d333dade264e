"""Each format against the library that trained the model; refusals by content."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from apps.engine.artifacts import open_model, sniff
from apps.engine.columns import Columns
from apps.engine.errors import BadInput
from apps.engine.inputs import Artifact

NAMES = ["age", "income", "load"]
RNG = np.random.default_rng(7)
X = RNG.normal(size=(300, 3))
Y = (X[:, 0] - X[:, 1] + 0.3 * RNG.normal(size=300) > 0).astype(int)
GAPS = np.where(RNG.random(X.shape) < 0.1, np.nan, X)


def table(matrix: np.ndarray = X) -> Columns:
    return Columns.of(**{name: matrix[:, i] for i, name in enumerate(NAMES)})


def opened(path: Path, form: str, features: list[str] | None = None, positive: Any = 1) -> Any:
    return open_model(Artifact(path, form, ""), features, positive=positive)


def xgboost_file(path: Path, **parameters: Any) -> xgboost.Booster:
    data = xgboost.DMatrix(GAPS, label=Y, feature_names=NAMES)
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, **parameters}, data, 10
    )
    booster.save_model(path)
    return booster


def onnx_file(path: Path, model: Any, **options: Any) -> Path:
    path.write_bytes(to_onnx(model, X[:1].astype(np.float32), **options).SerializeToString())
    return path


@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_xgboost_gives_the_probability_with_gaps(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m.{suffix}"
    booster = xgboost_file(path)
    model = opened(path, "xgboost")
    wanted = booster.predict(xgboost.DMatrix(GAPS, feature_names=NAMES))
    assert list(model.features) == NAMES
    assert model.score(table(GAPS)).tolist() == wanted.astype(float).tolist()


def test_lightgbm_gives_the_probability_with_gaps(tmp_path: Path) -> None:
    data = lightgbm.Dataset(GAPS, Y, feature_name=NAMES)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 10)
    booster.save_model(tmp_path / "m.txt")
    model = opened(tmp_path / "m.txt", "lightgbm")
    assert model.score(table(GAPS)) == pytest.approx(booster.predict(GAPS), abs=0)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(5, max_depth=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=["logistic", "forest", "boosting"],
)
def test_skops_gives_the_probability(tmp_path: Path, estimator: Any) -> None:
    skops.io.dump(estimator.fit(X, Y), tmp_path / "m.skops")
    model = opened(tmp_path / "m.skops", "skops", NAMES)
    assert model.score(table()) == pytest.approx(estimator.predict_proba(X)[:, 1], abs=1e-12)


@pytest.mark.parametrize("options", [{"options": {"zipmap": False}}, {}], ids=["tensor", "zipmap"])
@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), RandomForestClassifier(5, max_depth=3, random_state=0)]
)
def test_onnx_classifiers_give_the_probability(
    tmp_path: Path, estimator: Any, options: dict[str, Any]
) -> None:
    path = onnx_file(tmp_path / "m.onnx", estimator.fit(X, Y), **options)
    scores = opened(path, "onnx", NAMES).score(table())
    assert scores == pytest.approx(estimator.predict_proba(X.astype(np.float32))[:, 1], abs=1e-6)


def test_onnx_regressors_give_their_number(tmp_path: Path) -> None:
    estimator = LinearRegression().fit(X, Y)
    path = onnx_file(tmp_path / "m.onnx", estimator)
    assert opened(path, "onnx", NAMES).score(table()) == pytest.approx(estimator.predict(X), abs=1e-5)


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize(("positive", "column"), [("bad", 0), ("good", 1)])
def test_the_positive_class_chooses_the_output(
    tmp_path: Path, zipmap: bool, positive: str, column: int
) -> None:
    estimator = LogisticRegression().fit(X, np.array(["bad", "good"])[Y])
    path = onnx_file(tmp_path / "m.onnx", estimator, options={"zipmap": zipmap})
    scores = opened(path, "onnx", NAMES, positive).score(table())
    assert scores == pytest.approx(estimator.predict_proba(X)[:, column], abs=1e-5)


def test_onnx_takes_one_input_per_feature_and_text(tmp_path: Path) -> None:
    sex = np.array(["F", "M"])[(X[:, 2] > 0).astype(int)]
    frame = np.column_stack([X[:, 0].astype(object), sex.astype(object)])
    coder = ColumnTransformer([("n", StandardScaler(), [0]), ("c", OneHotEncoder(), [1])])
    estimator = make_pipeline(coder, LogisticRegression()).fit(frame, Y)
    kinds = [("age", FloatTensorType([None, 1])), ("sex", StringTensorType([None, 1]))]
    (tmp_path / "m.onnx").write_bytes(to_onnx(estimator, initial_types=kinds).SerializeToString())
    model = opened(tmp_path / "m.onnx", "onnx")
    columns = Columns.of(sex=sex.tolist(), age=X[:, 0])
    assert list(model.features) == ["age", "sex"]
    assert model.score(columns) == pytest.approx(estimator.predict_proba(frame)[:, 1], abs=1e-6)
    with pytest.raises(BadInput, match='takes text in "sex"'):
        model.score_matrix(X[:, :2])


def test_a_row_scores_the_same_wherever_it_stands(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "m.onnx", LogisticRegression().fit(X, Y))
    model, order = opened(path, "onnx", NAMES), RNG.permutation(len(X))
    assert model.score_matrix(X)[order].tolist() == model.score_matrix(X[order]).tolist()


def test_features_follow_names_not_places(tmp_path: Path) -> None:
    xgboost_file(tmp_path / "m.json")
    model = opened(tmp_path / "m.json", "xgboost", ["load", "age", "income"])
    assert model.score(table()).tolist() == opened(tmp_path / "m.json", "xgboost").score(table()).tolist()


def test_no_rows_give_no_scores(tmp_path: Path) -> None:
    xgboost_file(tmp_path / "m.json")
    assert opened(tmp_path / "m.json", "xgboost").score_matrix(np.zeros((0, 3))).tolist() == []


def refusal(path: Path, form: str, features: list[str] | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        opened(path, form, features)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_features_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    xgboost_file(path)
    assert "takes 3 features and the manifest names 2" in refusal(path, "xgboost", ["age", "income"])
    assert 'takes "load", which the manifest does not name' in refusal(
        path, "xgboost", ["age", "income", "x"]
    )
    model = opened(path, "xgboost")
    with pytest.raises(BadInput, match='no column "load"'):
        model.score(table().only(["age", "income"]))
    with pytest.raises(BadInput, match='"age" holds categories'):
        model.score(Columns.of(age=["a"], income=[1.0], load=[1.0]))


def test_unnamed_features_must_be_named(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "m.onnx", LogisticRegression().fit(X, Y))
    assert "needs the field spec.features" in refusal(path, "onnx")


def test_another_format_than_named_is_refused(tmp_path: Path) -> None:
    xgboost_file(tmp_path / "m.json")
    (tmp_path / "m.json").rename(tmp_path / "m.onnx")
    assert (
        refusal(tmp_path / "m.onnx", "onnx")
        == "m.onnx is an XGBoost model in JSON or UBJ; the manifest says onnx."
    )


@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_a_cut_off_xgboost_model_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m.{suffix}"
    xgboost_file(path)
    path.write_bytes(path.read_bytes()[:-500])
    assert "m." in refusal(path, "xgboost")


def test_cut_off_models_of_the_other_formats_are_refused(tmp_path: Path) -> None:
    whole = onnx_file(tmp_path / "m.onnx", LogisticRegression().fit(X, Y)).read_bytes()
    (tmp_path / "m.onnx").write_bytes(whole[:-40])
    skops.io.dump(LogisticRegression().fit(X, Y), tmp_path / "m.skops")
    (tmp_path / "m.skops").write_bytes((tmp_path / "m.skops").read_bytes()[:-60])
    text = tmp_path / "m.txt"
    lightgbm.train({"verbosity": -1}, lightgbm.Dataset(X, Y), 3).save_model(text)
    text.write_text(text.read_text()[:400])
    for name, form in (("m.onnx", "onnx"), ("m.skops", "skops"), ("m.txt", "lightgbm")):
        assert refusal(tmp_path / name, form, NAMES).startswith(name)


class Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return (print, ("ran",))


@pytest.mark.parametrize("name", ["m.pkl", "m.onnx", "m.json", "m.txt", "m.skops"])
def test_a_pickle_is_refused_whatever_its_name(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadInput, match="without being opened"):
        sniff(tmp_path / name)
    assert "ran" not in capsys.readouterr().out


def test_a_pickle_inside_an_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("a.npy", pickle.dumps(Evil()))
    assert "without being opened" in refusal(tmp_path / "m.skops", "skops")


def test_skops_types_that_are_not_reviewed_are_named(tmp_path: Path) -> None:
    import os

    estimator = make_pipeline(FunctionTransformer(os.system), LogisticRegression())
    skops.io.dump(estimator, tmp_path / "m.skops")
    assert "holds types that are not reviewed: posix.system" in refusal(tmp_path / "m.skops", "skops")


def test_data_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("a,b\n1,2\n")
    assert "m.onnx is text, not a model" in refusal(tmp_path / "m.onnx", "onnx")


def test_batches_are_scored_from_many_threads_without_a_warning(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from sklearn.neural_network import MLPClassifier

    single = X.astype(np.float32)
    fitted = MLPClassifier((4,), tol=1.0, random_state=0).fit(single, Y)
    fitted.feature_names_in_ = np.array(NAMES, dtype=object)
    skops.io.dump(fitted, tmp_path / "m.skops")
    model: Any = opened(tmp_path / "m.skops", "skops")
    assert model.batch_dtype == np.float32
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: model.score_batch(single), range(40)))
    assert all((each == found[0]).all() for each in found)
    assert found[0] == pytest.approx(model.score_matrix(X), abs=1e-6)
