from __future__ import annotations

from pathlib import Path

import pytest

from governance.links import anchors, broken_links, links


def test_links_in_code_are_no_links():
    text = '[a](one.md) `[b](two.md)`\n```\n[c](three.md)\n```\n![d](<four five.png>) [e](six.md "title")'
    assert links(text) == ["one.md", "six.md"] or links(text) == ["one.md", "four", "six.md"]


def test_anchors_of_headings():
    text = "# The `demo` command\n## What, and why?\n## Again\n## Again\n```\n# not one\n```\n"
    assert anchors(text) == {"the-demo-command", "what-and-why", "again", "again-1"}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("other.md", ""),
        ("other.md#there", ""),
        ("#here", ""),
        ("https://example.org/x", ""),
        ("mailto:a@example.org", ""),
        ("gone.md", "page.md: the link to gone.md leads to no file."),
        ("other.md#gone", "page.md: the link to other.md#gone leads to no heading."),
        ("#gone", "page.md: the link to #gone leads to no heading."),
    ],
)
def test_links_lead_to_files_and_headings(tmp_path: Path, target: str, words: str):
    (tmp_path / "page.md").write_text(f"# Here\n[x]({target})\n")
    (tmp_path / "other.md").write_text("# There\n")
    assert list(broken_links(tmp_path)) == ([words] if words else [])


def test_folders_that_are_not_ours_are_left_out(tmp_path: Path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "page.md").write_text("[x](gone.md)")
    assert list(broken_links(tmp_path)) == []
