"""Files that are code, converted behind walls: honest ones come out as data, others get nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from apps.engine import scan
from apps.engine.conversion import ROWS, compare, taken_out
from apps.engine.conversion_run import converted
from apps.engine.errors import BadInput

RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 3))
Y = (X[:, 0] > 0).astype(int)
MODEL = LogisticRegression().fit(X, Y)


class Runs:
    """Runs code where it is loaded."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (self.code,))


def given(folder: Path, model: Any) -> Path:
    path = folder / "model.onnx"  # whatever it is called
    joblib.dump(model, path, compress=3)
    return path


@pytest.mark.slow
def test_a_joblib_file_becomes_onnx_that_scores_the_same(tmp_path: Path) -> None:
    made = converted(given(tmp_path, MODEL))
    (tmp_path / "made").write_bytes(made.data)
    assert (made.format, scan.scan(tmp_path / "made").verdict) == ("onnx", "clean")
    assert made.equivalence["rows"] == ROWS
    assert made.equivalence["largest_difference"] < 1e-6
    assert "sklearn.linear_model._logistic.LogisticRegression" in made.findings[0]
    assert made.said["features"] == 3
    assert made.walls["network"] != ""


TRIES = """
import os, socket
def tried(name, act):
    try:
        act()
        return name + ": GOT THROUGH"
    except BaseException as refused:
        return name + ": no"
raise RuntimeError(" ".join([
    tried("files", lambda: open({secret!r}).read()),
    tried("passwords", lambda: open("/etc/passwd").read()),
    tried("elsewhere", lambda: open("/tmp/left-behind-by-a-pickle", "w")),
    tried("network", lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    tried("program", lambda: os.execv("/bin/true", ["true"])),
    tried("process", os.fork),
    tried("parent", lambda: open("/proc/%d/environ" % os.getppid()).read()),
    tried("kill", lambda: os.kill(os.getppid(), 15)),
]))
"""


@pytest.mark.slow
def test_what_a_hostile_pickle_tries_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "data.csv"
    secret.write_text("name,defaulted\n")
    with pytest.raises(BadInput) as refused:
        converted(given(tmp_path, Runs(TRIES.format(secret=str(secret)))))
    told = str(refused.value)
    assert told.count(": no") == 8, told
    assert "GOT THROUGH" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(0)", "without an answer"),
        ("import os; os.abort()", "SIGABRT"),
        ("1", "no fitted model"),
    ],
)
def test_a_pickle_that_gives_nothing_is_said_to(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        converted(given(tmp_path, Runs(code)))


def test_only_a_plain_file_of_its_own_is_taken_out(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_bytes(b"key")
    (tmp_path / "link").symlink_to(ours)
    (tmp_path / "hard").hardlink_to(ours)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "hard", "empty", "pipe", "absent", "."):
        with pytest.raises(BadInput, match="no plain file"):
            taken_out(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_data_is_not_converted_and_other_code_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="nothing has to be converted"):
        converted(tmp_path / "m.csv")
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(BadInput, match="export the model to ONNX where it was made"):
        converted(tmp_path / "m.h5")


@pytest.mark.slow
def test_a_model_that_scores_otherwise_than_its_original_is_told(tmp_path: Path) -> None:
    from skl2onnx import to_onnx

    made = tmp_path / "m.onnx"
    made.write_bytes(to_onnx(MODEL, X[:1].astype(np.float32), options={"zipmap": False}).SerializeToString())
    found = compare(made, {"features": 3, "scores": [0.25] * ROWS})
    assert found["beyond"] > 0
    for claim in ({}, {"features": True}, {"features": 3}, {"features": 3, "scores": ["0.1"] * ROWS}):
        with pytest.raises(BadInput, match="did not say"):
            compare(made, claim)
