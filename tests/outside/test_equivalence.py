"""Two implementations of one model: a file, a service, a column of scores, in any pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from apps.outside.children import Outside, done_in_child
from apps.outside.permits import Permits
from tests.engine.subjects import ROLES, write_subject
from tests.outside.scorer import Running, logistic

N = 200
A, B = [i / 50 - 2 for i in range(N)], [(i * 7 % 13) / 13 for i in range(N)]
CHECK = "robustness.implementation_equivalence"


def recoded(by: float = 0.0) -> bytes:
    """The service's model as a file, its intercept moved."""
    model = LogisticRegression().fit(np.array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
    model.coef_, model.intercept_ = np.array([[1.0, 1.0]]), np.array([by])
    return bytes(to_onnx(model, np.zeros((1, 2), dtype=np.float32)).SerializeToString())


def compared(folder: Path, scorer: Running, against: str, *, artifact: bytes | None, **data: Any) -> Any:
    table = {"a": A, "b": B, "defaulted": [i % 2 for i in range(N)], "sex": ["F", "M"] * (N // 2), **data}
    spec: dict[str, Any] = {"endpoint": {"url": scorer.url()}, "features": ["a", "b"]}
    if artifact is not None:
        (folder / "m.onnx").write_bytes(artifact)
        spec["artifact"] = {"path": "m.onnx", "format": "onnx"}
    score = {"column": "pd"} if "pd" in data else None
    roles = {**ROLES, "score": score, "decision": {"threshold": 0.61}}
    write_subject(folder, {"holdout": table}, roles=roles, **spec)
    task = {"do": "measure", "manifest": str(folder), "check": CHECK, "arguments": {"against": against}}
    done = done_in_child(task, outside=Outside(Permits.of([scorer.allowed])))
    assert done.answer["status"] == "done", done.answer
    return done.answer["result"]


def test_a_file_that_says_what_the_service_says(tmp_path: Path, scorer: Running) -> None:
    found = compared(tmp_path, scorer, "endpoint", artifact=recoded())
    row = found["tables"]["differences"][0]
    assert found["value"] < 1e-6
    assert (row["beyond"], row["turned_decisions"]) == (0, 0)
    assert row["rank_correlation"] == pytest.approx(1)
    assert found["provenance"] == "asked"


def test_a_file_that_was_recoded_wrongly_is_told_by_how_much(tmp_path: Path, scorer: Running) -> None:
    found = compared(tmp_path, scorer, "endpoint", artifact=recoded(by=0.5))
    row = found["tables"]["differences"][0]
    assert found["value"] == pytest.approx(0.1244, abs=1e-3)
    assert row["beyond"] == N
    assert row["turned_decisions"] > 0


def test_a_service_and_the_column_of_another_program(tmp_path: Path, scorer: Running) -> None:
    column = [logistic([a, b]) for a, b in zip(A, B, strict=True)]
    column[7] += 0.25
    found = compared(tmp_path, scorer, "column", artifact=None, pd=column)
    assert found["value"] == pytest.approx(0.25)
    assert found["tables"]["differences"][0]["beyond"] == 1


def test_without_the_other_implementation_there_is_a_reason(tmp_path: Path, scorer: Running) -> None:
    found = compared(tmp_path, scorer, "endpoint", artifact=None)
    assert (found["status"], found["value"]) == ("undefined", None)
    assert "no endpoint beside the artifact" in found["notes"][0]
