"""Verify a signed report: every signature intact, trusted and in time, nothing changed since, nobody missing.

Viewers call a document valid whose pages were replaced by an appended revision. So each revision is
compared with the one that was signed, and the signers are counted: cutting off the last signature
leaves a document that is valid in itself. A signer's own clock proves nothing: each signature needs a
time stamp of an authority, close to the time that it claims and inside the life of its certificate.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from apps.engine.canonical import rfc3339
from apps.engine.errors import BadInput
from apps.engine.revocation import lists_inside, withdrawn_by
from apps.engine.statement import NotGenuine
from apps.engine.timestamp import (
    BadTimestamp,
    authority_of,
    certificates_of,
    silent,
    verify_token,
    without_padding,
)
from apps.engine.verified import NOT_PINNED, Question, Verified

if TYPE_CHECKING:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
    from pyhanko.sign.validation.status import PdfSignatureStatus

# An X.509 certificate as pyHanko hands it out; its library has no types.
Certificate = Any

TOLERANCE = timedelta(minutes=5)
_ALLOWED = ("NONE", "LTA_UPDATES", "FORM_FILLING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signature as the file tells it, and what is wrong with it; `wrong` is empty where nothing is."""

    name: str
    meaning: str
    claimed: datetime | None
    stamped: datetime | None
    authority: str
    certificate: str
    wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A report signature by signature; `wrong` is the first thing that is wrong with the whole of it."""

    signatures: Sequence[Signed] = ()
    archived: Sequence[datetime] = field(default=())
    pinned: bool = True
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class _Trust:
    signers: Sequence[Certificate]
    authorities: Sequence[Certificate]
    pinned: bool
    withdrawn: Mapping[int, datetime] = field(default_factory=dict)


def examine_report(data: bytes, question: Question) -> Verified:
    """Verify a signed PDF; NotGenuine says the first thing that is wrong."""
    found = judge_report(data, question)
    if found.wrong:
        raise NotGenuine(found.wrong)
    warnings = [] if found.pinned else [NOT_PINNED.replace("keys", "certificates")]
    if not question.signers:
        warnings.append(
            "Nobody was named who must have signed; --signer would show that a signature was cut off."
        )
    return Verified(kind="report", says=_says(found), pinned=found.pinned, warnings=warnings)


def judge_report(data: bytes, question: Question) -> Judged:
    """Every signature of a PDF with what is wrong with it; nothing is looked up anywhere."""
    try:
        reader = _reader(data)
        signatures = _signatures(reader)
        trust = _trust(question, signatures)
        trust = replace(trust, withdrawn=_withdrawn(reader, question, trust.signers))
        archived = _archived(reader, trust, question.at)
        proved = min(archived, default=question.at)
        signed = [_signed(s, i, trust, proved) for i, s in enumerate(signatures, 1)]
    except NotGenuine as error:
        return Judged(wrong=str(error))
    wrong = next((s.wrong for s in signed if s.wrong), "")
    if not wrong and question.signers:
        wrong = _unexpected([s.signer_cert for s in signatures], question.signers)
    return Judged(signatures=signed, archived=archived, pinned=trust.pinned, wrong=wrong)


def _reader(data: bytes) -> PdfFileReader:
    from pyhanko.pdf_utils.reader import PdfFileReader

    with _readable():
        return PdfFileReader(io.BytesIO(data), strict=True)


def _signatures(reader: PdfFileReader) -> list[EmbeddedPdfSignature]:
    with _readable():
        found = list(reader.embedded_regular_signatures)
    if not found:
        raise NotGenuine("The PDF bears no signature.")
    return found


class _readable:
    """Whatever the library stumbles over in a hostile file is damage."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from pyhanko.pdf_utils.misc import PdfError

        damage = (PdfError, ValueError, LookupError, TypeError, RecursionError, OSError, AssertionError)
        if isinstance(error, (*damage, AttributeError)):
            raise NotGenuine(f"The PDF is damaged: {_line(error)}") from error


# --- Trust -------------------------------------------------------------------------------------------


def _trust(question: Question, signatures: Sequence[EmbeddedPdfSignature]) -> _Trust:
    keys = question.keys
    signers = _certificates(keys.certificates if keys is not None else ())
    if signers and keys is not None:
        return _Trust(signers, _certificates(keys.authorities), pinned=True)
    inside = [_root(s.signer_cert, s.other_embedded_certs) for s in signatures]
    return _Trust(inside, [root for s in signatures for root in _token_roots(_token(s))], pinned=False)


