from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from governance.local.processes import Start, spawn, stop
from governance.local.supervisor import Service, Supervisor
from tests.governance.local.processes import alive, until

_SUPERVISE = """
import sys
from pathlib import Path
from governance.local.processes import Start, spawn
from governance.local.supervisor import Service, Supervisor
log = Path(sys.argv[1])
start = Start(command=["sleep", "600"], log=log)
with Supervisor(print) as supervisor:
    service = Service(name="sleeper", launch=lambda: spawn(start), log=log)
    supervisor.add(service)
    print(service.process.pid, flush=True)
    supervisor.watch()
"""


def _service(log: Path, script: str, name: str = "child") -> Service:
    start = Start(command=["sh", "-c", script], log=log)
    return Service(name=name, launch=lambda: spawn(start), log=log, patience=2)


def test_a_child_that_ends_is_reported_and_started_again(tmp_path: Path):
    said: list[str] = []
    with Supervisor(said.append) as supervisor:
        service = _service(tmp_path / "log", "sleep 600")
        supervisor.add(service)
        assert service.process is not None
        first = service.process.pid
        service.process.kill()
        service.process.wait()
        until(lambda: supervisor.tend() or (service.process is not None and service.process.pid != first))
    assert said == [f"child ended (killed by SIGKILL); starting it again in 0.5 s. Log: {tmp_path / 'log'}"]


def test_the_wait_doubles_while_a_child_keeps_ending(tmp_path: Path):
    said: list[str] = []
    with Supervisor(said.append) as supervisor:
        supervisor.add(_service(tmp_path / "log", "echo the reason; exit 3"))
        until(lambda: supervisor.tend() or len([s for s in said if "exit status 3" in s]) == 3)
    assert ["0.5 s" in said[0], "1 s" in said[1], "2 s" in said[2]] == [True, True, True]
    assert "the reason" in said[3]


@pytest.mark.slow
def test_leaving_stops_every_child_and_its_grandchildren(tmp_path: Path):
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 601 & echo $! $$ > {pids}; wait; wait"
    with Supervisor(print) as supervisor:
        supervisor.add(_service(tmp_path / "log", script))
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_children_end_with_the_supervisor_however_it_ends(tmp_path: Path, number: signal.Signals):
    command = [sys.executable, "-c", _SUPERVISE, str(tmp_path / "log")]
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    os.kill(supervisor.pid, number)
    supervisor.communicate(timeout=10)
    until(lambda: not alive(child))


def test_a_command_runs_to_its_end_while_others_are_watched(tmp_path: Path):
    with Supervisor(print) as supervisor:
        start = Start(command=["sh", "-c", "exit 7"], log=tmp_path / "log")
        assert supervisor.run(lambda: spawn(start)) == 7


def test_stopping_is_harmless_when_the_child_is_gone(tmp_path: Path):
    process = spawn(Start(command=["true"], log=tmp_path / "log"))
    process.wait()
    stop(process, first=signal.SIGTERM, patience=1)
    assert process.returncode == 0
