from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from apps.cli.main import main

POLICY = """apiVersion: governance/v1
kind: Policy
metadata: {id: small, version: 1.0.0, title: Small}
effective: {from: 2026-01-01}
gates:
  - {id: auc, check: performance.auc, pass: {min: 0.70}}
"""
CASES = """apiVersion: governance/v1
kind: Cases
policy: small
now: 2026-11-21T12:00:00Z
subject: {model.tier: 1}
gates:
  auc: {enforcement: mandatory, passes: [0.8], boundary: 0.70, fails: [0.69], cannot_be_measured: [missing]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small" / "cases").mkdir(parents=True)
    (tmp_path / "small" / "policy.yaml").write_text(POLICY)
    (tmp_path / "small" / "cases" / "gates.yaml").write_text(CASES)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["policy", *words])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_lint_passes_a_right_policy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "lint", str(folder)) == (0, "1 of 1 policies are right.\n")


def test_lint_names_file_line_column_and_the_nearest_right_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "small" / "policy.yaml"
    file.write_text(POLICY.replace("pass:", "pas:"))
    status, text = said(capsys, "lint", str(file))
    assert status == 1
    assert f'{file}, line 6, column 39: gates[0] has no field "pas". Did you mean "pass"?' in text


def test_lint_names_two_files_that_claim_one_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "twin").mkdir()
    (folder / "twin" / "policy.yaml").write_text(POLICY.replace("Small", "Other"))
    status, text = said(capsys, "lint", str(folder))
    assert status == 1
    twin, first = (folder / name / "policy.yaml" for name in ("twin", "small"))
    assert f"{twin}, line 3, column 16: {first} claims to be small@1.0.0 too." in text


def test_lint_names_two_policies_of_one_id_in_one_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "twin").mkdir()
    (folder / "twin" / "policy.yaml").write_text(POLICY.replace("1.0.0", "1.1.0"))
    status, text = said(capsys, "lint", str(folder))
    assert status == 1
    assert "twin/policy.yaml, line 3, column 16: " in text
    assert "has the id small too; a folder holds one policy of an id." in text


def test_a_broken_file_never_disables_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "policy.yaml").write_text("a: *b\n")
    status, text = said(capsys, "test", str(folder))
    assert status == 1
    assert 'line 1, column 4: the alias "*b" is not allowed' in text
    assert "small@1.0.0: 5 cases, 0 failed." in text


def test_test_runs_the_cases_and_writes_junit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "small" / "cases" / "gates.yaml").write_text(CASES.replace("fails: [0.69]", "fails: [0.71]"))
    status, text = said(capsys, "test", str(folder), "--junit", str(folder / "j.xml"))
    assert status == 1
    assert "auc fails: 0.71: the outcome is pass, not fail." in text
    suite = ET.parse(folder / "j.xml").getroot()[0]  # noqa: S314 - written just now
    assert (suite.get("tests"), suite.get("failures")) == ("5", "2")


def test_mutate_names_the_change_that_no_case_notices(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "test", str(folder), "--mutate")[0] == 0
    (folder / "small" / "cases" / "gates.yaml").write_text(CASES.replace("fails: [0.69]", "fails: [0.5]"))
    status, text = said(capsys, "test", str(folder), "--mutate")
    assert status == 1
    assert "small@1.0.0: no case notices this change: auc min 0.70 → 0.69." in text


def test_a_policy_without_cases_does_not_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "small" / "cases" / "gates.yaml").unlink()
    status, text = said(capsys, "test", str(folder))
    assert status == 1
    assert "the policy has no cases" in text


def test_diff_speaks_words_and_refuses_a_patch_that_moves_a_bound(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = folder / "newer.yaml"
    newer.write_text(POLICY.replace("0.70", "0.75").replace("1.0.0", "1.0.1"))
    status, text = said(capsys, "diff", str(folder / "small"), str(newer))
    assert status == 1
    assert text.splitlines()[0] == "auc: floor 0.70 → 0.75 (stricter)"
    assert "is a patch, which is for text only" in text


def test_a_file_that_is_not_there_and_a_folder_without_policies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "diff", str(tmp_path / "a.yaml"), str(tmp_path / "a.yaml"))[0] == 4
    status, text = said(capsys, "lint", str(tmp_path))
    assert (status, text) == (4, f"countersign: {tmp_path} holds no policy.yaml.\n")
