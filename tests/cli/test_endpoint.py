"""The program and a model that is a service: asked where allowed, recorded, measured again without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Program, program
from tests.engine.subjects import ROLES, write_subject
from tests.outside.scorer import Running, running

__all__ = ["program"]
N = 120
TABLE = {
    "a": [i / 20 - 3 for i in range(N)],
    "defaulted": [int(i % 3 == 0 or i > 80) for i in range(N)],
    "sex": ["F", "M"] * (N // 2),
}
ASK = ("measure", "model.yaml", "--check", "performance.auc", "--format", "json")


@pytest.fixture
def scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running() as found:
        roles = {**ROLES, "score": None, "decision": {"threshold": 0.5}}
        write_subject(
            tmp_path, {"holdout": TABLE}, roles=roles, features=["a"], endpoint={"url": found.url()}
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COUNTERSIGN_ENDPOINTS", found.allowed)
        yield found


@pytest.mark.slow
def test_a_number_is_measured_again_from_its_transcript(
    program: Program, scorer: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, first, err = program(*ASK, "--transcript", "answers.jsonl")
    assert (code, err) == (0, "")
    assert json.loads(first)["provenance"] == "asked"
    monkeypatch.delenv("COUNTERSIGN_ENDPOINTS")
    asked = len(scorer.seen)
    code, again, _ = program(*ASK, "--recorded", "answers.jsonl")
    assert (code, again, len(scorer.seen)) == (0, first, asked)


def test_nobody_is_asked_until_the_environment_allows_it(
    program: Program, scorer: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERSIGN_ENDPOINTS")
    code, out, err = program(*ASK)
    assert (code, out) == (4, "")
    assert "may not be asked over http" in err
    assert "COUNTERSIGN_ENDPOINTS" in err
    assert not scorer.seen


def test_what_cannot_be_read_is_named(program: Program, scorer: Running) -> None:
    Path("broken.jsonl").write_text("{")
    for name, words in (
        ("absent.jsonl", "absent.jsonl cannot be read"),
        ("broken.jsonl", "transcript cannot"),
    ):
        code, _, err = program(*ASK, "--recorded", name)
        assert code == 4
        assert words in err
    assert not scorer.seen
