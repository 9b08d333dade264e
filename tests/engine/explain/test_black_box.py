"""Scoring functions seen from outside: in batches, on threads, on a device, or behind an endpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from apps.engine.artifacts import open_model
from apps.engine.columns import Columns
from apps.engine.device import TOLERANCE, Arrays
from apps.engine.errors import Unmeasurable
from apps.engine.explain.black_box import MOST_FEATURES, Box, box_of
from apps.engine.explain.frame import Frame
from apps.engine.explain.kernel import weighted
from apps.engine.explain.permutation import walked
from apps.engine.inputs import Artifact, Model
from apps.engine.measures.explainability import additivity, global_importance
from apps.engine.resources import one_blas_thread, using
from tests.engine.explain.test_permutation import data, wavy
from tests.engine.strict import strict

NAMES = tuple("abcde")
METHODS = pytest.mark.parametrize("method", [walked, weighted])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    path = tmp_path_factory.mktemp("models") / "m.onnx"
    x = np.random.default_rng(0).normal(size=(400, 5))
    fitted = make_pipeline(
        StandardScaler(), MLPClassifier((16, 8), solver="lbfgs", max_iter=500, random_state=0)
    )
    made = to_onnx(fitted.fit(x, wavy(x) > 0), x[:1].astype(np.float32))
    path.write_bytes(made.SerializeToString())
    return open_model(Artifact(path, "onnx", ""), NAMES)


@METHODS
def test_threads_and_batches_leave_no_trace(method, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, back = data()
    first = method(wavy, rows, back, seed=1)
    monkeypatch.setattr("apps.engine.explain.black_box.BATCH", 50)
    for threads in (1, 4):
        with using(threads=threads):
            again = method(wavy, rows, back, seed=1)
        assert (again.values == first.values).all()
        assert (again.errors == first.errors).all() or np.isnan(first.errors).all()


@METHODS
def test_a_device_gives_what_the_processor_gives(method) -> None:
    rows, back = data()
    arrays = strict()

    def score(matrix):
        return arrays.xp.sin(matrix[:, 0]) + matrix[:, 1] * matrix[:, 2]

    there = method(Box(score, arrays=arrays), rows, back, seed=1)
    here = method(lambda m: np.sin(m[:, 0]) + m[:, 1] * m[:, 2], rows, back, seed=1)
    np.testing.assert_allclose(there.values, here.values, atol=1e-12)
    np.testing.assert_allclose(there.errors, here.errors, atol=1e-12)
    assert there.base == pytest.approx(here.base)


@METHODS
def test_walks_of_each_background_row_have_errors_of_their_own(method) -> None:
    rows, back = data()
    pairs = walked(lambda m: m[:, 0] * m[:, 1], rows, back, seed=1, repeats=4)
    assert pairs.errors.max() < 1e-12  # forward and backward of one background row are exact for pairs
    once = walked(lambda m: m[:, 0] * m[:, 1], rows, back, seed=1)
    assert once.errors[:, :2].min() > 0.01  # an upper estimate: the background's own spread


def on_device(model: Model, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.engine.device._gpu", lambda: arrays)
    monkeypatch.setattr("apps.engine.resources._used", {})


def test_a_network_is_explained_on_the_device_within_the_tolerance(
    network: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(1).normal(size=(60, 5))
    features = Columns.of(**{name: x[:, j] for j, name in enumerate(NAMES)})
    arguments = {"model": network, "features": features, "rows": 20, "draws": 100}
    with using(device="cpu"):
        here = global_importance(**arguments).tables["attributions"]
    on_device(network, strict(), monkeypatch)
    network.__dict__.pop("_explanations")
    with using(device="cuda"):
        assert box_of(network, Frame(NAMES, x, {})).arrays.library == "array_api_strict"
        there = global_importance(**arguments).tables["attributions"]
    for a, b in zip(here, there, strict=True):
        assert a["feature"] == b["feature"]
        assert a["mean_abs"] == pytest.approx(b["mean_abs"], abs=TOLERANCE * here[0]["mean_abs"])


def test_a_graph_that_is_no_network_stays_on_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.translated import NAMES as FOUR
    from tests.engine.translated import boosted, table

    made = boosted(tmp_path)
    on_device(made["onnx"], strict(), monkeypatch)
    frame = Frame(FOUR, table()[0], {})
    with using(device="cuda"):
        assert all(box_of(made[form], frame).arrays.is_cpu for form in made)


@pytest.mark.filterwarnings("ignore:Duplicate provider")
def test_a_runtime_with_a_gpu_of_its_own_is_used_for_other_graphs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.translated import NAMES as FOUR
    from tests.engine.translated import boosted, table

    monkeypatch.setattr(
        "apps.engine.artifacts.onnx._CUDA", "CPUExecutionProvider"
    )  # a provider that is there
    model, frame = boosted(tmp_path)["onnx"], Frame(FOUR, table()[0], {})
    on_device(model, strict(), monkeypatch)
    with using(device="cuda"):
        box = box_of(model, frame)
    assert (box.arrays.is_cpu, box.carried, box.threads) == (True, True, False)
    assert box.batch(4) > Box(model.score_matrix).batch(4)
    assert box(frame.matrix) == pytest.approx(model.score_matrix(frame.matrix))


class Endpoint:
    """What a caller hands in for scores that are asked of a service: nothing but this."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        self.asked.append(len(matrix))
        return matrix @ np.array([2.0, -1.0])


def test_scores_from_an_endpoint_are_explained_in_few_large_requests() -> None:
    service = Endpoint()
    rows = Columns.of(a=[0.0, 1.0, 2.0, 5.0], b=[1.0, 1.0, 3.0, 3.0])
    result = global_importance(model=service, features=rows, draws=100)
    by_name = {row["feature"]: row["mean_abs"] for row in result.tables["attributions"]}
    assert by_name == pytest.approx({"a": 3.0, "b": 1.0})  # 2 |a - 2|: 4 2 0 6; |b - 2|: 1 1 1 1
    assert len(service.asked) <= 6
    assert additivity(model=service, features=rows).value < 1e-12


@METHODS
def test_too_many_features_are_refused_and_none_too(method) -> None:
    for width, match in ((MOST_FEATURES + 1, "takes 1,001 features"), (0, "takes no features")):
        with pytest.raises(Unmeasurable, match=match):
            method(wavy, np.zeros((2, width)), np.zeros((3, width)), seed=0)


@METHODS
def test_a_score_that_is_not_finite_is_said(method) -> None:
    rows, back = data()
    with pytest.raises(Unmeasurable, match="not a finite number"):
        method(lambda m: np.where(m[:, 0] > 0, np.nan, 1.0), rows, back, seed=0)


def test_linear_algebra_runs_on_one_thread_while_anybody_needs_it() -> None:
    def threads() -> set[int]:
        return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}

    before = threads()
    with one_blas_thread():
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == before
