"""How soon the program is there: processor seconds beside those of the bare interpreter."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.engine.canonical import canonical, digest
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.statement import Subject, make_statement, sign
from tests.bench.measuring import PROGRAM, duration, in_turns, median, program, times
from tests.bench.table import Line, Table

pytestmark = pytest.mark.bench
PART, MOST = "Program start", 0.25
VSA = "https://slsa.dev/verification_summary/v1"
ASKED = {"model": "credit-pd", "version": "1", "environment": "production"}
ANSWER = {
    "id": "01900000-0000-7000-8000-000000000001",
    "request": ASKED,
    "allowed": True,
    "outcome": "allow",
    "reasons": [],
    "limits": {},
    "expires_at": "2027-01-01T00:00:00Z",
}
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"1" * 32))


class _Gate(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.dumps(ANSWER).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A deploy gate that always says yes: what is measured is the program."""
    gate = ThreadingHTTPServer(("127.0.0.1", 0), _Gate)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{gate.server_port}"
    gate.shutdown()
    gate.server_close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A signed statement, and the keys to check it with."""
    subject = Subject("model:credit-pd@1", digest(b"model"))
    terms = {"environment": "production", "notAfter": "2099-01-01T00:00:00Z", "outcome": "allow"}
    predicate = {
        "timeVerified": "2026-03-01T12:00:00Z",
        "verificationResult": "PASSED",
        "policy": {"uri": "countersign://policies/p@1", "digest": {"sha256": "0" * 64}},
        "countersign": terms | {"reasons": [], "limits": {}},
    }
    envelope = sign(canonical(make_statement(VSA, [subject], predicate)), SIGNER)
    (tmp_path / "statement.json").write_text(json.dumps({"statement": envelope}))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    known = [KeyRecord(public=SIGNER.public, purpose=purpose, valid_from=start) for purpose in Purpose]
    (tmp_path / "keys.json").write_text(json.dumps(KeySet(tuple(known)).as_json()))
    return tmp_path


WORDS = {
    "--help": ["--help"],
    "catalogue": ["catalogue"],
    "verify": ["verify", "{files}/statement.json", "--keys", "{files}/keys.json"],
    "gate check": ["gate", "check", "--model", "credit-pd", "--version", "1", "--environment", "production"],
}


def test_the_program_is_there_at_once(table: Table, server: str, files: Path):
    env = os.environ | {"COUNTERSIGN_URL": server, "COUNTERSIGN_TOKEN": "cs_" + "x" * 43}
    for name, words in WORDS.items():
        command = [str(PROGRAM), *(word.format(files=files) for word in words)]
        found = in_turns(
            5,
            ours=lambda command=command: program(command, env=env),
            bare=lambda: program([sys.executable, "-c", "print()"]),
        )
        assert {ran.code for ran in found["ours"]} == {0}, found["ours"][0].printed
        ours, bare = (median([ran.cpu for ran in found[key]]) for key in ("ours", "bare"))
        table.add(
            Line(
                part=PART,
                what=f"`countersign {name}`, processor time",
                ours=duration(ours),
                peer=f"`python -c 'print()'`, Python {sys.version.split()[0]}",
                theirs=duration(bare),
                ratio=times(ours / bare),
                memory=f"{found['ours'][0].peak_mib:.0f} MiB",
                goal=f"≤ {duration(MOST)}, no NumPy",
                met="yes" if ours <= MOST else "no: time",
            )
        )
