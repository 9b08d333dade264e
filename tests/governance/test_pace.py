"""Nobody holds a thread of the web by sending slowly: a real server with one thread."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from governance.pace import PacedBody, Watch


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "tests.governance.slow_body:application"]
        command += ["--bind", f"fd://{listener.fileno()}", "--workers", "1", "--threads", "1"]
        command += ["--chdir", str(request.config.rootpath), "--no-control-socket"]
        server = subprocess.Popen(
            command, pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield listener.getsockname()
        finally:
            server.terminate()
            server.wait()


def asked(connection: socket.socket, length: int) -> None:
    connection.settimeout(30)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)


def told(connection: socket.socket) -> dict[str, object]:
    answer = b""
    while not answer.endswith(b"}"):
        piece = connection.recv(4096)
        assert piece, answer
        answer += piece
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.slow
def test_a_body_of_one_byte_now_and_then_is_cut_off_and_the_next_is_served(address) -> None:
    with closing(socket.create_connection(address)) as slow:
        asked(slow, 2 << 30)
        began = time.monotonic()
        slow.settimeout(0.2)
        while time.monotonic() - began < 20:
            slow.sendall(b"x")
            try:
                if slow.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                continue
        slow.settimeout(10)
        answer = told(slow)
    assert answer["slow"] is True
    assert 0 < answer["came"] < 100
    assert time.monotonic() - began < 10
    with closing(socket.create_connection(address)) as next_one:
        asked(next_one, 5)
        next_one.sendall(b"hello")
        assert told(next_one) == {"came": 5, "slow": False}


@pytest.mark.slow
def test_a_body_that_comes_fast_enough_takes_as_long_as_it_takes(address) -> None:
    with closing(socket.create_connection(address)) as steady:
        asked(steady, 1_000_000)
        for _ in range(10):
            steady.sendall(b"x" * 100_000)
            time.sleep(0.2)
        assert told(steady) == {"came": 1_000_000, "slow": False}


def test_the_time_that_we_take_ourselves_does_not_count() -> None:
    watch = Watch(grace=0.05, least=1e9)
    body = PacedBody(io.BytesIO(b"x" * 10), {}, watch)
    assert body.read(3) == b"xxx"
    time.sleep(0.1)
    assert not body.late(time.monotonic())


@pytest.mark.parametrize("size", [-1, 5, 65_536, 200_000])
def test_a_body_reads_as_its_source_does(size: int) -> None:
    data = bytes(range(256)) * 500
    body, plain = PacedBody(io.BytesIO(data), {}, Watch()), io.BytesIO(data)
    assert [body.read(size) for _ in range(3)] == [plain.read(size) for _ in range(3)]
    assert PacedBody(io.BytesIO(b"a\nb"), {}, Watch()).readline() == b"a\n"
