"""A past decision taken out of the service and decided again by the program alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apps.audit.queries import keys
from apps.cli.main import main
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.machine import machine
from apps.engine.replay import replay
from apps.gates.models import Decision
from apps.gates.packs import decision_pack
from apps.inventory.layout import lay_out
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def decision() -> Decision:
    return bank.decided(bank.version())


@pytest.fixture
def pack(decision: Decision) -> dict[str, Any]:
    """As a program gets it: through JSON."""
    found: dict[str, Any] = json.loads(json.dumps(decision_pack(decision)))
    return found


def written(pack: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    (folder / "pack.json").write_text(json.dumps(pack))
    (folder / "keys.json").write_text(json.dumps(keys().as_json()))
    return ("replay", str(folder / "pack.json"), "--keys", str(folder / "keys.json"))


def test_a_decision_comes_out_again_byte_for_byte(pack: dict[str, Any], decision: Decision) -> None:
    found = replay(pack, keys())
    assert (found.same, found.outcome, found.decided_at) == (True, decision.outcome, decision.decided_at)


def test_a_decision_that_failed_comes_out_again_too() -> None:
    failed = bank.decided(bank.unfair())
    assert failed.outcome == "fail"
    assert replay(decision_pack(failed), keys()).same


def test_the_program_says_so_and_measures_again_where_the_model_is(
    pack: dict[str, Any], decision: Decision, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(decision.version, tmp_path / "model")
    assert main([*written(pack, tmp_path), "--model", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert "decided again over" in said
    assert said.count("the same bytes") == 2


def test_other_data_give_other_measurements_with_the_cause(
    pack: dict[str, Any], decision: Decision, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(decision.version, tmp_path / "model")
    table = next(
        file for file in (tmp_path / "model").rglob("*") if file.is_file() and "holdout" in str(file)
    )
    lines = table.read_text().splitlines()
    table.unlink()  # the stored file itself is linked here
    table.write_text("\n".join([*lines[:-40], ""]))
    assert main([*written(pack, tmp_path), "--model", str(tmp_path / "model")]) == 1
    assert "measured here it is" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["decision", "evidence"])
def test_a_changed_statement_is_refused(pack: dict[str, Any], part: str) -> None:
    changed = copy.deepcopy(pack)
    envelope = changed[part] if part == "decision" else changed[part][0]
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAAA"
    with pytest.raises(Problem):
        replay(changed, keys())


def test_a_changed_policy_or_pin_is_refused_by_its_digest(pack: dict[str, Any]) -> None:
    looser = copy.deepcopy(pack)
    looser["policies"][0]["gates"][0]["pass"] = {"max": "99"}
    with pytest.raises(Problem, match="lacks the policy"):
        replay(looser, keys())
    moved = copy.deepcopy(pack)
    moved["pinned"]["fields"]["model.tier"] = 4
    with pytest.raises(Problem, match="pinned inputs are not those"):
        replay(moved, keys())


def test_missing_evidence_is_named(pack: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="lacks the evidence of the gate"):
        replay({**pack, "evidence": pack["evidence"][1:]}, keys())


def test_keys_of_others_open_nothing(pack: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        replay(pack, KeySet(()))


def test_keys_inside_the_pack_prove_nothing(
    pack: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = written(pack, tmp_path)[1]
    assert main(["replay", name]) == 4
    assert "prove nothing" in capsys.readouterr().err
    assert main(["replay", name, "--trust-embedded", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_another_engine_is_named_as_the_cause(pack: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.engine.decide.ENGINE_VERSION", "99.0.0")
    monkeypatch.setattr("apps.engine.replay.ENGINE_VERSION", "99.0.0")
    assert replay(pack, keys()).differences[0].endswith("this is 99.0.0.")


def test_another_machine_is_named_part_by_part(
    pack: dict[str, Any],
    decision: Decision,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = machine()
    there = {**here, "libraries": {**here["libraries"], "numpy": "1.0.0"}, "driver": "NVRM 1", "lock": "x"}
    monkeypatch.setattr("apps.engine.machine.machine", lambda **_: there)
    lay_out(decision.version, tmp_path / "model")
    assert main([*written(pack, tmp_path), "--model", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert "this machine is another one" in said
    assert f"library numpy was {here['libraries']['numpy']}; here it is 1.0.0." in said
    assert "driver was none; here it is NVRM 1." in said
