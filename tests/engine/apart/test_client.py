"""A model in a process of its own: the same numbers, and nothing but numbers from whoever sits there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.engine import child
from apps.engine.apart import client
from apps.engine.child import Limits, in_child
from apps.engine.measure import measure
from apps.engine.subject import load

FIXTURES = Path(__file__).parents[3] / "fixtures" / "models"
FORMATS = {
    "xgboost-json": "credit-pd-1",
    "xgboost-ubj": "card-limit-1",
    "onnx": "diabetes-progress-1",
    "skops": "wine-cultivar-1",
}
CHECKS = ("explainability.additivity", "explainability.surrogate_fidelity")
Instead = Callable[[str], dict[str, Any]]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("check", CHECKS)
def test_a_model_apart_gives_the_bytes_of_one_that_is_here(name: str, check: str) -> None:
    manifest = FIXTURES / name / "model.yaml"
    found = in_child({"do": "measure", "manifest": str(manifest), "check": check, "dataset": "holdout"})
    assert found["status"] == "done", found
    assert found["result"] == measure(check, load(manifest), dataset="holdout").as_json()


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Instead:
    """Measures a model with other code in the place of the process that holds it."""

    def run(body: str) -> dict[str, Any]:
        stub = tmp_path / "child.py"
        command = (sys.executable, "-s", "-P", "-c", f"{_BEGIN}\n{body}\n")
        stub.write_text(
            f"import apps.engine.apart.client as client\nclient._COMMAND = {command!r}\n"
            "from apps.engine.inside import main\nmain()\n"
        )
        monkeypatch.setattr(child, "COMMAND", (sys.executable, "-s", "-P", str(stub)))
        task = {"do": "measure", "manifest": str(FIXTURES / "diabetes-progress-1" / "model.yaml")}
        return in_child(
            {**task, "check": "performance.r2", "dataset": "holdout"}, limits=Limits(wall_s=60, cpu_s=4)
        )

    return run


_BEGIN = """
import json, os, sys, signal, struct, mmap
lanes = json.loads(sys.argv[1])
reading, writing, given, made = lanes[0]
def receive():
    line = b""
    while not line.endswith(b"\\n"):
        chunk = os.read(reading, 65536)
        if not chunk: os._exit(0)
        line += chunk
    return json.loads(line)
def send(message):
    os.write(writing, (message if isinstance(message, str) else json.dumps(message)).encode() + b"\\n")
def scores(values):
    os.ftruncate(made, 8 * len(values))
    mmap.mmap(made, 8 * len(values))[:] = struct.pack(f"{len(values)}d", *values)
opened = receive()
features = opened["features"] or [f"f{i}" for i in range(10)]
ready = {"features": features, "texts": [], "batch": None, "walls": {}}
"""


def test_a_stand_in_that_answers_well_is_measured(instead: Instead) -> None:
    found = instead("send(ready)\nn = receive()['rows']\nscores([150.0] * n)\nsend({'count': n})\nreceive()")
    assert (found["status"], found["result"]["status"]) == ("done", "measured")
    assert found["result"]["value"] < 0.1


ANSWERS = {
    "dies": ("os.abort()", "crashed", "was being opened: it crashed (SIGABRT)"),
    "ends": ("os._exit(0)", "crashed", "was being opened: it ended without an answer"),
    "dies later": ("send(ready); receive(); os.abort()", "crashed", "was scoring: it crashed (SIGABRT)"),
    "no json": ("send('{')", "bad_input", "cannot be read"),
    "no message": ("send('[1]')", "bad_input", "no message"),
    "endless": ("send('1' * 5_000_000)", "bad_input", "endless"),
    "no count": ("send(ready); receive(); send({})", "bad_input", "without a count"),
    "a false count": ("send(ready); receive(); scores([1.0]); send({'count': 1})", "bad_input", "1 scores"),
    "a negative count": ("send(ready); receive(); send({'count': -1})", "bad_input", "without a count"),
    "no room": ("send(ready); n = receive()['rows']; send({'count': n})", "bad_input", "shorter answer"),
    "control characters": (
        "send({'error': 'bad_input', 'reason': '\\x1b[2J\\r\\n' + 'x' * 9000})", "bad_input", "xxx"),
    "runs on": ("send(ready); receive()\nwhile True: pass", "resource", "was scoring: it used more"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_else_comes_is_an_error_and_never_a_number(instead: Instead, name: str) -> None:
    body, kind, words = ANSWERS[name]
    found = instead(body)
    assert (found["status"], found["kind"]) == ("error", kind)
    assert words in found["reason"]
    assert found["reason"].isprintable()
    assert len(found["reason"]) < 2_500


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_score_that_is_no_number_is_never_measured(instead: Instead, value: str) -> None:
    found = instead(
        f"send(ready); n = receive()['rows']; scores([float({value!r})] + [1.0] * (n - 1))\n"
        "send({'count': n}); receive()"
    )
    assert found["status"] == "error" or found["result"]["value"] is None


ATTEMPTS = {
    "labels": f"open({str(FIXTURES / 'diabetes-progress-1' / 'holdout.csv')!r}).read()",
    "keys": "open('/etc/passwd').read()",
    "environment": "open(f'/proc/{os.getppid()}/environ').read()",
    "memory": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "descriptors": "[open(f'/proc/{os.getppid()}/fd/{n}', 'rb') for n in range(99)]",
    "a file": "open('/tmp/left-behind', 'w')",
    "code": f"open({client.__file__!r}, 'a')",
    "a program": "os.execv('/bin/true', ['true'])",
    "a process": "os.fork()",
    "a signal": "os.kill(os.getppid(), 9)",
    "a group": "os.setsid()",
    "a socket": "__import__('socket').socket()",
    "a namespace": "assert __import__('ctypes').CDLL(None).unshare(0x10000000) == 0",
}
_TRY = """
from apps.engine.landlock import Reach
from apps.engine.walls import raise_inner_walls
from pathlib import Path
raise_inner_walls(Reach(reads=(Path(opened["path"]),), writes=(Path.cwd(),)))
open(opened["path"], "rb").read(1)
try:
    ATTEMPT
except (OSError, AssertionError) as refused:
    send({"error": "bad_input", "reason": "refused: " + type(refused).__name__})
else:
    send({"error": "bad_input", "reason": "got through"})
"""


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_a_process_with_a_model_may_not_do(instead: Instead, name: str) -> None:
    found = instead(_TRY.replace("ATTEMPT", ATTEMPTS[name]))
    if "none" in found["walls"].get("files", "") + found["walls"].get("system_calls", ""):
        pytest.skip("this machine's kernel does not offer these walls")
    assert found["reason"].startswith("refused: "), found["reason"]


def test_what_the_model_used_is_counted(instead: Instead) -> None:
    burn = "import time\nwhile time.process_time() < 1.0: pass\n"
    found = instead(
        f"send(ready); n = receive()['rows']\n{burn}scores([1.0] * n); send({{'count': n}}); receive()"
    )
    assert found["usage"]["cpu_seconds"] > 1.0
