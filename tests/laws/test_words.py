"""Law 8: what is drawn from the code equals the code; one word per thing; nothing of one machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from governance.reference import pages
from tests.laws.source import PROJECT

# Those of the glossary that have no innocent meaning in what people read here.
BANNED = (
    "use case",
    "stakeholder",
    "log entry",
    "metric result",
    "rule set",
    "criticality",
    "verdict of",
    "override",
    "caveat",
    "exception request",
)
# The instructions of the clean room tell where a clone and a new user stand in it.
CLEAN_ROOM = PROJECT / "docs" / "development.md"
PLACES = re.compile(r"(?<![\w.])/(?:home|root|Users|work|mnt|private)/[\w.-]+")
HOSTS = re.compile(
    r"https?://(?:files\.)?(?:pypi|pythonhosted|registry|index|proxy|artifactory|nexus)[\w.-]*"
)


def _listed() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    words = [git, "ls-files", "-z"]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False).stdout


@cache
def committed() -> tuple[Path, ...]:
    found = [PROJECT / name for name in _listed().split("\0") if name]
    return tuple(
        found
        or (
            p
            for p in PROJECT.rglob("*")
            if not {".venv", ".venv-bench", ".git", ".state"} & set(p.parts) and p.is_file()
        )
    )


def texts(*suffixes: str) -> list[Path]:
    return [p for p in committed() if p.suffix in suffixes and p.is_file()]


def read_by_people() -> list[Path]:
    inside = ("templates", "docs", "README.md", "CONTRIBUTING.md", "SECURITY.md")
    found = [p for p in texts(".html", ".md") if p.relative_to(PROJECT).parts[0] in inside]
    # Laws and measures have names of their own: a rule set of a statute, the rate of overrides.
    return [p for p in found if p.parent.name != "checks" and p.name not in ("coverage.md", "oracles.md")]


@pytest.mark.parametrize("word", BANNED)
def test_no_banned_synonym_is_shown_to_people(word: str) -> None:
    pattern = re.compile(rf"\b{word}s?\b", re.IGNORECASE)
    glossary = PROJECT / "docs" / "glossary.md"
    found = [p.name for p in read_by_people() if p != glossary and pattern.search(p.read_text())]
    assert found == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    if not _listed():
        pytest.skip("without git it cannot be told which files are committed")
    suffixes = (".py", ".md", ".html", ".toml", ".txt", ".yaml", ".yml", ".css", ".js", ".sh", ".cfg", "")
    found = [
        f"{path.relative_to(PROJECT)}: {match[0]}"
        for path in texts(*suffixes)
        if path not in (Path(__file__), CLEAN_ROOM)
        and "/tests/" not in str(path)
        and path.stat().st_size < 1 << 20
        for pattern in (PLACES, HOSTS)
        if (match := pattern.search(path.read_text(errors="replace")))
    ]
    assert found == []


def test_no_page_of_a_check_outlives_it() -> None:
    folder = PROJECT / "docs" / "checks"
    assert {f"checks/{p.name}" for p in folder.glob("*.md")} <= pages().keys()
