"""Large files go in pieces, and go on after whatever breaks them off."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from apps.cli import client as talking
from apps.cli import uploading
from apps.cli.client import Client, RefusedByServer
from apps.cli.errors import Unreachable
from apps.engine.errors import BadInput
from tests.cli.loopback import Asked, Loopback, Told, loopback

DATA = os.urandom(1000)
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@dataclass(slots=True)
class Shelf:
    """What a server holds of one upload; `fault` may spoil an answer to a piece."""

    data: bytearray = field(default_factory=bytearray)
    complete: bool = False
    pieces: int = 0
    fault: Callable[[int], Told | str | None] = lambda number: ""

    def answer(self, asked: Asked) -> Told | None:
        if asked.method == "PATCH":
            return self._piece(asked)
        if asked.path.endswith("/complete"):
            self.complete = hashlib.sha256(self.data).hexdigest() == DIGEST[7:]
            return Told(201 if self.complete else 422, {"digest": DIGEST, "detail": "other bytes"})
        return Told(200, self._told())

    def _piece(self, asked: Asked) -> Told | None:
        self.pieces += 1
        spoilt = self.fault(self.pieces)
        if spoilt != "" and not (isinstance(spoilt, str) and spoilt == "after"):
            return spoilt  # type: ignore[return-value]
        told = asked.headers["content-digest"]
        assert told == f"sha-256=:{base64.b64encode(hashlib.sha256(asked.body).digest()).decode()}:"
        if int(asked.headers["upload-offset"]) != len(self.data):
            return Told(409, {"detail": "Another offset."})
        self.data += asked.body
        return None if spoilt == "after" else Told(200, self._told())

    def _told(self) -> dict[str, object]:
        return {"id": "u1", "offset": len(self.data), "complete": self.complete, "largest_piece": 300}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def server(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setattr(uploading, "PIECE", 400)
    monkeypatch.setattr(uploading, "RETRIES", (0.01,))
    monkeypatch.setattr(talking, "RETRIES", (0.01,))
    with loopback(shelf.answer) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holdout.parquet"
    path.write_bytes(DATA)
    return path


def send(server: Loopback, file: Path, seen: list[int] | None = None) -> None:
    told = [] if seen is None else seen
    uploading.send_file(Client(server.url, "cs_" + "t" * 43), file, DIGEST, told.append)


def test_a_large_file_goes_in_pieces_of_the_servers_size_and_shows_how_far(server, shelf, file):
    seen: list[int] = []
    send(server, file, seen)
    assert (bytes(shelf.data), shelf.complete, shelf.pieces) == (DATA, True, 4)
    assert seen == [0, 300, 600, 900, 1000]


def test_a_small_file_goes_at_once(server, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"x")
    send(server, small)
    assert [a.method for a in server.asked] == ["PUT"]


def test_what_was_sent_before_is_not_sent_again(server, shelf, file):
    shelf.data += DATA[:700]
    send(server, file)
    assert (bytes(shelf.data), shelf.pieces) == (DATA, 1)


def test_nothing_is_sent_of_bytes_that_are_there(server, shelf, file):
    shelf.complete = True
    send(server, file)
    assert shelf.pieces == 0


@pytest.mark.parametrize(
    "fault", [None, "after", Told(503, {"detail": "busy"}), Told(408, {"detail": "slow"})], ids=str
)
def test_it_goes_on_where_the_server_stands(server, shelf, file, fault):
    shelf.fault = lambda number: fault if number in (2, 3) else ""
    send(server, file)
    assert (bytes(shelf.data), shelf.complete) == (DATA, True)


def test_it_gives_up_where_nothing_arrives_any_more(server, shelf, file):
    shelf.fault = lambda number: None if number > 1 else ""
    with pytest.raises(Unreachable):
        send(server, file)
    assert shelf.pieces == 1 + uploading.PATIENCE + 1
    shelf.fault = lambda number: ""
    send(server, file)
    assert bytes(shelf.data) == DATA


def test_a_refusal_is_told_at_once(server, shelf, file):
    shelf.fault = lambda number: Told(507, {"detail": "The store is full; nothing was kept."})
    with pytest.raises(RefusedByServer, match="store is full"):
        send(server, file)
    assert shelf.pieces == 1


def test_a_file_that_becomes_shorter_meanwhile_is_told(server, shelf, file):
    def shorten(number: int) -> str:
        file.write_bytes(DATA[:300])
        return ""

    shelf.fault = shorten
    with pytest.raises(BadInput, match="became shorter"):
        send(server, file)
