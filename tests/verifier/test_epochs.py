"""Packs of a log that two people began anew: both verifiers know what it goes on with and what was lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.cli.main import main as program
from apps.engine.note import Checkpoint, sign_checkpoint
from tests.verifier.both import verifier
from tests.verifier.making import AT, CHECKPOINT, ORIGIN, Making

SECOND = "countersign.example/audit/2"


def ask(made: Making, folder: Path, *words: str) -> tuple[int, int]:
    (folder / "keys.json").write_text(json.dumps(made.keys.as_json()))
    place = str(made.write(folder / "pack.zip"))
    asked = [place, "--keys", str(folder / "keys.json"), "--at", AT]
    return verifier([*asked, *words]), program(["verify", *asked])


def begun(**changed: Any) -> Making:
    """Nine events of a first log, of which fourteen were signed; a second log that goes on from there."""
    made = Making()
    made.grow(9)
    lost = Checkpoint(ORIGIN, 14, bytes(32))
    told = {
        "number": 2,
        "origin": SECOND,
        "base": 9,
        "base_root": made.root(9).hex(),
        "after_origin": ORIGIN,
        "after_size": lost.size,
        "after_root": lost.root.hex(),
        "proposed_by": "3",
    }
    actor = {"type": "person", "id": changed.pop("confirmed_by", "4")}
    made.tell(action="epoch.opened", after=told | changed, actor=actor, object={"type": "epoch", "id": "2"})
    made.grow(4)
    made.cuts, made.origins, made.origin = [5, 9], {5: ORIGIN, 9: ORIGIN}, SECOND
    return made


def test_checkpoints_of_both_logs_hold_and_the_loss_is_told(tmp_path: Path, capsys) -> None:
    assert ask(begun(), tmp_path) == (0, 0)
    shown = capsys.readouterr().out
    sentence = f"{SECOND} at index 9, by persons 3 and 4: events 9 to 13 of {ORIGIN} are lost"
    assert shown.count(sentence) == 2
    assert "3 signed" in shown


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"confirmed_by": "3"}, "log/events.jsonl, 9"),
        ({"base": 8}, "log/events.jsonl, 9"),
        ({"base_root": "00" * 32}, "log/events.jsonl, 9"),
        ({"after_size": "14"}, "log/events.jsonl, 9"),
        ({"after_origin": "countersign.example/audit/0"}, "checkpoints/000000000005.note"),
    ],
)
def test_an_opening_that_does_not_fit_is_named(tmp_path: Path, capsys, changed: Any, place: str) -> None:
    assert ask(begun(**changed), tmp_path) == (1, 1)
    assert capsys.readouterr().out.count(place) == 2


def of_a_lost_part(made: Making) -> None:
    made.cuts.append(12)
    made.origins[12] = ORIGIN


def hidden_opening(made: Making) -> None:
    made.disclosed.remove(9)


def of_another_log(made: Making) -> None:
    made.origins[5] = "countersign.example/other/1"


@pytest.mark.parametrize("change", [of_a_lost_part, hidden_opening, of_another_log])
def test_a_checkpoint_of_what_this_log_does_not_go_on_with_is_named(
    tmp_path: Path, capsys, change: Callable[[Making], None]
) -> None:
    made = begun()
    change(made)
    assert ask(made, tmp_path) == (1, 1)
    assert capsys.readouterr().out.count("It is of another log, which this one does not go on with") == 2


@pytest.mark.parametrize(
    ("size", "root", "code"), [(14, bytes(32), 0), (14, b"1" * 32, 1), (9, None, 0), (12, None, 0)]
)
def test_what_somebody_kept_of_the_first_log_is_there_or_was_declared_lost(
    tmp_path: Path, capsys, size: int, root: bytes | None, code: int
) -> None:
    made = begun()
    kept = sign_checkpoint(Checkpoint(ORIGIN, size, root or made.root(size)), CHECKPOINT)
    (tmp_path / "kept.note").write_bytes(kept)
    assert ask(made, tmp_path, "--checkpoint", str(tmp_path / "kept.note")) == (code, 0)
    capsys.readouterr()
