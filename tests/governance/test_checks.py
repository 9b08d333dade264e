from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from apps.engine import landlock
from governance.checks import templates_compile, walls_are_offered


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path], "APP_DIRS": False}]
    return tmp_path


def test_a_template_that_compiles_is_silent(folder: Path):
    (folder / "base.html").write_text("{% block b %}{% endblock %}")
    (folder / "page.html").write_text('{% extends "base.html" %}{% block b %}{{ x }}{% endblock %}')
    assert templates_compile(None) == []


def test_a_broken_template_is_named(folder: Path):
    (folder / "page.html").write_text("{% if %}")
    (found,) = templates_compile(None)
    assert found.obj == "page.html"
    assert "does not compile" in found.msg


@pytest.mark.parametrize(
    "tag", ['{% include "gone.html" %}', '{% if x %}{% include "gone.html" %}{% endif %}']
)
def test_a_named_template_that_is_not_there_is_named(folder: Path, tag: str):
    (folder / "page.html").write_text(tag)
    (found,) = templates_compile(None)
    assert found.msg == "It names 'gone.html', which does not exist."


def test_a_kernel_without_a_wall_is_warned_of(monkeypatch: pytest.MonkeyPatch):
    assert walls_are_offered(None) == [] or "around what measures" in walls_are_offered(None)[0].msg
    monkeypatch.setattr(landlock, "_version", lambda libc: -1)
    found = walls_are_offered(None)
    assert [warning.id for warning in found][:1] == ["countersign.W001"]
    assert found[0].msg.startswith("Files are not narrowed around what measures a model: Landlock is not")
