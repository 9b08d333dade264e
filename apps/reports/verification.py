"""Whether a report's file is the sealed one and its signatures hold, told signature by signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.audit import timestamps
from apps.audit.errors import Refused
from apps.audit.queries import keys, read_statement
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.verified import Question
from apps.engine.verify_apart import judge_apart
from apps.engine.verify_pdf import Signed, judge_report
from apps.inventory.models import Blob
from apps.reports import queries
from apps.reports.certificates import authorities_pem, revocation_pem
from apps.reports.models import Report

LARGEST = 32 << 20
MOST_REVISIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found: one sentence for the whole, one entry for each signature."""

    genuine: bool
    sentence: str
    signatures: Sequence[Signed] = ()
    digest: str = ""
    report: Report | None = None


def report_certificates() -> list[str]:
    """The certificates that signers of reports descend from, as PEM."""
    return authorities_pem()


def pinned() -> KeySet:
    """What the service itself trusts when it examines a report."""
    try:
        authorities = timestamps.certificates()
    except timestamps.Unverifiable:
        authorities = []  # no time is proved then, and each signature is told to have none
    return KeySet((), tuple(report_certificates()), tuple(authorities), (revocation_pem(),))


def verify_report(report: Report) -> Examined:
    """The stored newest revision against the signers that the record names, by certificate and count."""
    try:
        return _examined(queries.report_pdf(report), report)
    except (Problem, Refused) as error:
        return Examined(genuine=False, sentence=str(error), report=report)


def examine_file(data: bytes) -> Examined:
    """A file that somebody brought: whether it was sealed here, then its signatures."""
    digest = _digest(data)
    report = _whose(digest)
    if report is None:
        return _foreign(data, digest)
    told = _examined if digest == queries.newest_blob(report).digest else _superseded
    try:
        return told(data, report)
    except (Problem, Refused) as error:
        return Examined(genuine=False, sentence=str(error), digest=digest, report=report)


def _foreign(data: bytes, digest: str) -> Examined:
    """Bytes that were never sealed here: judged apart, since anybody may have made them."""
    more = _grown(data)
    found = judge_apart(data, Question(at=timezone.now(), keys=pinned()))
    told = ["This is not a file that this service sealed: no report ever had its digest."]
    if more:
        told.append(f"It begins as a sealed report, and {more:,} bytes were added that nobody here signed.")
    if found["wrong"]:
        told.append(str(found["wrong"]))
    return Examined(
        genuine=False,
        sentence=" ".join(told),
        signatures=[_told(one) for one in found["signatures"]],
        digest=digest,
    )


def _grown(data: bytes) -> int:
    """How many bytes stand after the longest beginning that is a revision sealed here; 0 where none is."""
    ends = [m.end() for m in re.finditer(rb"%%EOF\r?\n?", data)][:MOST_REVISIONS]
    begun, at, digests = hashlib.sha256(), 0, {}
    for end in ends:
        begun.update(memoryview(data)[at:end])
        at = end
        digests[f"sha256:{begun.hexdigest()}"] = end
    known = [digests[d] for d in Blob.objects.filter(digest__in=digests).values_list("digest", flat=True)]
    return len(data) - max(known) if known else 0


def _told(one: dict[str, Any]) -> Signed:
    times = {name: parse_datetime(one[name]) if one[name] else None for name in ("claimed", "stamped")}
    return Signed(**{**one, **times})


def _superseded(data: bytes, report: Report) -> Examined:
    """An older revision: sealed here once, but something was added since."""
    expected = _expected(report, keys())
    found = judge_report(data, Question(at=timezone.now(), keys=pinned(), signers=expected))
    here = len(found.signatures)
    told = "This is an earlier revision of the report; the newest one bears a stamp of the archive besides."
    if here < len(expected):
        wanted = _number(len(expected), "signer")
        told = f"This is an earlier revision of the report: expected {wanted}, found {here}."
    return Examined(
        genuine=here >= len(expected) and not found.wrong,
        sentence=found.wrong if here >= len(expected) and found.wrong else told,
        signatures=found.signatures,
        digest=_digest(data),
        report=report,
    )


def _examined(pdf: bytes, report: Report) -> Examined:
    trusted = keys()
    _sealed_whole(report, trusted)
    expected, digest = _expected(report, trusted), _digest(pdf)
    if not expected:
        told = "The file is the one that was sealed; nobody has signed it yet."
        return Examined(genuine=True, sentence=told, digest=digest, report=report)
    found = judge_report(pdf, Question(at=timezone.now(), keys=pinned(), signers=expected))
    told = f"{_number(len(expected), 'signature')} intact, trusted, in time and complete."
    return Examined(
        genuine=not found.wrong,
        sentence=found.wrong or told,
        signatures=found.signatures,
        digest=digest,
        report=report,
    )


def _expected(report: Report, trusted: KeySet) -> list[str]:
    """The fingerprints of who signed, each row held against the statement that was sealed of it."""
    found = []
    for row in report.signatures.all():
        said = read_statement(row.statement_digest, trusted=trusted)["predicate"]
        sealed = (said.get("report"), said.get("position"), said.get("after"), said.get("certificate"))
        if sealed != (str(report.pk), row.position, row.after_id, f"sha256:{row.certificate_sha256}"):
            raise Refused(f"The record of signature {row.position} is not what was sealed of it.")
        found.append(row.certificate_sha256)
    return found


def _sealed_whole(report: Report, trusted: KeySet) -> None:
    said = read_statement(report.statement_digest, trusted=trusted)
    if report.blob_id not in {f"sha256:{s['digest']['sha256']}" for s in said["subject"]}:
        raise Refused("The record of the report is not what was sealed of it.")


def _whose(digest: str) -> Report | None:
    """The report of which a digest was ever a revision."""
    if not Blob.objects.filter(digest=digest).exists():
        return None
    known = Q(blob=digest) | Q(signatures__after=digest) | Q(archives__after=digest)
    return Report.objects.filter(known).select_related("approval", "version__model").first()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}"
