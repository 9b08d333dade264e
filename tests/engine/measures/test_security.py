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


@pytest.mark.parametrize("name", ["artifact_scan", "digest", "sbom"])
def test_the_catalogue_knows_each_check(name: str) -> None:
    assert find(f"security.{name}").direction == "lower"
