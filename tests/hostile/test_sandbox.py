"""Behind the walls, as root and as an ordinary user: each attempt is refused or bounded."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from apps.engine.walls import lacking
from tests.hostile.attempts import ATTEMPTS, CALLS, INNER

pytestmark = pytest.mark.skipif(bool(lacking()), reason="this machine's kernel does not offer these walls")
ROOT = Path(__file__).parents[2]
USERS = [0, 61_000] if os.geteuid() == 0 else [os.geteuid()]
NATIVE = platform.machine() == "x86_64"

ASK = """
import json, sys
from apps.engine import child
from apps.engine.child import Limits, in_child
child.COMMAND = (sys.executable, "-s", "-P", "-m", "tests.hostile.attempts")
task, limits = json.loads(sys.argv[1])
print(json.dumps(in_child(task, limits=Limits(**limits))))
"""


def interpreter(user: int) -> str:
    """One that this user may start, and that reads this code: ours may lie where only its owner looks."""
    if user == os.geteuid():
        return sys.executable
    system = shutil.which("python3", path="/usr/bin")
    said = system and subprocess.run([system, "-V"], capture_output=True, text=True, check=True).stdout
    if not said or said.split()[1].split(".")[:2] < ["3", "11"]:
        pytest.skip("this machine has no interpreter for an ordinary user")
    return str(system)


def asked(user: int, task: dict[str, Any], **limits: Any) -> dict[str, Any]:
    """What `in_child` answers when that user asks."""
    who = {} if user == os.geteuid() else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(
        [interpreter(user), "-P", "-c", ASK, json.dumps([{"inner": False, "tries": [], **task}, limits])],
        capture_output=True,
        check=False,
        timeout=120,
        cwd="/tmp",
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        **who,
    )
    if b"No module named 'apps" in done.stderr and user != os.geteuid():
        pytest.skip("an ordinary user cannot read this checkout")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("inner", [False, True], ids=["measuring", "model"])
def test_every_attempt_is_refused(user: int, inner: bool) -> None:
    tries = [name for name in ATTEMPTS if NATIVE or name not in CALLS] + (list(INNER) if inner else [])
    found = asked(user, {"inner": inner, "tries": tries})
    assert found["status"] == "done", found
    through = {name: said for name, said in found["result"].items() if not said.startswith("refused")}
    assert through == {}
    assert set(found["result"]) == set(tries)
    assert not Path("/tmp/countersign-left-behind").exists()


BOUNDED = {
    "memory": ("x = bytearray(3 << 30)", "crashed"),
    "memory bit by bit": ("x = []\nwhile True: x.append(bytearray(1 << 24))", "crashed"),
    "processor": ("while True: pass", "resource"),
    "a large file": ("open('x', 'wb').write(bytes(64 << 20))", "crashed"),
    "many large files": (
        "for i in range(40): open(f'x{i}', 'wb').write(bytes(7 << 20))\nimport time; time.sleep(30)",
        "resource",
    ),
    "many empty files": (
        "for i in range(9000): open(f'x{i}', 'wb')\nimport time; time.sleep(30)",
        "resource",
    ),
    "many folders": (
        "import os\nfor i in range(9000): os.mkdir(f'd{i}')\nimport time; time.sleep(30)",
        "resource",
    ),
    "a flood": ("while True: pipe.write('x' * 65536)", "resource"),
    "a flood on the terminal": ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "resource"),
    "sleep": ("import time; pipe.flush(); time.sleep(60)", "timeout"),
}
LIMITS = {
    "wall_s": 8, "cpu_s": 2, "memory": 1 << 30, "file_bytes": 8 << 20, "output_bytes": 1 << 20,
    "scratch_bytes": 200 << 20, "scratch_files": 3000,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", BOUNDED)
def test_what_runs_on_is_ended(user: int, name: str) -> None:
    body, kind = BOUNDED[name]
    began = time.monotonic()
    found = asked(user, {"run": body}, **LIMITS)
    assert (found["status"], found["kind"]) == ("error", kind), found
    assert time.monotonic() - began < 60


BOMB = """
import os, time
made = 0
try:
    while made < 2000:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
except OSError:
    pass
import json
pipe.write(json.dumps({"answer": {"status": "done", "result": made}}) + "\\n")
pipe.flush()
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS)
def test_a_fork_bomb_ends_at_its_limit_and_nothing_of_it_stays(user: int) -> None:
    found = asked(user, {"run": BOMB}, wall_s=20, processes=60)
    assert found["result"] < int(found["walls"]["processes"]) < 1000
    assert not found["walls"]["privileges"].startswith("root's")


WHO = """
import json, os
pipe.write(json.dumps({"answer": {"status": "done", "result": os.getuid()}}) + "\\n")
pipe.flush()
os._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_two_measurements_of_root_are_two_users() -> None:
    users = {asked(0, {"run": WHO})["result"] for _ in range(2)}
    assert len(users) == 2
    assert min(users) > 1_000_000_000


def test_without_a_wall_nothing_is_measured_where_walls_are_required() -> None:
    from apps.engine.walls import missing_walls

    gaps = missing_walls({"files": "none: Function not implemented", "system_calls": "no sockets"})
    assert gaps == ["files: Function not implemented"]
