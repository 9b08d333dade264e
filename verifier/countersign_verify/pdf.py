"""Signatures inside a PDF, as far as bytes alone show: what each covers, who made it, when it was stamped.

Whether a later revision only added signatures is a question of what a PDF's objects mean. It is left to
`countersign verify`, which compares the revisions; here the last signature must cover the last byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from countersign_verify import cms, der, keys, stamps, withdrawn
from countersign_verify.faults import Wrong

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_GAP = re.compile(rb"<[0-9A-Fa-f]*>")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Pinned:
    """What signatures in reports are judged by: certificates of signers and of those who stamp time.

    `lists` are the lists (PEM) of the signers' certificates that were withdrawn.
    """

    signers: Sequence[x509.Certificate] = ()
    authorities: Sequence[x509.Certificate] = ()
    lists: Sequence[str] = ()


def pinned_in(doc: Any, what: str) -> Pinned:
    """The certificates of a key set."""
    signers, authorities = (
        stamps.read_certificates(keys.certificates_in(doc, name, what), what)
        for name in ("certificates", "timestamp_certificates")
    )
    return Pinned(signers, authorities, withdrawn.lists_in(doc, what))


@dataclass(frozen=True, slots=True)
class _Found:
    """One signature: the bytes that it covers, up to where they reach, and the signed data."""

    parts: tuple[bytes, bytes]
    end: int
    data: cms.SignedData


def verify(data: bytes, signers: Sequence[str], pinned: Pinned) -> None:
    """Wrong unless exactly these signed, in this order, and nothing stands after them.

    `signers` are SHA-256 fingerprints in hex, the first signer first.
    """
    found = sorted(_signatures(data), key=lambda one: one.end)
    signed = [one for one in found if one.data.kind != cms.TST_INFO]
    if len(signed) != len(signers):
        raise Wrong(f"Expected {len(signers)} signatures, found {len(signed)}.")
    if not found or found[-1].end != len(data):
        raise Wrong("Something was appended after the last signature.")
    for one in found:
        if one.data.kind == cms.TST_INFO:
            _archived(one, pinned)
    gone = withdrawn.of(pinned.signers, pinned.lists, data)
    for number, (one, signer) in enumerate(zip(signed, signers, strict=True), 1):
        certificate, at = _signed(one, signer, pinned, f"Signature {number}")
        withdrawn.refuse(gone, certificate, at, f"Signature {number}")


def _signatures(data: bytes) -> Iterator[_Found]:
    for number, match in enumerate(_RANGE.finditer(data), 1):
        first, length, second, rest = map(int, match.groups())
        gap, end = data[length:second], second + rest
        if first or not length < second <= end <= len(data) or not _GAP.fullmatch(gap):
            raise Wrong("A signature does not cover all of the document around it.")
        if (length < match.end() and match.start() < second) or number > _MOST:
            raise Wrong("What a signature covers leaves out what it says that it covers.")
        parts = data[:length], data[second:end]
        yield _Found(parts, end, cms.read(_first_value(gap), "A signature of the PDF"))


def _first_value(gap: bytes) -> bytes:
    """The signed data without the zeros that fill up their place."""
    try:
        raw = bytes.fromhex(gap[1:-1].decode())
        first = next(der.values(raw)).raw
    except (ValueError, StopIteration):
        raise Wrong("A signature of the PDF is damaged.") from None
    if raw[len(first) :].strip(b"\0"):
        raise Wrong("A signature of the PDF is damaged.")
    return first


def _archived(one: _Found, pinned: Pinned) -> None:
    """A stamp over the whole document as it was then."""
    digest = hashlib.sha256(b"".join(one.parts)).digest()
    stamps.check(one.data, [digest], pinned.authorities)


def _signed(one: _Found, signer: str, pinned: Pinned, what: str) -> tuple[x509.Certificate, datetime]:
    """The certificate under which a signature holds, and when it was stamped."""
    if not one.data.signer.covers(cms.DATA, one.parts):
        raise Wrong(f"{what} is over other bytes than those of the document: it was changed.")
    certificate = next((c for c in one.data.certificates if _fingerprint(c) == signer), None)
    if certificate is None:
        raise Wrong(f"{what} is not by the certificate {signer[:16]}… that the log names.")
    named = one.data.signer.told.get(cms.SIGNING_CERTIFICATE, b"")
    if bytes.fromhex(signer) not in named or not cms.made_by(certificate, one.data.signer):
        raise Wrong(f"{what} does not hold under the certificate {signer[:16]}….")
    at = _stamped(one.data.signer, pinned, what)
    if not cms.ends_in(certificate, one.data.certificates, pinned.signers, at):
        raise Wrong(f"{what} is not under a certificate that was given and valid at {at.isoformat()}.")
    return certificate, at


def _stamped(signer: cms.Signer, pinned: Pinned, what: str) -> datetime:
    token = signer.beside.get(cms.TIME_STAMP)
    if token is None:
        raise Wrong(f"{what} bears no time stamp, so nothing proves when it was made.")
    return stamps.verify(token, [hashlib.sha256(signer.signature).digest()], pinned.authorities)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def signers_of(after: dict[str, dict[str, Any]], revision: Any) -> list[str]:
    """Back from a revision through those before it: the fingerprints of who signed, the first first."""
    left, found = dict(after), []
    while isinstance(revision, str) and (said := left.pop(revision, None)) is not None:
        if isinstance(said.get("certificate"), str):
            found.append(said["certificate"].removeprefix("sha256:"))
        revision = said.get("before")
    return found[::-1]
