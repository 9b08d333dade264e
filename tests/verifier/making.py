"""Auditor packs made by hand: a log, statements and reports without any service, to be attacked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.engine.canonical import canonical, digest, rfc3339
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.merkle import leaf_hash, range_root, root_of
from apps.engine.note import Checkpoint, sign_checkpoint
from apps.engine.statement import Subject, make_statement, sign
from apps.reports.packs_archive import PackArchive
from apps.reports.packs_tree import steps

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
AT = "2026-03-02T12:00:00Z"
ORIGIN = "countersign.example/audit/1"
STATEMENT = FileSigner(Ed25519PrivateKey.from_private_bytes(b"1" * 32))
CHECKPOINT = FileSigner(Ed25519PrivateKey.from_private_bytes(b"2" * 32))
OTHER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"3" * 32))
PDF = b"%PDF-1.7\nthe report\n"
TYPE = "https://countersign.dev/"


def record(signer: FileSigner, purpose: Purpose, **ends: datetime) -> KeyRecord:
    return KeyRecord(public=signer.public, purpose=purpose, valid_from=START, **ends)


def key_set(**ends: datetime) -> KeySet:
    return KeySet((record(STATEMENT, Purpose.STATEMENT, **ends), record(CHECKPOINT, Purpose.CHECKPOINT)))


def event(number: int, **more: Any) -> bytes:
    told = {
        "v": 2,
        "id": f"018f0000-0000-7000-8000-{number:012d}",
        "ts": rfc3339(NOW + timedelta(seconds=number)),
        "actor": {"type": "person", "id": str(number % 7)},
        "action": "model.changed",
        "object": {"type": "model", "id": "1", "name": "crédit-pd"},
        "after": {"exposure_eur": "12500000.00", "tier": 2},
        "reason": "Quarterly review; the exposure was brought up to date with the ledger of the month.",
        "pii": {"actor": digest(str(number).encode())},
        **more,
    }
    return canonical(told)


@dataclass
class Making:
    """What a pack is made of; a test changes it before it is written."""

    events: list[bytes] = field(default_factory=list)
    disclosed: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    envelopes: dict[str, bytes] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    keys: KeySet = field(default_factory=key_set)
    origin: str = ORIGIN
    scope: dict[str, str] = field(default_factory=lambda: {"kind": "portfolio"})
    sealer: FileSigner = STATEMENT
    logger: FileSigner = CHECKPOINT
    cosign: Callable[[bytes], bytes] = bytes
    # By size, the name of the log that signed a checkpoint, where it is not the newest one's.
    origins: dict[int, str] = field(default_factory=dict)

    def grow(self, count: int, *, hidden: bool = False) -> None:
        for _ in range(count):
            self.tell(hidden=hidden)

    def tell(self, *, hidden: bool = False, **more: Any) -> int:
        index = len(self.events)
        self.events.append(event(index, **more))
        if not hidden:
            self.disclosed.append(index)
        return index

    def say(self, kind: str, *, about: str = "", signer: FileSigner = STATEMENT, **predicate: Any) -> str:
        """A signed statement and the event that seals it."""
        subject = about or digest(b"the version")
        told = {"signedAt": rfc3339(NOW), **predicate}
        payload = canonical(make_statement(TYPE + kind, [Subject("credit-pd@1", subject)], told))
        key = digest(payload)
        self.payloads[key] = payload
        self.envelopes[key] = canonical(sign(payload, signer))
        noun = "report" if kind.startswith("report") else kind.split("/")[0]
        after = {"statement": key, "subjects": [subject]}
        self.tell(action=f"{noun}.sealed", after=after, object={"type": "statement", "id": key})
        return key

    def root(self, size: int) -> bytes:
        return root_of([leaf_hash(body) for body in self.events[:size]])

    def node(self, level: int, index: int) -> bytes:
        leaves = [leaf_hash(body) for body in self.events[index << level : index + 1 << level]]
        return root_of(leaves)

    def write(self, place: Path) -> Path:
        size = len(self.events)
        with place.open("w+b") as out:
            archive = PackArchive(out)
            archive.add("keys.json", json.dumps(self.keys.as_json()).encode())
            for cut in {*self.cuts, size}:
                head = Checkpoint(self.origins.get(cut, self.origin), cut, self.root(cut))
                archive.add(f"checkpoints/{cut:012d}.note", self.cosign(sign_checkpoint(head, self.logger)))
            self._log(archive, size)
            self._facts(archive)
            for path, data in self.files.items():
                archive.add(path, data)
            self._sealed(archive, size)
        return place

    def _log(self, archive: PackArchive, size: int) -> None:
        plan = steps(self.disclosed, [*self.cuts, size], self.node)
        archive.add_parts("log/tree.jsonl", (step.line() for step in plan))
        archive.add_parts("log/events.jsonl", (self.events[i] + b"\n" for i in self.disclosed))

    def _facts(self, archive: PackArchive) -> None:
        archive.add_parts("statements.jsonl", (self.envelopes[k] + b"\n" for k in sorted(self.envelopes)))
        archive.add_parts("facts/all.jsonl", (self.payloads[k] + b"\n" for k in sorted(self.payloads)))

    def _sealed(self, archive: PackArchive, size: int) -> None:
        told = {
            "scope": self.scope,
            "log": {"origin": self.origin, "size": size, "root": self.root(size).hex()},
            "counts": {"events": len(self.disclosed), "statements": len(self.envelopes)},
        }
        manifest = archive.manifest({**told, "outside": self.outside})
        predicate = {**told, "signedAt": rfc3339(NOW + timedelta(hours=1))}
        seal = make_statement(f"{TYPE}auditor-pack/v1", [Subject("manifest.json", manifest)], predicate)
        archive.seal(canonical(sign(canonical(seal), self.sealer)))


def small() -> Making:
    """Events told and hidden, a decision with its evidence, a signed report, three checkpoints."""
    made = Making()
    made.grow(5)
    made.grow(6, hidden=True)
    evidence = made.say("evidence/v1", gate="fairness.selection", measurement={"value": 0.91, "n": 400})
    decision = made.say("decision/v1", outcome="pass", evidence=[evidence])
    made.cuts.append(len(made.events) - 1)
    made.grow(3, hidden=True)
    made.say("report/v1", about=digest(b"%PDF-1.7\nunsigned\n"), decision=decision, evidence=[evidence])
    after = {"before": digest(b"%PDF-1.7\nunsigned\n"), "after": digest(PDF)}
    made.say("report-signature/v1", about=digest(PDF), report="r-1", **after)
    made.cuts.append(9)
    made.grow(2)
    made.files["reports/r-1.pdf"] = PDF
    made.files["README.md"] = b"How to verify.\n"
    return made


def changed_envelope(made: Making, key: str) -> bytes:
    envelope = json.loads(made.envelopes[key])
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[-3] ^= 1
    envelope["payload"] = base64.b64encode(bytes(payload)).decode()
    return canonical(envelope)


__all__ = ["AT", "Making", "range_root", "small"]
