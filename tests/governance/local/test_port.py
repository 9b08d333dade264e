from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from governance.local.errors import LocalRefused
from governance.local.port import listen


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_free_port_is_taken_without_a_word():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    said: list[str] = []
    with listen(free, said.append) as listener:
        assert listener.getsockname() == ("127.0.0.1", free)
    assert said == []


def test_a_busy_port_is_named_and_the_next_free_one_taken(busy: int):
    said: list[str] = []
    with listen(busy, said.append) as listener:
        used = listener.getsockname()[1]
    assert used > busy
    assert said == [f"Port {busy} is in use by another program; using {used} instead."]


def test_when_the_last_port_is_busy_there_is_no_next():
    with pytest.raises(LocalRefused, match="name a free one with --port"), listen(65535, print):
        listen(65535, print)
