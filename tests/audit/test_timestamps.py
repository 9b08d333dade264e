"""Time stamps: asked for over HTTP, refused unless they prove exactly what was asked, under a pinned root."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.audit import timestamps
from apps.audit.authority import Server, stamper
from apps.audit.timestamps import Unreachable, Unverifiable
from apps.engine.timestamp import request_of

DIGEST = hashlib.sha256(b"what is stamped").digest()


@pytest.fixture
def own(tmp_path: Path, settings: Settings) -> Iterator[Server]:
    """An authority of this test alone."""
    with Server(tmp_path / "authority") as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        settings.TSA_URL = server.address
        settings.TSA_CERTIFICATES = tmp_path / "authority" / "certificates.pem"
        yield server
        server.shutdown()


def test_a_stamp_proves_the_time_of_its_digest(own: Server) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    token = timestamps.stamp(DIGEST)
    assert before <= timestamps.verify(token, DIGEST) <= datetime.now(UTC)


def test_a_stamp_of_other_bytes_proves_nothing(own: Server) -> None:
    with pytest.raises(Unverifiable, match="for other bytes"):
        timestamps.verify(timestamps.stamp(DIGEST), hashlib.sha256(b"other").digest())


def test_every_flipped_byte_is_found(own: Server) -> None:
    token = timestamps.stamp(DIGEST)
    flipped = (token[:i] + bytes([token[i] ^ 1]) + token[i + 1 :] for i in range(0, len(token), 41))
    held = []
    for bad in flipped:
        try:
            held.append(timestamps.verify(bad, DIGEST))
        except Unverifiable:
            continue
    # A byte of the root that the token carries beside its signature changes nothing that is relied upon.
    assert all(abs(at - datetime.now(UTC)) < timedelta(minutes=1) for at in held)
    assert len(held) < len(token) // 41 / 2


def test_a_namesake_is_not_the_authority(own: Server, tmp_path: Path) -> None:
    query, at = request_of(DIGEST, nonce=1), datetime.now(UTC)
    forged = stamper(tmp_path / "other").answer(query, at=at)
    genuine = own.stamper.answer(query, at=at)
    tokens = [timestamps.timestamp.token_of(r, digest=DIGEST, nonce=1) for r in (genuine, forged)]
    timestamps.verify(tokens[0], DIGEST)
    with pytest.raises(Unverifiable, match="not under a pinned certificate"):
        timestamps.verify(tokens[1], DIGEST)


def test_a_time_outside_the_certificate_is_refused(own: Server) -> None:
    answer = own.stamper.answer(request_of(DIGEST, nonce=1), at=datetime(2020, 1, 1, tzinfo=UTC))
    token = timestamps.timestamp.token_of(answer, digest=DIGEST, nonce=1)
    with pytest.raises(Unverifiable, match="valid at 2020"):
        timestamps.verify(token, DIGEST)


def test_an_authority_that_is_away_is_said_to_be(settings: Settings, own: Server) -> None:
    settings.TSA_URL = "http://127.0.0.1:9/"
    with pytest.raises(Unreachable, match="cannot be reached"):
        timestamps.stamp(DIGEST)


def test_without_pinned_certificates_no_stamp_counts(settings: Settings, own: Server) -> None:
    settings.TSA_CERTIFICATES = None
    with pytest.raises(Unverifiable, match="COUNTERSIGN_TSA_CERTIFICATES"):
        timestamps.stamp(DIGEST)


@pytest.mark.parametrize("given", [(DIGEST, 8), (hashlib.sha256(b"other").digest(), 7)])
def test_an_answer_to_another_question_is_refused(own: Server, given: tuple[bytes, int]) -> None:
    digest, nonce = given
    answer = own.stamper.answer(request_of(digest, nonce=nonce), at=datetime.now(UTC))
    with pytest.raises(timestamps.BadTimestamp, match=r"nonce|another digest"):
        timestamps.timestamp.token_of(answer, digest=DIGEST, nonce=7)


class _Hostile(BaseHTTPRequestHandler):
    """Answers with what the test put there."""

    body: bytes = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("body", [b"", b"<html>", b"0" * (1 << 20), b"\x30\x80" * 3000])
def test_a_hostile_answer_is_no_stamp(settings: Settings, own: Server, body: bytes) -> None:
    handler = type("Handler", (_Hostile,), {"body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        settings.TSA_URL = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(Unreachable):
            timestamps.stamp(DIGEST)
        server.shutdown()


@pytest.mark.parametrize("query", [b"", b"nonsense", request_of(b"short", nonce=1)])
def test_the_test_authority_rejects_what_is_no_request(own: Server, query: bytes) -> None:
    answer = own.stamper.answer(query, at=datetime.now(UTC))
    with pytest.raises(timestamps.BadTimestamp, match="refused"):
        timestamps.timestamp.token_of(answer, digest=DIGEST, nonce=1)


def test_the_test_authority_keeps_its_key_to_itself(own: Server, tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    assert (folder / "authority.pem").stat().st_mode & 0o077 == 0
    assert stamper(folder).certificate == own.stamper.certificate
    assert "PRIVATE" not in (folder / "certificates.pem").read_text()
