"""One model in every format gives one score, within what docs/reference/formats.md states for each."""

from __future__ import annotations

import re
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
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.svm import LinearSVC

from apps.engine.artifacts import open_model
from apps.engine.columns import Columns
from apps.engine.errors import BadInput
from apps.engine.inputs import Artifact, Model
from tests.engine.translated import FORMATS, NAMES, boosted, linear, table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
BOUNDS = {
    form: float(bound)
    for form, bound in re.findall(
        r"^\| `(\w+)` \| [^|]*float[^|]*\|.*\| ([\d.e-]+) \|$", PAGE.read_text(), re.M
    )
}
CLASSES = np.arange(300) % 3


@pytest.fixture(scope="module", params=[linear, boosted], ids=["linear", "boosted"])
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    made: dict[str, Model] = request.param(tmp_path_factory.mktemp("formats"))
    return made


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_model_gives_the_same_scores(models: dict[str, Model], form: str) -> None:
    x, _ = table(holes=0.1 if "boosted" in models["skops"].path.name else 0.0)
    wanted = models["skops"].estimator.predict_proba(x)[:, 1]  # type: ignore[attr-defined]
    assert np.abs(models[form].score_matrix(x) - wanted).max() <= BOUNDS[form]


def test_the_page_states_a_bound_for_every_format() -> None:
    assert set(BOUNDS) == set(FORMATS)
    assert max(BOUNDS.values()) < 1e-6


@pytest.mark.parametrize("form", FORMATS)
def test_columns_are_read_by_name_and_what_does_not_fit_is_named(models: dict[str, Model], form: str) -> None:
    x, _ = table(20)
    model, columns = models[form], Columns.of(**{name: x[:, j] for j, name in enumerate(NAMES)})
    turned = columns.only([*reversed(NAMES)])
    assert model.score(turned).tolist() == model.score(columns).tolist()
    with pytest.raises(BadInput, match='The data has no column "load", which the model needs'):
        model.score(columns.only(["age", "income", "years"]))
    with pytest.raises(BadInput, match="takes 4 features and the manifest names 3"):
        open_model(Artifact(model.path, form, ""), NAMES[:3])


@pytest.mark.parametrize("form", FORMATS)
def test_numbers_beyond_float32_are_scored_or_refused(models: dict[str, Model], form: str) -> None:
    model, huge = models[form], np.full((2, 4), 1e300)
    if model.path.name == "linear.json":
        with pytest.raises(BadInput, match=r"linear\.json cannot score these rows: .*`inf`"):
            model.score_matrix(huge)
    else:
        assert len(model.score_matrix(huge)) == 2


def several(form: str, path: Path, classes: tuple[Any, ...] = (0, 1, 2)) -> np.ndarray:
    """A model of three classes in that format; the probabilities that its library gives."""
    x, _ = table(300)
    y = np.array(classes)[CLASSES]
    if form == "xgboost":
        booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(x, y), 3)
        booster.save_model(path)
        return booster.predict(xgboost.DMatrix(x))
    if form == "lightgbm":
        settings = {"objective": "multiclass", "num_class": 3, "verbosity": -1}
        made = lightgbm.train(settings, lightgbm.Dataset(x, y), 3)
        path.write_text(made.model_to_string())
        return np.asarray(made.predict(x))
    fitted = LogisticRegression().fit(x, y)
    if form == "skops":
        skops.io.dump(fitted, path)
    else:
        zipmap = {} if "map" in path.name else {"options": {"zipmap": False}}
        path.write_bytes(to_onnx(fitted, x[:1].astype(np.float32), **zipmap).SerializeToString())
    return fitted.predict_proba(x)


