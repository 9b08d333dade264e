"""A model in Java behind the endpoint contract, one in R behind the batch contract, and the two compared.

The Java program is the guide's and runs. R is not needed: what its script would write is written here.
"""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.engine.errors import BadInput
from apps.engine.manifest import read_manifest
from apps.outside.children import Outside, done_in_child
from apps.outside.permits import Permits
from tests.engine.subjects import ROLES, write_subject
from tests.laws.source import PROJECT

GUIDE = PROJECT / "docs" / "guides" / "services"
N = 240
INCOME, AGE = [i / 40 - 3 for i in range(N)], [(i * 11 % 17) / 17 for i in range(N)]
LABEL = [int(i % 5 == 0 or i > 150) for i in range(N)]


def by_hand(income: float, age: float) -> float:
    """What both programs compute."""
    return 1 / (1 + math.exp(-(-1.0 + 0.8 * income - 0.5 * age)))


def subject(folder: Path, column: list[float] | None, **spec: Any) -> Path:
    table = {"income": INCOME, "age": AGE, "defaulted": LABEL, "sex": ["F", "M"] * (N // 2)}
    score = None if column is None else {"column": "pd"}
    roles = {**ROLES, "score": score, "decision": {"threshold": 0.55}}
    data = table if column is None else {**table, "pd": column}
    return write_subject(folder, {"holdout": data}, roles=roles, features=["income", "age"], **spec)


def measured(path: Path, check: str, outside: Outside | None = None) -> dict[str, Any]:
    done = done_in_child({"do": "measure", "manifest": str(path), "check": check}, outside=outside)
    assert done.answer["status"] == "done", done.answer
    found: dict[str, Any] = done.answer["result"]
    return found


@pytest.fixture(scope="module")
def java() -> Iterator[int]:
    """The port of the guide's Java program, in a process of its own."""
    program = shutil.which("java")
    if program is None:
        pytest.skip("there is no Java here")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    command = [program, "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(GUIDE / "ScoreServer.java"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"scoring on port {port}\n"
            yield port
        finally:
            process.kill()


def service(port: int) -> tuple[dict[str, Any], Outside]:
    permits = Permits.of([f"http://127.0.0.1:{port}=127.0.0.0/8"])
    return {"url": f"http://127.0.0.1:{port}/v1/credit"}, Outside(permits)


@pytest.mark.slow
def test_a_java_model_is_measured_as_a_service(tmp_path: Path, java: int) -> None:
    endpoint, outside = service(java)
    asked = measured(subject(tmp_path, None, endpoint=endpoint), "performance.auc", outside)
    column = [by_hand(i, a) for i, a in zip(INCOME, AGE, strict=True)]
    supplied = measured(subject(tmp_path, column, artifact={"format": "batch"}), "performance.auc")
    assert asked["value"] == supplied["value"]
    assert (asked["provenance"], supplied["provenance"]) == ("asked", "supplied")


@pytest.mark.slow
def test_the_r_model_and_its_java_recoding_are_equivalent(tmp_path: Path, java: int) -> None:
    endpoint, outside = service(java)
    column = [by_hand(i, a) for i, a in zip(INCOME, AGE, strict=True)]
    path = subject(tmp_path, column, endpoint=endpoint, implementation={"language": "Java"})
    found = measured(path, "robustness.implementation_equivalence", outside)
    assert found["value"] < 1e-12
    assert found["tables"]["differences"][0]["turned_decisions"] == 0


def test_what_reads_no_score_is_governed_in_a_batch_too(tmp_path: Path) -> None:
    path = subject(tmp_path, [0.5] * N, artifact={"format": "batch"}, implementation={"language": "R"})
    assert measured(path, "data.duplicates")["provenance"] == "governed"


def test_a_batch_without_scores_is_refused_by_line(tmp_path: Path) -> None:
    path = subject(tmp_path, None, artifact={"format": "batch"})
    with pytest.raises(BadInput, match=r'line \d+.*needs the field "score"'):
        read_manifest(path.read_bytes())


def test_the_r_script_computes_what_is_tried_here() -> None:
    """It does not run here; its model is held against the one that does."""
    assert "-1.0 + 0.8 * rows$income - 0.5 * rows$age" in (GUIDE / "score_batch.R").read_text()
