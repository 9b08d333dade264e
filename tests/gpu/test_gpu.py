"""What runs on a real GPU: the same numbers as on the processor, within what is declared.

Skipped, with the reason, where there is no GPU; `python -m tests.bench.gpu` runs them and measures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.engine.child import in_child
from apps.engine.device import TOLERANCE, Arrays
from apps.engine.explain.black_box import box_of
from apps.engine.explain.device_tables import values
from apps.engine.explain.frame import Frame
from apps.engine.explain.kernel import weighted
from apps.engine.explain.permutation import walked
from apps.engine.measures import attribution
from apps.engine.resources import used_device, using
from tests.bench import gpu_models
from tests.engine.subjects import write_subject


@pytest.mark.parametrize("method", [walked, weighted])
def test_a_network_is_explained_alike(gpu: Arrays, tmp_path: Path, method) -> None:
    model, x = gpu_models.network(tmp_path)
    frame = Frame(gpu_models.NAMES, x[:100], {})
    made = []
    for device in ("cpu", "cuda"):
        with using(device=device):
            box = box_of(model, frame)
            made.append(method(box, x[100:120], x[:100], seed=1))
    assert box.arrays.name == gpu.name == used_device()
    most = np.abs(made[0].values).max()
    np.testing.assert_allclose(made[1].values, made[0].values, atol=TOLERANCE * most)


@pytest.mark.parametrize("background", [0, 100])
def test_trees_are_explained_alike(gpu: Arrays, tmp_path: Path, background: int) -> None:
    shap, x = gpu_models.trees(tmp_path, count=60, background=background)
    np.testing.assert_allclose(values(shap, x, gpu), shap.values(x), rtol=1e-5, atol=1e-5)


def test_resampled_rows_give_the_same_bytes(gpu: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    size = np.abs(np.random.default_rng(0).normal(size=(2000, 30)))
    here = attribution.resampled_means(size, 200, 1)
    monkeypatch.setattr(attribution, "_WORTH_A_DEVICE", 1)
    with using(device="cuda"):
        assert (attribution.resampled_means(size, 200, 1) == here).all()


def test_the_child_reaches_the_gpu_from_behind_its_walls(gpu: Arrays, tmp_path: Path) -> None:
    model, x = gpu_models.network(tmp_path)
    table = {name: x[:400, j].tolist() for j, name in enumerate(gpu_models.NAMES)}
    label = {"defaulted": (x[:400, 0] > 0).astype(int).tolist(), "sex": ["F", "M"] * 200}
    manifest = write_subject(
        tmp_path,
        {"holdout": {**table, **label}},
        roles={"score": None, "decision": {"threshold": 0.5}},
        artifact={"path": model.path.name, "format": "onnx"},
        features=list(gpu_models.NAMES),
    )
    task = {"do": "measure", "manifest": str(manifest), "check": "explainability.global_importance"}
    there, here = (in_child({**task, "device": device}) for device in ("cuda", "cpu"))
    assert (there["device"], here["device"]) == (gpu.name, "cpu")
    assert there["result"]["value"] == pytest.approx(here["result"]["value"], rel=TOLERANCE)
