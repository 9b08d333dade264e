"""Transcripts of scoring services in packs, judged by both verifiers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from apps.cli.main import main as program
from tests.verifier.both import verifier
from tests.verifier.making import AT, Making

ASKED = b'{"asked":[[1,2]],"answered":[0.25]}\n'
SHA256 = hashlib.sha256(ASKED).hexdigest()


def ask(made: Making, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[tuple[int, int], str]:
    (folder / "keys.json").write_text(json.dumps(made.keys.as_json()))
    place = str(made.write(folder / "pack.zip"))
    words = [place, "--keys", str(folder / "keys.json"), "--at", AT]
    return (verifier(words), program(["verify", *words])), capsys.readouterr().out


def asking(digest: str = SHA256) -> Making:
    made = Making()
    made.grow(3)
    made.say("evidence/v1", gate="performance.auc", endpoint={"transcript": f"sha256:{digest}"})
    return made


def test_a_transcript_that_evidence_names_holds(tmp_path, capsys):
    made = asking()
    made.files[f"transcripts/{SHA256}"] = ASKED
    codes, told = ask(made, tmp_path, capsys)
    assert codes == (0, 0), told
    assert told.count("1 of 1 that evidence names") == 2


def test_one_that_is_not_kept_any_more_is_told(tmp_path, capsys):
    codes, told = ask(asking(), tmp_path, capsys)
    assert codes == (0, 0), told
    assert told.count("0 of 1 that evidence names") == 2


@pytest.mark.parametrize(
    ("named", "path", "data"),
    [
        (SHA256, f"transcripts/{SHA256}", ASKED.replace(b"0.25", b"0.26")),
        (SHA256, "transcripts/other", ASKED),
        ("0" * 64, f"transcripts/{SHA256}", ASKED),
    ],
)
def test_one_that_is_not_what_evidence_names_is_found_by_both(tmp_path, capsys, named, path, data):
    made = asking(named)
    made.files[path] = data
    codes, told = ask(made, tmp_path, capsys)
    assert codes == (1, 1), told
    assert told.count(path) == 2
