"""`countersign verifier`: an admission controller is answered from signed answers, without the service."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from apps.cli.verify import answers_in, key_set, read_file
from apps.engine import kubernetes
from apps.engine.allowed import allowed_here
from apps.engine.canonical import read_json
from apps.engine.errors import BadInput, Problem
from apps.engine.offline import newest_epoch
from apps.engine.statement import DIGEST, NotGenuine
from apps.engine.verified import Question

LARGEST = 3 << 20
PATIENCE_S = 5


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser(
        "verifier", help="answer an admission controller without the service", allow_abbrev=False
    )
    add = command.add_argument
    add("--keys", metavar="FILE", action="append", required=True, help="the service's keys, pinned")
    add("--environment", metavar="E", required=True, help="where this cluster runs models")
    add("--answers", metavar="DIR", required=True, help="answers of the deploy gate, as <digest>.json")
    add("--revocations", metavar="FILE", required=True, help="the newest signed list, read at each question")
    add("--threshold", type=int, default=1, metavar="N", help="how many different keys must have signed")
    add(
        "--in-log",
        action="store_true",
        help="refuse answers without the proof that their decision is in the log",
    )
    add("--prefix", default=kubernetes.PREFIX, help="before the slash of the annotations")
    add("--listen", default="127.0.0.1:8443", metavar="HOST:PORT")
    add("--certificate", metavar="FILE", help="PEM, with its key; without it only plain HTTP is spoken")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535 or args.threshold < 1:
        raise BadInput(f"--listen is {args.listen!r}, as 127.0.0.1:8443; --threshold is one or more.")
    server = serving(host, int(port), Verifier.of(args), args.certificate)
    sys.stdout.write(f"listening on {host}:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        server.server_close()
    return 0


@dataclass(slots=True)
class Verifier:
    """What is pinned, where answers lie, and the newest epoch that was seen: an older list is refused."""

    question: Question
    answers: Path
    revocations: Path
    prefix: str = kubernetes.PREFIX
    epoch: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, args: argparse.Namespace) -> Verifier:
        """As it was asked for on the command line."""
        asked = Question(
            at=datetime.now(UTC),
            keys=key_set(args.keys),
            environment=args.environment,
            threshold=args.threshold,
            logged=args.in_log,
        )
        return cls(asked, Path(args.answers), Path(args.revocations), args.prefix)

    def may_run(self, artifact: str) -> tuple[bool, str]:
        """Whether these bytes may run here now; whatever cannot be read is a no."""
        try:
            if not DIGEST.fullmatch(artifact):
                raise BadInput(f"{artifact[:80]!r} is no digest; write sha256: and 64 hexadecimal digits.")
            now = datetime.now(UTC)
            held = self.question
            asked = Question(
                at=now,
                keys=held.keys,
                artifact=artifact,
                environment=held.environment,
                epoch=self._newest(now),
                threshold=held.threshold,
                logged=held.logged,
            )
            return allowed_here(answers_in(self.answers, artifact), asked)
        except Problem as problem:
            return False, str(problem)

    def _newest(self, now: datetime) -> int:
        if self.question.keys is None:
            raise NotGenuine("No keys are pinned.")
        told = newest_epoch(read_file(self.revocations), self.question.keys, at=now)
        with self.lock:
            if told < self.epoch:
                raise NotGenuine(f"The list of revocations is of epoch {told}; {self.epoch} was seen before.")
            self.epoch = told
        return told

    def answer(self, body: bytes) -> Mapping[str, Any]:
        """The answer to an AdmissionReview, or to `{"artifact": "sha256:…"}`."""
        asked = read_json(body, what="The body")
        if isinstance(asked, dict) and asked.get("kind") == "AdmissionReview":
            return self._review(asked)
        artifact = asked.get("artifact") if isinstance(asked, dict) else None
        if not isinstance(artifact, str):
            raise BadInput('Send an AdmissionReview, or {"artifact": "sha256:…"}.')
        allowed, why = self.may_run(artifact)
        return {"artifact": artifact, "allowed": allowed, "why": why or None}

    def _review(self, document: Mapping[str, Any]) -> dict[str, Any]:
        review = kubernetes.read_review(document, self.prefix)
        if review.gone:
            return kubernetes.answer(review.uid, allowed=True, notes={})
        refused = [why for load in review.loads if (why := load.fault or self.may_run(load.digest)[1])]
        allowed = bool(review.loads) and not refused
        message = " ".join(dict.fromkeys(refused)) or "It names no model."
        return kubernetes.answer(review.uid, allowed=allowed, message=message, notes={})


def serving(host: str, port: int, verifier: Verifier, certificate: str | None) -> ThreadingHTTPServer:
    """A server for one verifier; with a certificate it speaks TLS only."""

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S
        server_version = "countersign"
        sys_version = ""

        def do_GET(self) -> None:
            self._tell(200 if self.path == "/healthz" else 404, {"ready": self.path == "/healthz"})

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()) or int(length) > LARGEST:
                self.close_connection = True
                return self._tell(413, {"allowed": False, "why": f"A body has at most {LARGEST} bytes."})
            try:
                return self._tell(200, verifier.answer(self.rfile.read(int(length))))
            except (Problem, OSError, RecursionError) as problem:
                return self._tell(400, {"allowed": False, "why": str(problem)})

        def _tell(self, status: int, said: Mapping[str, Any]) -> None:
            data = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what is asked stands in the log of whoever asks."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server
