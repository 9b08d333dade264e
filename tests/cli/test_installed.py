"""The program alone: a wheel, installed with its own locked requirements and nothing of the server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.subjects import write_subject

ROOT = Path(__file__).parents[2]
PARTS = ("apps", "client", "policies", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
ABSENT = ("django", "celery", "shap", "weasyprint", "lightgbm")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("uv"), reason="uv is not installed")]


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE", "VIRTUAL_ENV"))}
    found = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs, the wheel installed there."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        place = ROOT / part
        copy = shutil.copytree if place.is_dir() else shutil.copy
        copy(place, source / part, **({"symlinks": True} if place.is_dir() else {}))  # type: ignore[operator]
    wheel = ("build", "-q", "--wheel", "--no-build-isolation", "--no-config", "-p", sys.executable)
    run("uv", *wheel, "-o", folder, source, cwd=folder)
    run("uv", "venv", "-q", "--no-config", "-p", sys.executable, folder / "venv", cwd=folder)
    install = ("uv", "pip", "install", "-q", "--no-config", "-p", folder / "venv" / "bin" / "python")
    locked = ROOT / "requirements" / "program.txt"
    run(*install, "--compile-bytecode", "--require-hashes", "-r", locked, cwd=folder)
    run(*install, "--no-deps", *folder.glob("*.whl"), cwd=folder)
    return folder / "venv" / "bin"


def test_it_carries_nothing_of_the_server(binaries: Path, tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {ABSENT!r} if u.find_spec(n)])"
    assert run(binaries / "python", "-c", code, cwd=tmp_path).stdout == "[]\n"


def test_it_is_asked_from_python(binaries: Path, tmp_path: Path) -> None:
    code = "from countersign.client import Countersign; print(Countersign.from_environment.__name__)"
    assert run(binaries / "python", "-c", code, cwd=tmp_path).stdout == "from_environment\n"


def test_it_measures_and_evaluates_with_the_shipped_policies(binaries: Path, tmp_path: Path) -> None:
    write_subject(tmp_path, contract={"score": {"type": "number"}})
    program = binaries / "countersign"
    assert "performance.auc" in run(program, "catalogue", cwd=tmp_path).stdout
    out = run(program, "measure", "model.yaml", "--check", "performance.auc", cwd=tmp_path).stdout
    assert out.startswith("performance.auc  0.9333")
    out = run(program, "evaluate", "model.yaml", "--policy", "baseline-all", cwd=tmp_path).stdout
    assert "against baseline-all" in out
    assert "PASS" in out.splitlines()[0]


def test_the_shipped_policies_pass_their_cases(binaries: Path, tmp_path: Path) -> None:
    where = "from apps.engine.policy import shipped_folder as s; print(s())"
    folder = run(binaries / "python", "-c", where, cwd=tmp_path).stdout.strip()
    out = run(binaries / "countersign", "policy", "test", folder, cwd=tmp_path).stdout
    assert out.count(" 0 failed") >= 5