def _certificates(texts: Sequence[str]) -> list[Certificate]:
    try:
        return certificates_of(texts)
    except ValueError as error:
        raise BadInput(f"A certificate of the key set cannot be read: {_line(error)}") from error


def _withdrawn(
    reader: PdfFileReader, question: Question, issuers: Sequence[Certificate]
) -> dict[int, datetime]:
    """By serial number, since when certificates count no more: as pinned lists and those in the file say."""
    pinned = question.keys.revocations if question.keys is not None else ()
    with _readable():
        inside = lists_inside(reader)
    return withdrawn_by(issuers, pinned=pinned, inside=inside)


def _root(leaf: Certificate, others: Iterable[Certificate]) -> Certificate:
    """The certificate inside the file that a chain ends in."""
    chain = {c.subject.sha256: c for c in [leaf, *others]}
    found = leaf
    for _ in chain:
        if found.issuer == found.subject or found.issuer.sha256 not in chain:
            break
        found = chain[found.issuer.sha256]
    return found


def _token_roots(token: bytes | None) -> list[Certificate]:
    from asn1crypto import cms

    if token is None:
        return []
    with _readable():
        inside = [c.chosen for c in cms.ContentInfo.load(token)["content"]["certificates"]]
    return [c for c in inside if c.issuer == c.subject]


# --- Time --------------------------------------------------------------------------------------------


def _archived(reader: PdfFileReader, trust: _Trust, at: datetime) -> list[datetime]:
    """When the whole document was stamped, newest first; each stamp vouches for the one before it."""
    with _readable():
        stamps = list(reader.embedded_timestamp_signatures)
    found: list[datetime] = []
    for stamp in reversed(stamps):
        with _readable():
            stamp.compute_integrity_info()
            digest, padded = stamp.compute_digest(), stamp.pkcs7_content
        if _name_of(stamp.coverage) not in ("ENTIRE_REVISION", "ENTIRE_FILE"):
            raise NotGenuine("A document time stamp does not cover all of the document as it was then.")
        if stamp.diff_result is not None and _name_of(_level(stamp.diff_result)) not in _ALLOWED:
            raise NotGenuine("The document was changed after its time stamp by a later revision.")
        try:
            still = found[-1] if found else at
            token = without_padding(padded)
            found.append(verify_token(token, digest, authorities=trust.authorities, still=still))
        except BadTimestamp as error:
            raise NotGenuine(f"A document time stamp does not hold. {error}") from error
    return found


def _level(result: Any) -> Any:
    return getattr(result, "modification_level", None) or _Suspicious


class _Suspicious:
    name = "OTHER"


def _token(signature: EmbeddedPdfSignature) -> bytes | None:
    """The time stamp that a signature carries beside itself."""
    from asn1crypto import cms

    with _readable():
        attributes = signature.signer_info["unsigned_attrs"]
        for attribute in attributes if isinstance(attributes, cms.CMSAttributes) else ():
            if attribute["type"].native == "signature_time_stamp_token":
                return bytes(attribute["values"][0].dump())
    return None


def _stamped(
    signature: EmbeddedPdfSignature, token: bytes | None, trust: _Trust, proved: datetime
) -> datetime:
    if token is None:
        raise BadTimestamp("It bears no time stamp, so nothing proves when it was made.")
    value = hashlib.sha256(signature.signer_info["signature"].native).digest()
    return verify_token(token, value, authorities=trust.authorities, still=proved)


# --- One signature ---------------------------------------------------------------------------------------


def _signed(signature: EmbeddedPdfSignature, number: int, trust: _Trust, proved: datetime) -> Signed:
    stamped, untimely, token = None, "", _token(signature)
    try:
        stamped = _stamped(signature, token, trust, proved)
    except (BadTimestamp, NotGenuine) as error:
        untimely = str(error)
    status = _status(signature, trust, stamped or proved)
    who = f"signature {number}, of {_name(signature)},"
    claimed = status.signer_reported_dt
    wrong = (
        _broken(status, who)
        or (f"The {who} has no proved time. {untimely}" if stamped is None else "")
        or (_untimely(signature.signer_cert, claimed, stamped, proved, who) if stamped is not None else "")
        or _refused(status, who)
        or _revoked(signature.signer_cert, stamped, trust, who)
    )
    return Signed(
        name=_name(signature),
        meaning=str(signature.sig_object.get("/Reason", None) or ""),
        claimed=claimed,
        stamped=stamped,
        authority=authority_of(token) if token is not None and stamped is not None else "",
        certificate=f"sha256:{signature.signer_cert.sha256.hex()}",
        wrong=wrong,
    )