@pytest.mark.parametrize("positive", [0, 1, 2])
@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("xgboost", "m.json"),
        ("lightgbm", "m.txt"),
        ("skops", "m.skops"),
        ("onnx", "m.onnx"),
        ("onnx", "map.onnx"),
    ],
)
def test_of_several_classes_the_positive_one_is_scored(
    tmp_path: Path, form: str, name: str, positive: int
) -> None:
    wanted = several(form, tmp_path / name)[:, positive]
    model = open_model(Artifact(tmp_path / name, form, ""), NAMES, positive=positive)
    assert model.score_matrix(table(300)[0]) == pytest.approx(wanted, abs=1e-6)
    assert model.score_matrix(table(300)[0][:1]) == pytest.approx(wanted[:1], abs=1e-6)


@pytest.mark.parametrize(
    ("form", "name"), [("xgboost", "m.json"), ("lightgbm", "m.txt"), ("skops", "m.skops"), ("onnx", "m.onnx")]
)
def test_a_class_that_the_model_does_not_know_is_refused(tmp_path: Path, form: str, name: str) -> None:
    several(form, tmp_path / name)
    with pytest.raises(BadInput, match=r"predicts 3 classes \(0, 1, 2\); the manifest's label.positive"):
        open_model(Artifact(tmp_path / name, form, ""), NAMES, positive=7).score_matrix(table(3)[0])


def test_labels_instead_of_scores_are_refused(tmp_path: Path) -> None:
    x, _ = table(300)
    data = xgboost.DMatrix(x, CLASSES)
    xgboost.train({"objective": "multi:softmax", "num_class": 3}, data, 2).save_model(tmp_path / "m.json")
    with pytest.raises(BadInput, match="predicts labels of 3 classes"):
        open_model(Artifact(tmp_path / "m.json", "xgboost", ""), NAMES, positive=1)


def test_an_estimator_that_only_has_margins_gives_the_one_of_the_class(tmp_path: Path) -> None:
    x, y = table(300)
    for labels, positive in ((CLASSES, 2), (y, 1)):
        made = LinearSVC().fit(x, labels)
        skops.io.dump(made, tmp_path / "m.skops")
        margins = made.decision_function(x)
        model = open_model(Artifact(tmp_path / "m.skops", "skops", ""), NAMES, positive=positive)
        wanted = margins[:, positive] if margins.ndim == 2 else margins
        assert model.score_matrix(x) == pytest.approx(wanted)


def texts(folder: Path, encoder: Any) -> Model:
    """An ONNX pipeline that reads a number and a text."""
    x, y = table(300)
    sex = np.array(["F", "M"])[(x[:, 1] > 0).astype(int)]
    frame = np.column_stack([x[:, 0].astype(object), sex.astype(object)])
    coder = ColumnTransformer([("text", encoder, [1])], remainder="passthrough")
    fitted = make_pipeline(coder, LogisticRegression()).fit(frame, y)
    kinds = [("age", FloatTensorType([None, 1])), ("sex", StringTensorType([None, 1]))]
    (folder / "m.onnx").write_bytes(to_onnx(fitted, initial_types=kinds).SerializeToString())
    return open_model(Artifact(folder / "m.onnx", "onnx", ""))


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
@pytest.mark.parametrize(("value", "shown"), [("X", "X"), (None, "(missing)")])
def test_a_text_that_the_model_does_not_know_is_named(
    tmp_path: Path, encoder: Callable[[], Any], value: str | None, shown: str
) -> None:
    model = texts(tmp_path, encoder())
    with pytest.raises(BadInput) as caught:
        model.score(Columns.of(age=[1.0, 2.0], sex=["F", value]))
    assert str(caught.value) == (
        f'm.onnx does not know the value "{shown}" of the column "sex"; it knows F, M.'
    )


def test_a_graph_that_says_what_becomes_of_unknown_texts_is_taken_at_its_word(tmp_path: Path) -> None:
    model = texts(tmp_path, OneHotEncoder(handle_unknown="ignore"))
    assert np.isfinite(model.score(Columns.of(age=[1.0, 2.0], sex=["F", "X"]))).all()
