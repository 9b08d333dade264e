from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.conftest import Program

SARIF_KINDS = {"pass", "fail", "open", "review", "notApplicable", "informational"}


def run(program: Program, policy: str, *words: str) -> tuple[int, str, str]:
    return program("evaluate", "model.yaml", "--policy", policy, "--as-of", "2026-06-01", *words)


@pytest.mark.parametrize(("policy", "code"), [("pass", 0), ("fail", 1), ("insufficient", 3)])
def test_exit_codes_are_those_of_the_interface(
    folder: Path, program: Program, policy: str, code: int
) -> None:
    found = run(program, f"{policy}.yaml", "--format", "json")
    assert found[0] == code
    assert json.loads(found[1])["outcome"] == policy


def test_json_is_the_evaluation_of_the_interface(folder: Path, program: Program) -> None:
    found = json.loads(run(program, "fail.yaml", "--format", "json")[1])
    assert found["kind"] == "Evaluation"
    assert found["subject"]["model"] == "credit-pd"
    assert found["subject"]["datasets"]["holdout"]["rows"] == 60
    assert found["policy"]["id"] == "tiny"
    gate = found["gates"][1]
    assert (gate["id"], gate["outcome"], gate["bound"]) == ("top", "fail", {"max": 0.001})
    assert gate["measurement"]["check"] == "explainability.global_importance"
    assert gate["why"].endswith(".")


def test_two_evaluations_give_the_same_bytes(folder: Path, program: Program) -> None:
    assert run(program, "fail.yaml", "--format", "json") == run(program, "fail.yaml", "--format", "json")


def test_text_puts_what_fails_first(folder: Path, program: Program) -> None:
    lines = run(program, "fail.yaml")[1].splitlines()
    assert lines[0] == "credit-pd 3 against tiny 1.0.0: FAIL"
    assert lines[1].strip() == "2 gates: 1 fail, 1 pass"
    assert [line.split()[0] for line in lines if line[:3].strip() and line.startswith("  ")][:1] != ["PASS"]
    assert "needs at most 0.001" in "\n".join(lines)


def test_a_policy_that_is_not_in_force_is_said(folder: Path, program: Program) -> None:
    out = program("evaluate", "model.yaml", "--policy", "pass.yaml", "--as-of", "2028-01-01")[1]
    assert "tiny 1.0.0 is not in force on 2028-01-01" in out


def test_junit_counts_failures_and_errors(folder: Path, program: Program) -> None:
    suite = ET.fromstring(run(program, "fail.yaml", "--format", "junit")[1])[0]  # noqa: S314
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    suite = ET.fromstring(run(program, "insufficient.yaml", "--format", "junit")[1])[0]  # noqa: S314
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")


def test_sarif_has_one_result_per_gate_and_a_level_only_where_it_fails(
    folder: Path, program: Program
) -> None:
    found = json.loads(run(program, "fail.yaml", "--format", "sarif")[1])
    results = found["runs"][0]["results"]
    rules = found["runs"][0]["tool"]["driver"]["rules"]
    assert found["version"] == "2.1.0"
    assert [result["kind"] for result in results] == ["pass", "fail"]
    assert [result["level"] for result in results] == ["none", "error"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "model.yaml"
    assert {result["kind"] for result in results} <= SARIF_KINDS


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("pass: {max: 0}", "pass: {maxx: 0}", "line 6"),
        ("check: security", "chek: security", 'Did you mean "check"?'),
        ("security.artifact_scan", "security.artefact_scan", "artifact_scan"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(
    folder: Path, program: Program, old: str, new: str, sentence: str
) -> None:
    (folder / "pass.yaml").write_text((folder / "pass.yaml").read_text().replace(old, new))
    code, out, err = run(program, "pass.yaml")
    assert (code, out) == (4, "")
    assert sentence in err
    assert err.startswith("countersign: pass.yaml, line ")


def test_files_that_are_not_there_are_named(folder: Path, program: Program) -> None:
    assert "absent.yaml does not exist" in run(program, "absent.yaml")[2]
    (folder / "holdout.csv").unlink()
    code, _, err = run(program, "fail.yaml")
    assert code == 4
    assert "holdout.csv) does not exist." in err


def test_a_wrong_date_is_refused(folder: Path, program: Program) -> None:
    code, _, err = program("evaluate", "model.yaml", "--policy", "pass.yaml", "--as-of", "soon")
    assert (code, err) == (4, 'countersign: --as-of takes a date such as 2027-01-31, not "soon".\n')


def test_what_the_manifest_lacks_makes_its_gate_insufficient(folder: Path, program: Program) -> None:
    text = (folder / "fail.yaml").read_text().replace("with: {draws: 100}", "with: {dataset: other}")
    (folder / "fail.yaml").write_text(text)
    code, out, err = run(program, "fail.yaml")
    assert (code, err) == (3, "")
    assert 'The manifest has no data set "other"; it has holdout.' in " ".join(out.split())


def test_a_gate_that_cannot_be_measured_is_named(folder: Path, program: Program) -> None:
    manifest, policy = folder / "model.yaml", folder / "fail.yaml"
    manifest.write_text(manifest.read_text().replace("defaulted", "defaulte"))
    gate = policy.read_text().replace("explainability.global_importance", "performance.auc")
    policy.write_text(gate.replace("{max: 0.001}", "{min: 0.5}").replace("    with: {draws: 100}\n", ""))
    code, _, err = run(program, "fail.yaml")
    assert code == 4
    assert (
        'The gate top cannot be measured. The data set "holdout" (holdout.csv) has no column "defaulte"'
        in err
    )
