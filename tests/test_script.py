"""The root script: which program gets which words. The installed programs are stood in for by echoes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv is already set up and only echoes what it was asked."""
    shutil.copy(ROOT / "countersign", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    for name in ("app", "test"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}\n")
    for name in ("python", "countersign"):
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\nfor word in {name} "$@"; do printf "<%s>" "$word"; done\n')
        program.chmod(0o755)
    _stamp(tmp_path, "test")
    (tmp_path / ".venv" / ".stamp-libraries").touch()
    return tmp_path


def _stamp(checkout: Path, name: str) -> None:
    command = f"cat pyproject.toml requirements/{name}.txt | cksum > .venv/.stamp-{name}"
    subprocess.run(["sh", "-c", command], cwd=checkout, check=True)


def _run(checkout: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(checkout / "countersign"), *words]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env=variables, check=False)


@pytest.mark.parametrize(
    "word", ["evaluate", "measure", "catalogue", "policy", "register", "submit", "gate", "verify", "replay"]
)
def test_words_of_the_program(checkout: Path, word: str):
    assert _run(checkout, word, "a b", "--c").stdout == f"<countersign><{word}><a b><--c>"


@pytest.mark.parametrize("word", ["demo", "serve", "migrate", "shell"])
def test_other_words_go_to_manage(checkout: Path, word: str):
    assert _run(checkout, word, "--port", "1").stdout == f"<python><{checkout}/manage.py><{word}><--port><1>"


def test_tests_get_their_options(checkout: Path):
    found = _run(checkout, "test", "-k", "two words").stdout
    assert found.startswith("<python><-m><pytest>")
    assert found.endswith("<-m><not bench><-k><two words>")


def test_it_works_from_any_folder_and_through_a_path_with_blanks(checkout: Path, tmp_path: Path):
    moved = checkout.rename(checkout.with_name(checkout.name + " with blanks"))
    assert _run(moved, "verify", "f").stdout == "<countersign><verify><f>"
    moved.rename(checkout)


def test_without_words_it_explains_itself(checkout: Path):
    done = _run(checkout)
    assert done.returncode == 0
    assert "./countersign demo" in done.stdout


def test_no_python_is_one_sentence_and_status_3(checkout: Path, tmp_path: Path):
    shutil.rmtree(checkout / ".venv")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "id", "cat", "cksum", "dirname", "mkdir", "rm"):
        (tools / name).symlink_to(shutil.which(name) or name)
    script = (checkout / "countersign").read_text()
    (checkout / "countersign").write_text(script.replace("/usr/bin/python3", "/nowhere/python3"))
    done = _run(checkout, "demo", PATH=str(tools))
    assert done.returncode == 3
    assert done.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed and none was found.")


def test_a_python_that_does_not_run_is_passed_over(checkout: Path, tmp_path: Path):
    """A version manager's name for a version that is not installed is on PATH, and fails."""
    broken = tmp_path / "shims"
    broken.mkdir()
    (broken / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (broken / "python3.13").chmod(0o755)
    shutil.rmtree(checkout / ".venv")
    done = _run(
        checkout, "demo", PATH=f"{broken}:{os.environ['PATH']}", COUNTERSIGN_NO_UV="1", PIP_NO_INDEX="1"
    )
    assert "Making .venv with Python 3.1" in done.stderr
    assert str(broken) not in done.stderr


def test_measurements_get_their_options(checkout: Path):
    (checkout / "requirements" / "bench.txt").write_text("bench\n")
    (checkout / ".venv-bench").mkdir()
    stamp = "cksum <requirements/bench.txt >.venv-bench/.stamp"
    subprocess.run(["sh", "-c", stamp], cwd=checkout, check=True)
    found = _run(checkout, "bench", "--only", "trees", "--full").stdout
    assert found == "<python><-m><tests.bench><--only><trees><--full>"


def test_measurements_go_on_without_their_peers(checkout: Path):
    (checkout / "requirements" / "bench.txt").write_text("bench\n")
    says = 'for word in python "$@"; do printf "<%s>" "$word"; done'
    broken = f'#!/bin/sh\ncase "$*" in *pip*) exit 1 ;; esac\n{says}\n'
    (checkout / ".venv" / "bin" / "python").write_text(broken)
    found = _run(checkout, "bench", COUNTERSIGN_NO_UV="1", PATH="/usr/bin:/bin")
    assert "what is missing stands in the table as missing" in found.stderr
    assert found.stdout.endswith("<python><-m><tests.bench>")
