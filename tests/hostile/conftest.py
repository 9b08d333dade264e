"""A subject in the current folder whose model or data a test replaces by something hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Program, program
from tests.engine.subjects import write_subject

__all__ = ["Refused", "program"]

Refused = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a manifest and a small table."""
    write_subject(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def with_model(here: Path) -> Callable[[str, str], None]:
    """Names the model file and its format in the manifest."""

    def use(path: str, form: str) -> None:
        document: dict[str, Any] = json.loads((here / "model.yaml").read_text())
        document["spec"]["artifact"] = {"path": path, "format": form}
        document["spec"]["features"] = ["score"]
        (here / "model.yaml").write_text(json.dumps(document))

    return use


@pytest.fixture
def refused(here: Path, program: Program) -> Refused:
    """Runs the program and gives its one sentence: exit 4, nothing on standard output, no traceback."""

    def call(*words: str) -> str:
        code, out, err = program(*(words or ("measure", "model.yaml", "--check", "performance.auc")))
        assert (code, out) == (4, ""), (code, out, err)
        assert err.startswith("countersign: ")
        assert err.count("\n") == 1
        assert "internal error" not in err
        assert "Traceback" not in err
        return err.removeprefix("countersign: ").rstrip("\n")

    return call