def _status(signature: EmbeddedPdfSignature, trust: _Trust, moment: datetime) -> PdfSignatureStatus:
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko_certvalidator import ValidationContext

    signer, time = (
        ValidationContext(trust_roots=list(roots), moment=moment, allow_fetching=False)
        for roots in (trust.signers, trust.authorities)
    )
    with silent():
        try:
            return asyncio.run(
                async_validate_pdf_signature(
                    signature, signer_validation_context=signer, ts_validation_context=time
                )
            )
        except (SignatureValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise NotGenuine(f"The signature of {_name(signature)} cannot be read: {_line(error)}") from error


def _broken(status: PdfSignatureStatus, who: str) -> str:
    if not status.intact:
        return f"What {who} covers was changed."
    if not status.valid:
        return f"The {who} does not hold."
    if _name_of(status.modification_level) not in _ALLOWED or not status.docmdp_ok:
        return f"The document was changed after {who} by a later revision."
    if _name_of(status.coverage) not in ("ENTIRE_REVISION", "ENTIRE_FILE"):
        return f"The {who} does not cover all of the document as it was then."
    return ""


def _untimely(
    certificate: Certificate, claimed: datetime | None, stamped: datetime, proved: datetime, who: str
) -> str:
    if claimed is None:
        return f"The {who} does not say when it was made."
    if abs(claimed - stamped) >= TOLERANCE:
        minutes = int(TOLERANCE.total_seconds() // 60)
        return (
            f"The {who} claims {rfc3339(claimed)} and was stamped at {rfc3339(stamped)}, "
            f"{minutes} minutes or more apart."
        )
    if not certificate.not_valid_before <= stamped <= certificate.not_valid_after:
        return f"The {who} was made at {rfc3339(stamped)}, outside the validity of its certificate."
    if stamped > proved + TOLERANCE:
        return f"The {who} was made at {rfc3339(stamped)}, after the moment that is asked about."
    return ""


def _revoked(certificate: Certificate, stamped: datetime | None, trust: _Trust, who: str) -> str:
    since = trust.withdrawn.get(certificate.serial_number)
    if since is None or stamped is None or stamped < since:
        return ""
    return f"The {who} was made after its certificate was withdrawn on {rfc3339(since)}."


def _refused(status: PdfSignatureStatus, who: str) -> str:
    if not status.trusted:
        return f"The {who} is not under a trusted certificate."
    if not status.bottom_line:
        return f"The {who} was refused: {_line(status.summary())}"
    return ""


# --- Who signed ------------------------------------------------------------------------------------------


def _unexpected(certificates: Sequence[Certificate], wanted: Sequence[str]) -> str:
    left = list(certificates)
    for name in wanted:
        found = next((c for c in left if name in _names(c)), None)
        if found is None:
            return f"{name} did not sign: expected {_signers(len(wanted))}, found {len(certificates)}."
        left.remove(found)
    return f"{_common_name(left[0])} signed, who was not expected to." if left else ""


def _signers(number: int) -> str:
    return f"{number} signer{'s' if number > 1 else ''}"


def _names(certificate: Certificate) -> set[str]:
    fingerprint = certificate.sha256.hex()
    return {_common_name(certificate), fingerprint, f"sha256:{fingerprint}"}


def _common_name(certificate: Certificate) -> str:
    return str(certificate.subject.native.get("common_name", certificate.subject.human_friendly))


def _name(signature: EmbeddedPdfSignature) -> str:
    return _common_name(signature.signer_cert)


def _name_of(level: Any) -> str:
    return "" if level is None else str(level.name)


def _says(found: Judged) -> list[tuple[str, str]]:
    lines = [("signatures", str(len(found.signatures)))]
    for one in found.signatures:
        times = [rfc3339(t) for t in (one.claimed,) if t is not None]
        lines.append(("signed by", ", ".join([one.name, *times, *([one.meaning] if one.meaning else [])])))
        if one.stamped is not None:
            lines.append(("stamped", f"{rfc3339(one.stamped)} by {one.authority}"))
        lines.append(("certificate", one.certificate))
    return lines + [("archived", rfc3339(at)) for at in found.archived]


def _line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
