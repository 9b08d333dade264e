from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from apps.cli import main as program_main
from tests.cli.conftest import Program

ROOT = Path(__file__).resolve().parents[2]


def test_help_names_every_command(program: Program) -> None:
    code, out, _ = program("--help")
    assert code == 0
    assert all(name in out for name in program_main.COMMANDS)


def test_no_word_and_a_wrong_word_are_usage_errors(program: Program) -> None:
    assert program()[0] == 2
    assert program("dance")[0] == 2
    assert program("measure")[0] == 2


def test_what_this_build_lacks_is_said(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(program_main.COMMANDS, "replay", ("apps.cli.not_there", ""))
    code, _, err = program("replay", "pack")
    assert (code, err) == (2, 'countersign: "replay" is not part of this build.\n')


def test_version(program: Program) -> None:
    code, out, _ = program("--version")
    assert (code, out.split()[0]) == (0, "countersign")


def test_control_characters_never_reach_the_terminal(program: Program) -> None:
    code, _, err = program("catalogue", "x\x1b[31m\u202e")
    assert code == 4
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_a_defect_is_one_line_without_traceback(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise TypeError("boom\nmore")

    monkeypatch.setattr("apps.cli.catalogue.run", broken)
    code, _, err = program("catalogue")
    assert code == 4
    assert err == "countersign: internal error, TypeError: boom (COUNTERSIGN_DEBUG=1 shows where).\n"


def test_an_interrupt_is_clean(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("apps.cli.catalogue.run", interrupted)
    assert program("catalogue")[::2] == (130, "countersign: stopped.\n")


def test_a_closed_pipe_is_clean() -> None:
    command = f"{sys.executable} -m apps.cli.main catalogue --format json | head -c 10"
    found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.stderr == ""


@pytest.mark.parametrize(("words", "seconds"), [(["--help"], 0.25), (["catalogue"], 0.4)])
def test_the_program_starts_fast_and_without_numpy(words: list[str], seconds: float) -> None:
    code = (
        "import sys, contextlib\nfrom apps.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "assert not {'numpy', 'pyarrow', 'yaml', 'django'} & set(sys.modules), sorted(sys.modules)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code, *words], check=True, capture_output=True, cwd=ROOT, env={**os.environ}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < seconds
