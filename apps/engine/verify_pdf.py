"""Verify a signed report: every signature intact and trusted, nothing changed since, nobody missing.

Viewers call a document valid whose pages were replaced by an appended revision. So each revision is
compared with the one that was signed, and the signers are counted: cutting off the last signature
leaves a document that is valid in itself.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.engine.canonical import rfc3339
from apps.engine.errors import BadInput
from apps.engine.statement import NotGenuine
from apps.engine.verified import NOT_PINNED, Question, Verified

if TYPE_CHECKING:
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
    from pyhanko.sign.validation.status import PdfSignatureStatus

# An X.509 certificate as pyHanko hands it out; its library has no types.
Certificate = Any


def examine_report(data: bytes, question: Question) -> Verified:
    """Verify a signed PDF; NotGenuine says the first thing that is wrong."""
    signatures = _signatures(data)
    anchors = _certificates(question.keys.certificates if question.keys is not None else ())
    pinned = bool(anchors)
    if not pinned:
        anchors = [_root(signature) for signature in signatures]
    statuses = [_status(s, anchors, question.at) for s in signatures]
    for i, (signature, status) in enumerate(zip(signatures, statuses, strict=True), 1):
        _check(signature, status, i)
    if question.signers:
        _expected([s.signer_cert for s in signatures], question.signers)
    warnings = [] if pinned else [NOT_PINNED.replace("keys", "certificates")]
    if not question.signers:
        warnings.append(
            "Nobody was named who must have signed; --signer would show that a signature was cut off."
        )
    return Verified(kind="report", says=_says(signatures, statuses), pinned=pinned, warnings=warnings)


def _signatures(data: bytes) -> list[EmbeddedPdfSignature]:
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        found = list(PdfFileReader(io.BytesIO(data), strict=True).embedded_regular_signatures)
    except (PdfError, ValueError, KeyError, TypeError, RecursionError, OSError, AssertionError) as error:
        raise NotGenuine(f"The PDF is damaged: {_line(error)}") from error
    if not found:
        raise NotGenuine("The PDF bears no signature.")
    return found


def _certificates(texts: Sequence[str]) -> list[Certificate]:
    from pyhanko.keys import load_certs_from_pemder_data

    try:
        return [found for text in texts for found in load_certs_from_pemder_data(text.encode())]
    except ValueError as error:
        raise BadInput(f"A certificate of the key set cannot be read: {_line(error)}") from error


def _root(signature: EmbeddedPdfSignature) -> Certificate:
    """The certificate inside the file that the signer's chain ends in."""
    chain = {c.subject.sha256: c for c in [signature.signer_cert, *signature.other_embedded_certs]}
    found = signature.signer_cert
    while found.issuer != found.subject and found.issuer.sha256 in chain:
        found = chain[found.issuer.sha256]
    return found


def _status(
    signature: EmbeddedPdfSignature, anchors: Sequence[Certificate], at: datetime
) -> PdfSignatureStatus:
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(trust_roots=list(anchors), moment=at, allow_fetching=False)
    chatter = logging.getLogger("pyhanko")
    level, chatter.level = chatter.level, logging.CRITICAL
    try:
        return asyncio.run(async_validate_pdf_signature(signature, signer_validation_context=context))
    except (SignatureValidationError, ValueError, KeyError, TypeError) as error:
        raise NotGenuine(f"The signature of {_name(signature)} cannot be read: {_line(error)}") from error
    finally:
        chatter.level = level


def _check(signature: EmbeddedPdfSignature, status: PdfSignatureStatus, number: int) -> None:
    who = f"signature {number}, of {_name(signature)},"
    if not status.intact:
        raise NotGenuine(f"What {who} covers was changed.")
    if not status.valid:
        raise NotGenuine(f"The {who} does not hold.")
    if not status.trusted:
        raise NotGenuine(f"The {who} is not under a trusted certificate.")
    if (
        _name_of(status.modification_level) not in ("NONE", "LTA_UPDATES", "FORM_FILLING")
        or not status.docmdp_ok
    ):
        raise NotGenuine(f"The document was changed after {who} by a later revision.")
    if _name_of(status.coverage) not in ("ENTIRE_REVISION", "ENTIRE_FILE"):
        raise NotGenuine(f"The {who} does not cover all of the document as it was then.")
    if not status.bottom_line:
        raise NotGenuine(f"The {who} was refused: {_line(status.summary())}")


def _expected(certificates: Sequence[Certificate], wanted: Sequence[str]) -> None:
    left = list(certificates)
    for name in wanted:
        found = next((c for c in left if name in _names(c)), None)
        if found is None:
            raise NotGenuine(
                f"{name} did not sign: {len(wanted)} signatures are expected, {len(certificates)} are there."
            )
        left.remove(found)
    if left:
        raise NotGenuine(f"{_common_name(left[0])} signed, who was not expected to.")


def _names(certificate: Certificate) -> set[str]:
    fingerprint = certificate.sha256.hex()
    return {_common_name(certificate), fingerprint, f"sha256:{fingerprint}"}


def _common_name(certificate: Certificate) -> str:
    return str(certificate.subject.native.get("common_name", certificate.subject.human_friendly))


def _name(signature: EmbeddedPdfSignature) -> str:
    return _common_name(signature.signer_cert)


def _name_of(level: Any) -> str:
    return "" if level is None else str(level.name)


def _says(
    signatures: Sequence[EmbeddedPdfSignature], statuses: Sequence[PdfSignatureStatus]
) -> list[tuple[str, str]]:
    lines = [("signatures", str(len(signatures)))]
    for signature, status in zip(signatures, statuses, strict=True):
        reason = signature.sig_object.get("/Reason", None)
        when = status.signer_reported_dt
        parts = [_name(signature), *([rfc3339(when)] if when else []), *([str(reason)] if reason else [])]
        lines.append(("signed by", ", ".join(parts)))
        lines.append(("certificate", f"sha256:{signature.signer_cert.sha256.hex()}"))
    return lines


def _line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
