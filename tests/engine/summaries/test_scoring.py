"""A model's scores do not hang on how its rows were cut into parts and batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from apps.engine import table_limits
from apps.engine.errors import BadInput
from apps.engine.resources import using
from apps.engine.subject import load
from apps.engine.summaries.codec import as_bytes
from apps.engine.summaries.layout import Layout
from apps.engine.summaries.reading import gather
from apps.engine.summaries.summary import Summary

N, K = 900, 7
NAMES = [f"x{i}" for i in range(K)]
LAYOUT = Layout(("y",), ("score",))


def data() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(N, K))
    return x, (x[:, 0] + random.normal(size=N) > 0).astype(np.int64)


def saved(folder: Path, kind: str) -> dict[str, str]:
    x, y = data()
    if kind == "skops":
        dump = pytest.importorskip("skops.io").dump
        dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), folder / "model.skops")
        return {"path": "model.skops", "format": "skops"}
    if kind == "onnx":
        to_onnx = pytest.importorskip("skl2onnx").to_onnx
        fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        made = to_onnx(fitted, x[:1].astype(np.float32), options={"zipmap": False})
        (folder / "model.onnx").write_bytes(made.SerializeToString())
        return {"path": "model.onnx", "format": "onnx"}
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(x, y, feature_names=NAMES)
    xgboost.train({"objective": "binary:logistic"}, matrix, 10).save_model(folder / "model.json")
    return {"path": "model.json", "format": "xgboost"}


def scored(folder: Path, *, parts: int, rows: int, change: Any = None, **artifact: str) -> Any:
    x, y = data()
    table = {**{name: x[:, i] for i, name in enumerate(NAMES)}, "y": y}
    table = change(table) if change else table
    place = folder / f"p{parts}"
    place.mkdir()
    for i, some in enumerate(np.array_split(np.random.default_rng(parts).permutation(N), parts)):
        part = pa.table({name: values[some] for name, values in table.items()})
        pq.write_table(part, place / f"{i}.parquet", row_group_size=rows)
    entry = {"path": place.name, "label": {"column": "y", "positive": 1}}
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "m", "version": "1"},
        "spec": {
            "kind": "classifier", "features": NAMES, "artifact": artifact, "datasets": {"holdout": entry},
        },
    }  # fmt: skip
    (folder / "model.yaml").write_text(json.dumps(document))
    return gather(load(folder / "model.yaml").datasets["holdout"], [LAYOUT])[LAYOUT]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["skops", "onnx", "xgboost"])
def test_a_rows_score_is_the_same_in_any_cut(tmp_path: Path, kind: str) -> None:
    artifact = saved(tmp_path, kind)
    found = []
    for parts, rows, threads in ((1, N, 1), (3, 100, 2), (7, 13, 4)):
        with using(threads=threads):
            found.append(as_bytes(scored(tmp_path, parts=parts, rows=rows, **artifact)))
    assert found[0] == found[1] == found[2]


def test_numbers_as_text_are_features_too(tmp_path: Path) -> None:
    artifact = saved(tmp_path, "xgboost")
    plain = scored(tmp_path, parts=1, rows=N, **artifact)
    text = scored(tmp_path, parts=2, rows=50, change=lambda t: {**t, "x1": t["x1"].astype(str)}, **artifact)
    assert isinstance(plain, Summary)
    assert as_bytes(text) == as_bytes(plain)


def test_a_feature_that_is_no_number_is_named_with_its_row(tmp_path: Path) -> None:
    artifact = saved(tmp_path, "xgboost")

    def spoilt(table: dict[str, Any]) -> dict[str, Any]:
        column = table["x2"].astype(str).astype(object)
        column[np.random.default_rng(2).permutation(N)[700]] = "12k"
        return {**table, "x2": column}

    found = scored(tmp_path, parts=2, rows=50, change=spoilt, **artifact)
    assert isinstance(found, BadInput)
    assert str(found) == 'Column "x2" holds "12k" in row 701 where a number was expected.'


def test_a_feature_that_is_not_there_is_named(tmp_path: Path) -> None:
    artifact = saved(tmp_path, "xgboost")
    found = scored(
        tmp_path, parts=2, rows=50, change=lambda t: {k: v for k, v in t.items() if k != "x3"}, **artifact
    )
    assert 'has no column "x3", which is its feature' in str(found)


def test_nothing_here_holds_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_limits, "HELD_VALUES", 1)
    assert isinstance(scored(tmp_path, parts=2, rows=50, **saved(tmp_path, "xgboost")), Summary)
