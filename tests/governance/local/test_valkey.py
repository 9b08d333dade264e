from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from governance.local.places import Places
from governance.local.valkey import Valkey

pytestmark = pytest.mark.slow


@contextmanager
def running(places: Places) -> Iterator[redis.Redis]:
    server = Valkey(places)
    client = redis.Redis(unix_socket_path=str(places.valkey_socket))
    try:
        server.start()
        yield client
    finally:
        client.close()
        server.stop()


def test_messages_outlive_the_server(places: Places):
    with running(places) as client:
        client.lpush("quick", "one")
    with running(places) as client:
        assert client.rpop("quick") == b"one"


def test_it_listens_on_no_port(places: Places):
    with running(places) as client:
        assert client.config_get("port") == {"port": "0"}


def test_a_killed_server_starts_again_over_its_socket(places: Places):
    with running(places) as client:
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    assert places.valkey_socket.exists()
    with running(places) as client:
        assert client.ping()
