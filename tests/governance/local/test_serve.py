"""The supervisor with everything it holds, as a person starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from governance.local.places import Places
from tests.governance.local.processes import until

ROOT = Path(__file__).resolve().parent.parent.parent.parent

pytestmark = pytest.mark.slow


def _serve(places: Places, *options: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "COUNTERSIGN_STATE": str(places.state),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, str(ROOT / "manage.py"), "serve", *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if words in line:
            return read
    raise AssertionError(f"it ended without saying {words!r}:\n{read}")


def _of(places: Places) -> list[int]:
    """Living processes whose environment or words name the state folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            named = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(places.state) in named and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def test_everything_ends_with_a_killed_supervisor_and_starts_again_on_its_port(places: Places):
    first = _serve(places, "--port", "8431")
    said = _read_until(first, "Press Ctrl-C to stop.")
    address = re.findall(r"http://\S+", said)[0]
    assert len(_of(places)) >= 8
    first.kill()
    first.communicate()
    again = _serve(places, "--port", address.rsplit(":", 1)[1], "--until-ready")
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert "An earlier run was ended without stopping; its leftovers are cleared." in said
    assert f"Countersign is ready: {address}" in said
    until(lambda: _of(places) == [], patience=15)


def test_an_interrupt_stops_every_process(places: Places):
    process = _serve(places, "--port", "8451")
    _read_until(process, "Press Ctrl-C to stop.")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (0, "Stopping.")
    assert _of(places) == []
    assert places.lock.read_text() == ""
