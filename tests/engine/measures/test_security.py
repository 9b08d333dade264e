"""The artifact's scan, digest and component scan as measurements."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest

from apps.engine.catalogue import find
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.inputs import Artifact
from apps.engine.measures.security import artifact_scan, digest, sbom

SCAN = {
    "scanned_at": "2026-01-02",
    "components": [{"name": "zlib"}],
    "vulnerabilities": [
        {"id": "CVE-2", "severity": "High"},
        {"id": "CVE-1", "severity": "critical"},
        {"id": "CVE-3", "severity": "critical", "state": "not_affected"},
        {"id": "CVE-4", "severity": "low"},
    ],
}


def artifact(folder: Path, data: bytes) -> Artifact:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return Artifact(path, "onnx", hashlib.sha256(data).hexdigest())


def test_code_is_counted_and_listed(tmp_path: Path) -> None:
    result = artifact_scan(artifact=artifact(tmp_path, pickle.dumps(Path("x"))))
    assert (result.value, result.parameters["verdict"]) == (1.0, "refused")
    assert [row["code"] for row in result.tables["findings"]] == ["pickle"]


def test_data_counts_nothing(tmp_path: Path) -> None:
    assert artifact_scan(artifact=artifact(tmp_path, b"a,b\n1,2\n")).value == 0.0


@pytest.mark.parametrize("check", [artifact_scan, digest])
def test_without_an_artifact_there_is_a_reason(check: object) -> None:
    with pytest.raises(Unmeasurable, match="no artifact"):
        check(artifact=None)  # type: ignore[operator]


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    recorded = artifact(tmp_path, b"tree")
    assert digest(artifact=recorded).value == 0.0
    recorded.path.write_bytes(b"treE")
    assert digest(artifact=recorded).value == 1.0
    recorded.path.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        digest(artifact=recorded)


def test_open_vulnerabilities_are_counted_worst_first() -> None:
    result = sbom(declared={"sbom": SCAN}, as_of="2026-02-01")
    assert (result.value, result.n, result.parameters["age_days"]) == (2.0, 1, 30)
    assert [row["id"] for row in result.tables["vulnerabilities"]] == ["CVE-1", "CVE-2"]


def test_an_old_or_missing_component_scan_is_insufficient() -> None:
    with pytest.raises(Unmeasurable, match="91 days old") as caught:
        sbom(declared={"sbom": SCAN}, as_of="2026-04-03")
    assert caught.value.status == "insufficient"
    with pytest.raises(Unmeasurable, match="no component scan"):
        sbom(declared={})


def test_a_scan_of_a_day_to_come_is_insufficient() -> None:
    with pytest.raises(Unmeasurable, match="is of 2026-01-02, after 2025-12-31, the day it is held against"):
        sbom(declared={"sbom": SCAN}, as_of="2025-12-31")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vulnerabilities": None}, "needs the field vulnerabilities as a list"),
        ({"vulnerabilities": "none"}, "needs the field vulnerabilities as a list"),
        ({"components": 5}, "needs the field components as a list"),
        ({"vulnerabilities": ["CVE-1"]}, "Vulnerability 1 of the component scan must have a severity"),
        ({"vulnerabilities": [{"id": "CVE-1"}]}, "must have a severity"),
        ({"vulnerabilities": [{"severity": "low", "state": ["x"]}]}, "perhaps a state, as text"),
        ({"scanned_at": "2026-13-01"}, 'scanned_at is "2026-13-01", which is not a date'),
    ],
)
def test_a_scan_that_hides_something_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        sbom(declared={"sbom": {**SCAN, **changes}}, as_of="2026-02-01")


@pytest.mark.parametrize("name", ["artifact_scan", "digest", "sbom"])
def test_the_catalogue_knows_each_check(name: str) -> None:
    assert find(f"security.{name}").direction == "lower"
