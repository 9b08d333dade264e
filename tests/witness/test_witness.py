from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from apps.engine.cosignature import Cosigner
from apps.engine.note import Note
from tests.witness.tree import ORIGIN, STRANGER, Tree, body
from witness.folder import Folder, FolderRefused
from witness.notes import Malformed
from witness.server import Server, Witness

TREE, OTHER = Tree("a"), Tree("b")


@pytest.fixture
def witness(folder: Folder) -> Witness:
    return Witness(folder)


def test_a_first_checkpoint_is_cosigned_and_the_line_holds(witness, folder):
    answer = witness.add_checkpoint(TREE.body(0, 3))
    assert answer.status == 200
    cosigner = Cosigner.parse(folder.public().text())
    at = cosigner.signed_at(Note.parse(TREE.note(3) + answer.body.encode()))
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=5)


def test_a_log_that_goes_on_is_cosigned_each_time(witness):
    for old, new in pairwise([0, 1, 2, 7, 7, 8, 64, 65]):
        assert witness.add_checkpoint(TREE.body(old, new)).status == 200, (old, new)


def test_who_asks_from_another_size_is_told_which(witness):
    witness.add_checkpoint(TREE.body(0, 5))
    for old, new in ((0, 8), (3, 8), (7, 8)):
        answer = witness.add_checkpoint(TREE.body(old, new))
        assert (answer.status, answer.type, answer.body) == (409, "text/x.tlog.size", "5\n")


def test_two_roots_of_one_size_are_never_signed(witness, folder):
    witness.add_checkpoint(TREE.body(0, 5))
    answer = witness.add_checkpoint(OTHER.body(5, 5))
    assert (answer.status, answer.body) == (409, "5\n")
    with sqlite3.connect(folder.path / "seen.sqlite") as store:
        (kept,) = store.execute("SELECT text FROM evidence").fetchone()
    assert kept == OTHER.note(5).decode().partition("\n\n")[0] + "\n"


def test_a_history_that_was_rewritten_is_refused(witness):
    witness.add_checkpoint(TREE.body(0, 5))
    forged = body(5, OTHER.proof(5, 9), OTHER.note(9))
    assert witness.add_checkpoint(forged).status == 422
    assert witness.add_checkpoint(body(5, TREE.proof(5, 9)[:-1], TREE.note(9))).status == 422
    assert witness.add_checkpoint(TREE.body(5, 9)).status == 200


def test_rival_checkpoints_at_the_same_moment_leave_one(witness):
    witness.add_checkpoint(TREE.body(0, 2))
    rivals = [TREE.body(2, 6), body(2, Tree("a").proof(2, 7), TREE.note(7)), OTHER.body(2, 6)] * 4
    with ThreadPoolExecutor(12) as crowd:
        answers = list(crowd.map(witness.add_checkpoint, rivals))
    assert [a.status for a in answers].count(200) == 1


def test_an_unknown_log_and_a_strange_key(witness):
    strange = body(0, [], TREE.note(3, origin="other.example/audit"))
    assert witness.add_checkpoint(strange).status == 404
    assert witness.add_checkpoint(body(0, [], TREE.note(3, signer=STRANGER))).status == 403
    altered = TREE.body(0, 3).replace(b"\n3\n", b"\n4\n")
    assert witness.add_checkpoint(altered).status == 403


MALFORMED = {
    "nothing": b"",
    "no UTF-8": b"old 0\n\n\xff",
    "no old size": TREE.body(0, 3).removeprefix(b"old 0\n"),
    "a size with a leading zero": TREE.body(0, 3).replace(b"old 0", b"old 00"),
    "a negative size": TREE.body(0, 3).replace(b"old 0", b"old -1"),
    "a proof that is no base64": TREE.body(2, 3).replace(b"old 2\n", b"old 2\n???\n"),
    "a hash too short": TREE.body(2, 3).replace(b"old 2\n", b"old 2\nAAAA\n"),
    "64 hashes": body(2, [bytes(32)] * 64, TREE.note(3)),
    "no signature": TREE.body(0, 3).partition("—".encode())[0],
    "a cut note": TREE.body(0, 3)[:-1],
    "old above new": body(9, [], TREE.note(3)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_read_is_refused(witness, name):
    assert witness.add_checkpoint(MALFORMED[name]).status == 400


def test_a_witness_that_forgot_does_not_serve(folder):
    (folder.path / "seen.sqlite").unlink()
    with pytest.raises(FolderRefused, match="has forgotten"):
        Witness(folder)


def test_a_key_that_others_may_read_is_refused(folder):
    (folder.path / "key.pem").chmod(0o644)
    with pytest.raises(FolderRefused, match="mode must be 0600"):
        Witness(folder)


@pytest.mark.parametrize("text", ["", "x+00000000+AAAA", f"{ORIGIN}+00000000+{'A' * 43}="])
def test_only_the_key_of_a_log_is_trusted(folder, text):
    with pytest.raises(Malformed):
        folder.trust(text)
    with pytest.raises(Malformed, match="of a witness"):
        folder.trust(folder.public().text())


def _post(port: int, path: str, data: bytes) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_over_http(witness):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with Server(listener, witness) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        assert _post(port, "/add-checkpoint", TREE.body(0, 3)) == 200
        assert _post(port, "/other", TREE.body(3, 4)) == 404
        assert _post(port, "/add-checkpoint", b"x" * 70_000) == 400
        server.shutdown()


def _serving(folder: Folder, listener: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "witness", "serve", "--folder", str(folder.path)]
    root = Path(__file__).parents[2]
    fd = listener.fileno()
    return subprocess.Popen(
        [*command, "--fd", str(fd)], pass_fds=[fd], cwd=root, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )


@pytest.mark.slow
def test_what_was_answered_survives_a_kill(folder):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, size = listener.getsockname()[1], 0
        for _ in range(3):
            process = _serving(folder, listener)
            assert _post(port, "/add-checkpoint", TREE.body(size, size + 4)) == 200
            process.send_signal(signal.SIGKILL)
            process.wait()
            size += 4
        process = _serving(folder, listener)
        assert _post(port, "/add-checkpoint", OTHER.body(size, size)) == 409
        assert _post(port, "/add-checkpoint", TREE.body(size, size + 1)) == 200
        process.kill()
        process.wait()
