"""The boundary: what a child may not do, and what its failures become."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apps.engine import child, inside
from apps.engine.child import Limits, in_child
from tests.engine.subjects import write_subject

SCAN = "security.artifact_scan"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs other code in the child's place, behind the same parent."""

    def use(body: str) -> None:
        script = tmp_path / "stand_in.py"
        lines = [
            "import json, os, sys, time",
            "given = json.load(sys.stdin)",
            "pipe = os.fdopen(given['pipe'], 'w')",
        ]
        script.write_text("\n".join([*lines, body]))
        monkeypatch.setattr(child, "COMMAND", (sys.executable, str(script)))

    return use


def test_a_task_is_answered_from_behind_walls(tmp_path: Path) -> None:
    found = in_child({"do": "inspect", "manifest": str(write_subject(tmp_path))})
    assert found["status"] == "done"
    assert found["result"]["datasets"]["holdout"]["rows"] == 8
    assert found["result"]["columns"]["holdout"] == ["score", "defaulted", "sex", "approved"]
    assert found["walls"]["core"] == "0"
    assert found["walls"]["environment"] == "cleared"
    assert set(found["walls"]) >= {"network", "system_calls", "memory", "cpu", "processes"}


def test_bad_input_comes_back_as_its_sentence(tmp_path: Path) -> None:
    found = in_child({"do": "measure", "manifest": str(tmp_path / "absent.yaml"), "check": SCAN})
    assert (found["status"], found["kind"]) == ("error", "bad_input")
    assert found["reason"].endswith("absent.yaml does not exist.")
    assert "result" not in found


def test_an_unknown_task_is_an_error() -> None:
    assert in_child({"do": "dance"})["kind"] == "internal"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("os.kill(os.getpid(), 9)", "resource"),
        ("os.abort()", "crashed"),
        ("sys.exit(0)", "crashed"),
        ("sys.exit(3)", "crashed"),
        ('print(\'{"answer": {"status": "done"}}\')', "crashed"),
        ("pipe.write('nonsense\\n')", "garbage"),
        ("pipe.write('[1]\\n')", "garbage"),
        ('pipe.write(\'{"answer": {"status": "done", "result": {"value": NaN}}}\\n\')', "garbage"),
        ('pipe.write(\'{"answer": {"status": "fine"}}\\n\')', "crashed"),
        ("pipe.write('x' * 4_000_000)", "resource"),
        ("pipe.flush(); time.sleep(60)", "timeout"),
        ("pipe.close(); time.sleep(60)", "crashed"),
    ],
)
def test_every_failure_is_an_error_value_and_never_a_number(stand_in: Any, body: str, kind: str) -> None:
    stand_in(body)
    started = time.monotonic()
    found = in_child({"do": "measure"}, limits=Limits(wall_s=2, output_bytes=1_000_000))
    assert (found["status"], found["kind"]) == ("error", kind)
    assert found["reason"].startswith("Measuring stopped: ")
    assert "result" not in found
    assert time.monotonic() - started < 10


def test_grandchildren_die_with_the_child(stand_in: Any, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    stand_in(
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(p.pid))\n"
        "sys.exit(0)"
    )
    in_child({"do": "measure"}, limits=Limits(wall_s=5))
    stat = Path(f"/proc/{pid_file.read_text()}/stat")
    for _ in range(50):
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the grandchild lives on")


def test_a_parent_that_gives_up_kills_the_child(stand_in: Any) -> None:
    stand_in("time.sleep(60)")

    def give_up() -> None:
        raise TimeoutError("the lease is lost")

    started = time.monotonic()
    with pytest.raises(TimeoutError, match="the lease is lost"):
        in_child({"do": "measure"}, tick=give_up)
    assert time.monotonic() - started < 5


def test_progress_is_told_before_each_gate(tmp_path: Path) -> None:
    steps: list[Mapping[str, Any]] = []
    gates = [{"id": name, "check": "security.digest"} for name in ("one", "two")]
    task = {"do": "gates", "manifest": str(write_subject(tmp_path)), "gates": gates}
    found = in_child(task, progress=steps.append)
    assert [step["gate"] for step in steps][:1] == ["one"]
    assert found["status"] in ("done", "error")
    assert found["walls"]


ATTEMPTS = {
    "tcp": "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
    "udp": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 53))",
    "unix": "import socket; socket.socket(socket.AF_UNIX)",
    "memory": "bytearray(2 << 30)",
    "file": "open('/tmp/big-' + str(os.getpid()), 'wb').write(bytes(20 << 20))",
    "ptrace": "import ctypes; assert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_the_walls_refuse(name: str, tmp_path: Path) -> None:
    code = (
        "import os\nfrom apps.engine.walls import Limits, raise_walls\n"
        "walls = raise_walls(Limits(memory=1 << 30, file_bytes=1 << 20))\n"
        "print(walls['system_calls'], flush=True)\n"
        f"{ATTEMPTS[name]}\nprint('got through')"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=os.getcwd()
    )
    if name in ("udp", "unix", "ptrace", "tcp") and found.stdout.startswith("none"):
        pytest.skip("this machine has no seccomp")
    assert "got through" not in found.stdout
    assert found.returncode != 0


def test_the_environment_is_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    stand_in("pipe.write(json.dumps({'answer': {'status': 'done', 'result': dict(os.environ)}}) + '\\n')")
    found = in_child({"do": "measure"})
    assert "secret" not in json.dumps(found["result"])
    assert found["result"]["PATH"] == "/usr/bin:/bin"


def test_the_device_stands_beside_the_result_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    task = {"do": "inspect", "manifest": str(write_subject(tmp_path))}
    assert in_child({**task, "device": "cpu"})["device"] == "cpu"
    refused = in_child({**task, "device": "tpu"})
    assert (refused["kind"], refused["reason"]) == (
        "bad_input", 'The device is "tpu"; cpu, cuda or auto was expected.',
    )  # fmt: skip


class OutOfMemoryError(RuntimeError):
    """As torch and CuPy call theirs."""


@pytest.mark.parametrize(
    "problem",
    [
        OutOfMemoryError("Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUBLAS failure 3: cudaErrorMemoryAllocation"),
    ],
)
def test_a_gpu_without_room_is_want_of_room(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def fails(*_: Any) -> Any:
        raise problem

    monkeypatch.setitem(inside._TASKS, "gates", fails)
    found = inside._answer({"do": "gates"}, lambda _: None)
    assert (found["status"], found["kind"]) == ("error", "resource")
    assert found["reason"] == "Measuring stopped: it needed more memory than the GPU has."


LOADED = """
import sys
from apps.engine.evaluate import measure_gates
from apps.engine.subject import load
assert not [name for name in ("scipy.special", "scipy.stats", "sklearn") if name in sys.modules], sys.modules
"""


def test_a_child_loads_no_library_that_it_may_not_need() -> None:
    """Each run pays for what is loaded here."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
