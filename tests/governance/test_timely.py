"""Who waited too long for a thread is told to come again; everybody else is served."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from governance.timely import timely, waited


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
        server.accept()[0] as receiver,
    ):
        yield sender, receiver


def asked(environ: dict[str, Any], longest: float = 0.1) -> tuple[str, dict[str, str], bytes]:
    said: list[Any] = []

    def application(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"served"]

    body = timely(application, longest)(environ, lambda *given: said.extend(given))
    return said[0], dict(said[1]), b"".join(body)


def test_the_kernel_knows_how_long_a_request_has_waited(pair) -> None:
    sender, receiver = pair
    sender.sendall(b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(0.2)
    assert 0.15 < waited({"gunicorn.socket": receiver}) < 30
    sender.sendall(b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(0.01)
    assert waited({"gunicorn.socket": receiver}) < 0.15


def test_what_nobody_can_say_is_no_wait() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert waited({"gunicorn.socket": here}) == waited({}) == 0


def test_who_waited_too_long_is_told_when_to_come_again_and_nothing_was_begun(pair) -> None:
    sender, receiver = pair
    sender.sendall(b"x")
    time.sleep(0.2)
    body = io.BytesIO(b"{}rest")
    environ = {"gunicorn.socket": receiver, "PATH_INFO": "/api/v1/runs", "CONTENT_LENGTH": "2"}
    status, headers, told = asked(environ | {"wsgi.input": body})
    assert (status, body.read()) == ("429 Too Many Requests", b"rest")
    assert 2 <= int(headers["Retry-After"]) <= 4
    assert json.loads(told)["type"].endswith("/crowded")
    page = asked({"gunicorn.socket": receiver, "PATH_INFO": "/models"})
    assert page[1]["Content-Type"].startswith("text/plain")
    assert b"was not begun" in page[2]
    for path in ("/api/v1/health/ready", "/metrics"):
        assert asked({"gunicorn.socket": receiver, "PATH_INFO": path})[0] == "200 OK"


def test_who_comes_in_time_is_served(pair) -> None:
    sender, receiver = pair
    sender.sendall(b"x")
    assert asked({"gunicorn.socket": receiver, "PATH_INFO": "/models"}, 60)[2] == b"served"
