"""What vouches for an auditor pack from outside: witnesses, time stamps, the signatures inside its reports.

Each is looked at where the question brings what it is judged by; what is not looked at is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from apps.engine.canonical import digest, rfc3339
from apps.engine.cosignature import Cosigner
from apps.engine.errors import BadInput
from apps.engine.keys import KeySet
from apps.engine.note import BadNote, Note
from apps.engine.timestamp import BadTimestamp, certificates_of, digest_in, verify_token
from apps.engine.verified import Question
from apps.engine.verify_pack_files import PackFault, PackFiles
from apps.engine.verify_pack_log import PackLog, note_path

REVISION: Final = "https://countersign.dev/report"
_STAMP: Final = re.compile(r"(?:checkpoints/(\d{12})|stamps/([0-9a-f]{64}))\.tsr")
# Where what a signature covers ends: the beginning and the length of its second part.
_REACH: Final = re.compile(rb"/ByteRange\s*\[\s*0\s+\d+\s+(\d{1,12})\s+(\d{1,12})\s*\]")

Statements = Mapping[str, Mapping[str, Any]]


# --- Witnesses -------------------------------------------------------------------------------------------


def witnessed(log: PackLog, witnesses: Sequence[Cosigner]) -> str:
    """How far each witness saw the log; PackFault where one did not, or its line does not hold."""
    if not witnesses:
        lines = sum(len(note.signatures) - 1 for note in log.notes.values())
        return f"NOT CHECKED, no key of a witness was given; {lines} lines beside the log's own"
    return "; ".join(_seen(log, witness) for witness in witnesses)


def _seen(log: PackLog, witness: Cosigner) -> str:
    newest = max((size for size, note in log.notes.items() if _cosigned(size, note, witness)), default=0)
    if not newest:
        raise PackFault(f"The witness {witness.name} cosigned none of the checkpoints.", "checkpoints")
    return f"{witness.name} cosigned the first {newest} of {log.newest.size} events"


def _cosigned(size: int, note: Note, witness: Cosigner) -> bool:
    try:
        return witness.looked_for(note) is not None
    except BadNote as error:
        raise PackFault(str(error), note_path(size)) from error


# --- Time stamps -----------------------------------------------------------------------------------------


def stamped(files: PackFiles, log: PackLog, authorities: Sequence[str]) -> str:
    """How many time stamps hold, and until when the log is stamped; PackFault names one that does not."""
    found = [(m[0], m[1], m[2]) for m in map(_STAMP.fullmatch, sorted(files.sizes)) if m]
    if not authorities:
        return f"NOT CHECKED, no certificate of an authority was given; {len(found)} in the pack"
    pinned, newest, notes = _certificates(authorities), "", 0
    for path, size, named in found:
        at = _time(path, files.read(path), _stampable(files, size, named, path), pinned)
        if size:
            notes, newest = notes + 1, f"; the newest: {int(size)} events at {rfc3339(at)}"
    return f"{notes} of checkpoints and {len(found) - notes} of statements hold{newest}"


def _certificates(texts: Sequence[str]) -> Sequence[Any]:
    try:
        return certificates_of(texts)
    except ValueError as error:
        raise BadInput("A certificate of a time-stamping authority cannot be read.") from error


def _stampable(files: PackFiles, size: str, named: str, path: str) -> list[bytes]:
    """The digests that the stamp may be over: of the statement it is named after, or of a checkpoint."""
    if named:
        return [bytes.fromhex(named)]
    if note_path(int(size)) not in files.sizes:
        raise PackFault("There is no checkpoint beside this time stamp.", path)
    return [bytes.fromhex(digest(form)[7:]) for form in _forms(files.read(note_path(int(size))))]


def _forms(note: bytes) -> Iterator[bytes]:
    """A checkpoint as an authority may have seen it: whole, as the log alone signed it, its text."""
    text, gap, below = note.partition(b"\n\n")
    origin = text.split(b"\n", 1)[0]
    own = [line for line in below.splitlines(keepends=True) if line.split(b" ")[1:2] == [origin]]
    yield from (note, text + gap + b"".join(own), text + b"\n")


def _time(path: str, token: bytes, known: Sequence[bytes], pinned: Sequence[Any]) -> datetime:
    try:
        over = digest_in(token)
        if over not in known:
            raise BadTimestamp("The time stamp is of something else than what stands beside it.")
        return verify_token(token, over, authorities=pinned)
    except BadTimestamp as error:
        raise PackFault(str(error), path) from error


# --- Signatures inside the reports -----------------------------------------------------------------------


def signed_reports(files: PackFiles, statements: Statements, keys: KeySet, question: Question) -> str:
    """Whether each report bears the signatures that the log tells of; PackFault names one that does not."""
    wanted = dict(_wanted(files, statements.values()))
    count = sum(map(len, wanted.values()))
    if not question.into_reports or not (keys.certificates and keys.authorities):
        why = "the keys hold no certificates of signers and of their time stamps"
        return f"{count} told; inside the files NOT CHECKED" + (f", {why}" if question.into_reports else "")
    for path, signers in wanted.items():
        _judge(path, files.read(path), replace(question, keys=keys, signers=signers))
    return f"{count} in {len(wanted)} reports hold, each by the certificate that its statement names"


def _wanted(files: PackFiles, statements: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Each signed report with the fingerprints of those who signed it, by the statements of the pack."""
    told = [s["predicate"] for s in statements if str(s.get("predicateType")).startswith(REVISION)]
    after = {said["after"]: said for said in told if isinstance(said.get("after"), str)}
    for path in sorted(name for name in files.sizes if name.endswith(".pdf")):
        signers = _signers(after, f"sha256:{files.digest(path)}")
        if signers:
            yield path, signers


def _signers(after: Mapping[str, Mapping[str, Any]], revision: Any) -> list[str]:
    """Back from a revision through the one before it: who signed, the last first."""
    left, found = dict(after), []
    while isinstance(revision, str) and (said := left.pop(revision, None)) is not None:
        if isinstance(said.get("certificate"), str):
            found.append(said["certificate"])
        revision = said.get("before")
    return found


def _judge(path: str, data: bytes, question: Question) -> None:
    from apps.engine.verify_pdf import judge_report

    found = judge_report(data, question)
    if found.wrong:
        raise PackFault(found.wrong, path)
    if max((int(m[1]) + int(m[2]) for m in _REACH.finditer(data)), default=0) != len(data):
        raise PackFault("Something was appended after the last signature.", path)
