"""Verify an auditor pack: its manifest, its log, its statements, and that nothing in it dangles.

The separate verifier that lies in every pack does the same and shares no code with this one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from apps.engine.canonical import canonical, digest, read_json, rfc3339
from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeyRecord, KeySet, Purpose, signature_holds
from apps.engine.statement import DIGEST, NotGenuine, payload_of, sign, signed_at, verify
from apps.engine.verified import NOT_PINNED, Question, Verified
from apps.engine.verify_pack_files import MANIFEST, SEAL, PackFault, PackFiles, read_manifest
from apps.engine.verify_pack_log import EVENTS, PackLog, read_log
from apps.engine.verify_pack_outside import REVISION, signed_reports, stamped, witnessed
from apps.engine.verify_pack_transcripts import transcripts

PACK: Final = "https://countersign.dev/auditor-pack/v1"
KEYS: Final = "keys.json"
STATEMENTS: Final = "statements.jsonl"
_LINK: Final = "countersign://statements/"
# Under these names a predicate names other statements; what it quotes of others is not followed.
NAMING: Final = frozenset(
    {"attestation", "closure", "decision", "evidence", "finding", "proposal", "report", "signoffs"}
    | {"statement", "statements", "waiver", "waivers"}
)
QUOTED: Final = frozenset({"shown", "measurement", "document", "text"})


def examine_pack(place: Path | IO[bytes], question: Question) -> Verified:
    """Verify a pack in a folder or an archive; NotGenuine names the first thing that is wrong, and where."""
    files = PackFiles(place)
    try:
        return _examined(files, question)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a form that nothing above expects
        raise NotGenuine(f"It cannot be understood: {type(error).__name__}.") from error
    finally:
        files.close()


def _examined(files: PackFiles, question: Question) -> Verified:
    manifest = read_manifest(files)
    pinned = question.keys is not None
    keys = question.keys if question.keys is not None else _embedded(files)
    made = _sealed(files, manifest, keys, question.at)
    log = read_log(files, manifest, keys)
    statements = _statements(files, log, keys, question.at)
    if len(statements) != manifest["counts"].get("statements"):
        raise PackFault("The manifest counts other statements.", STATEMENTS)
    _facts(files, set(statements))
    outside = frozenset(manifest["outside"])
    _nothing_dangles(log, statements, outside)
    reports = _reports(files, manifest, log, statements)
    authorities = question.keys.authorities if question.keys is not None else ()
    says = [
        ("scope", " ".join(map(str, manifest["scope"].values()))),
        ("made", rfc3339(made)),
        ("log", f"{log.newest.origin}, {log.newest.size} events, root {log.newest.root.hex()}"),
        ("events", f"{log.events} disclosed, {log.newest.size - log.events} as hashes only"),
        ("checkpoints", str(len(log.notes))),
        *[("begun anew", one.told()) for one in log.openings],
        ("statements", f"{len(statements)}, and {len(outside)} that others name outside"),
        ("transcripts", transcripts(manifest, statements)),
        ("reports", str(reports)),
        ("signatures", signed_reports(files, statements, keys, question)),
        ("witnesses", witnessed(log, question.witnesses)),
        ("time stamps", stamped(files, log, authorities)),
        ("files", str(len(manifest["files"]))),
    ]
    return Verified(kind="auditor pack", says=says, pinned=pinned, warnings=() if pinned else (NOT_PINNED,))


def _embedded(files: PackFiles) -> KeySet:
    try:
        return KeySet.from_json(read_json(files.read(KEYS), what="The key set"), what="The pack's key set")
    except Problem as error:
        raise PackFault(str(error), KEYS) from error


def _sealed(files: PackFiles, manifest: Mapping[str, Any], keys: KeySet, at: datetime) -> datetime:
    try:
        statement = verify(_in_one_form(files.read(SEAL), keys), keys, at=at)
        _about_this(statement, files, manifest)
        return signed_at(statement)
    except Problem as error:
        raise PackFault(str(error), SEAL) from error


def _in_one_form(data: bytes, keys: KeySet) -> Mapping[str, Any]:
    """The envelope, of which no byte can be changed unseen: just as `sign` writes it."""
    envelope = read_json(data, what="The seal")
    if not isinstance(envelope, Mapping):
        raise NotGenuine("The seal is no envelope.")
    payload = payload_of(envelope)
    held = [_Known(key, _signature_under(envelope, key)) for key in keys.of(Purpose.STATEMENT)]
    signers = [one for one in held if one.made]
    if not signers or canonical(sign(payload, *_in_order(envelope, signers))) != data:
        raise NotGenuine("No trusted key made its signature, or it is written in another form than one.")
    return envelope


@dataclass(frozen=True, slots=True)
class _Known:
    """A key that signs what it has signed already."""

    key: KeyRecord
    made: bytes

    @property
    def key_id(self) -> str:
        return self.key.key_id

    @property
    def public(self) -> bytes:
        return self.key.public

    def sign(self, message: bytes) -> bytes:
        return self.made if signature_holds(self.public, self.made, message) else b""


def _signature_under(envelope: Mapping[str, Any], key: KeyRecord) -> bytes:
    for entry in envelope.get("signatures") or ():
        if (
            isinstance(entry, Mapping)
            and entry.get("keyid") == key.key_id
            and isinstance(entry.get("sig"), str)
        ):
            with suppress(ValueError):
                return base64.b64decode(entry["sig"], validate=True)
    return b""


def _in_order(envelope: Mapping[str, Any], signers: list[_Known]) -> list[_Known]:
    named = [entry.get("keyid") for entry in envelope["signatures"] if isinstance(entry, Mapping)]
    return sorted(signers, key=lambda one: named.index(one.key_id))


def _about_this(statement: Mapping[str, Any], files: PackFiles, manifest: Mapping[str, Any]) -> None:
    if statement.get("predicateType") != PACK:
        raise NotGenuine("What was signed is no auditor pack.")
    digests = [s.get("digest", {}).get("sha256") for s in statement["subject"]]
    if digests != [files.digest(MANIFEST)]:
        raise NotGenuine("The manifest is not the one that was signed.")
    if any(statement["predicate"].get(name) != manifest[name] for name in ("scope", "log", "counts")):
        raise NotGenuine("The seal and the manifest tell different things.")


# --- Statements ------------------------------------------------------------------------------------------

Statements = dict[str, Mapping[str, Any]]


def _statements(files: PackFiles, log: PackLog, keys: KeySet, at: datetime) -> Statements:
    found: Statements = {}
    last = ""
    for number, line in enumerate(files.lines(STATEMENTS), 1):
        try:
            key, statement = _statement(line, log, keys, at)
            if key <= last:
                raise NotGenuine("The statements are not in the order of their digests.")
        except Problem as error:
            raise PackFault(str(error), STATEMENTS, number) from error
        found[key] = statement
        last = key
    return found


def _statement(line: bytes, log: PackLog, keys: KeySet, at: datetime) -> tuple[str, Mapping[str, Any]]:
    envelope = read_json(line, what="The envelope")
    if not isinstance(envelope, Mapping):
        raise NotGenuine("It is no envelope of a statement.")
    payload_digest = _payload_digest(envelope)
    places = log.sealing.get(payload_digest, [])
    if not places:
        raise NotGenuine(f"No event of the pack sealed the statement {payload_digest}.")
    statement = verify(envelope, _as_the_log_shows(keys, log, places[0]), at=at)
    return payload_digest, statement


def _payload_digest(envelope: Mapping[str, Any]) -> str:
    return digest(payload_of(envelope))


def _as_the_log_shows(keys: KeySet, log: PackLog, index: int) -> KeySet:
    """A revoked key counts as retired at its revocation for what the log holds before it tells of that."""

    def seen(key: KeyRecord) -> KeyRecord:
        told = log.revoked.get(key.key_id)
        if key.revoked_at is None or told is None or index >= told:
            return key
        ends = [moment for moment in (key.valid_to, key.revoked_at) if moment is not None]
        return KeyRecord(
            public=key.public, purpose=key.purpose, valid_from=key.valid_from, valid_to=min(ends)
        )

    return KeySet(tuple(map(seen, keys)))


def _facts(files: PackFiles, left: set[str]) -> None:
    for name in sorted(files.sizes):
        if not name.startswith("facts/"):
            continue
        for number, line in enumerate(files.lines(name), 1):
            if digest(line) not in left:
                raise PackFault("It is not what any statement of the pack says.", name, number)
            left.discard(digest(line))
    if left:
        raise PackFault(f"The statement {min(left)} is told by none of the facts.", STATEMENTS)


def _nothing_dangles(log: PackLog, statements: Statements, outside: frozenset[str]) -> None:
    known = outside | statements.keys()
    for named, places in log.sealing.items():
        if named not in known:
            raise PackFault(f"It seals the statement {named}, which is not in the pack.", EVENTS, places[0])
    for number, statement in enumerate(statements.values(), 1):
        for named in sorted(set(named_statements(statement["predicate"])) - known):
            raise PackFault(f"It names {named}, which is not in the pack.", STATEMENTS, number)


def named_statements(value: Any, under: str = "") -> Iterator[str]:
    """Each statement that a predicate names by digest.

    Examples
    --------
    >>> d = "sha256:" + "0" * 64
    >>> list(named_statements({"decision": d, "artifact": d})) == [d]
    True
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in QUOTED:
                yield from named_statements(inner, "naming" if name in NAMING else "")
    elif isinstance(value, list):
        for inner in value:
            yield from named_statements(inner, under)
    elif isinstance(value, str):
        linked = value.removeprefix(_LINK)
        if DIGEST.fullmatch(linked) and (under or linked != value):
            yield linked


def _reports(files: PackFiles, manifest: Mapping[str, Any], log: PackLog, statements: Statements) -> int:
    revised = [s for s in statements.values() if str(s.get("predicateType")).startswith(REVISION)]
    earlier = {s["predicate"].get("before") for s in revised}
    found = {e["path"]: f"sha256:{e['sha256']}" for e in manifest["files"] if e["path"].endswith(".pdf")}
    for name, told in sorted(found.items()):
        if told not in log.reported:
            raise PackFault("No event of the pack names this report.", name)
        if told in earlier:
            raise PackFault("A later signature was cut off from this report.", name)
    return len(found)


def is_pack(place: Path) -> bool:
    """Whether a path looks like a pack: a folder with a manifest or what belongs to it, or a zip archive."""
    try:
        if place.is_dir():
            return any((place / name).exists() for name in (MANIFEST, SEAL, STATEMENTS))
        with place.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except (OSError, ValueError):
        return False


__all__ = ["BadInput", "examine_pack", "is_pack", "named_statements"]
