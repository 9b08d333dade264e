from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from apps.cli.main import main
from apps.engine.policy import shipped_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder() / "tiering", tmp_path / "tiering"))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["policy", *words])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def change(file: Path, one: str, other: str) -> None:
    text = file.read_text()
    assert one in text
    file.write_text(text.replace(one, other))


def test_the_shipped_files_are_right_and_every_weakening_is_noticed(capsys) -> None:
    place = str(shipped_folder() / "tiering")
    assert said(capsys, "lint", place) == (0, "3 of 3 policies are right.\n")
    status, text = said(capsys, "test", "--mutate", place)
    assert status == 0
    assert "materiality@1.1.0: 9 cases, 0 failed." in text


def test_a_case_that_fails_is_told_with_its_line_and_in_junit(folder: Path, capsys) -> None:
    change(folder / "scorecard.yaml", "from_points: 12", "from_points: 13")
    status, text = said(capsys, "test", str(folder), "--junit", str(folder / "j.xml"))
    assert status == 1
    assert "scorecard.yaml, line 43, column 5: twelve points are tier 1: tier 2 (12 points), not 1." in text
    suites = ET.parse(folder / "j.xml").getroot()  # noqa: S314 - written just now
    assert [suite.get("failures") for suite in suites] == ["1", "0", "0"]


def test_a_weakening_that_no_case_notices_is_named(folder: Path, capsys) -> None:
    file = folder / "scorecard.yaml"
    file.write_text(file.read_text().partition("  - name: who acts on the answer")[0])
    status, text = said(capsys, "test", "--mutate", str(file))
    assert status == 1
    assert "no case notices this change: no points for “Who acts on the model's answer”." in text


@pytest.mark.parametrize(
    ("file", "one", "other", "what"),
    [
        ("scorecard.yaml", "owner: model-risk-policy", "owner: model-risk-polic", "There is no role"),
        ("scorecard.yaml", "from_points: 12", "from_points: 99", "all answers together give at most"),
        ("scorecard.yaml", "questions:", "question:", 'Did you mean "questions"?'),
        ("determination.yaml", "us-sr26-2: outside", "us-sr26-2: model", "says outside, not model"),
        ("regimes.yaml", "regime: uk-ss1-23", "regime: uk-ss1-24", 'no regime "uk-ss1-24"'),
    ],
)
def test_lint_says_what_is_wrong(folder: Path, capsys, file: str, one: str, other: str, what: str) -> None:
    change(folder / file, one, other)
    status, text = said(capsys, "lint", str(folder))
    assert status == 1
    assert what in text
    assert "2 of 3 policies are right." in text


def test_two_scorecards_are_compared_in_words(folder: Path, capsys) -> None:
    change(folder / "scorecard.yaml", "fraud: 3", "fraud: 4")
    status, text = said(
        capsys, "diff", str(shipped_folder() / "tiering" / "scorecard.yaml"), str(folder / "scorecard.yaml")
    )
    assert status == 1
    assert "What the model decides: fraud 3 points → 4 points." in text
    assert "does not come after 1.1.0" in text
