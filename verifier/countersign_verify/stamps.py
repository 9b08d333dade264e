"""Time stamps by RFC 3161 over checkpoints, under certificates that were given beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from countersign_verify import cms, der
from countersign_verify.faults import Wrong


def read_certificates(data: bytes, what: str) -> list[x509.Certificate]:
    """Read the certificates of a PEM file."""
    if not data.strip():
        return []
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise Wrong(f"{what} holds no certificate in PEM form.") from None


def verify(token: bytes, known: Iterable[bytes], authorities: Sequence[x509.Certificate]) -> datetime:
    """When the authority says that it saw one of these digests; Wrong unless everything about it holds."""
    return check(cms.read(token, "The time stamp"), known, authorities)


def check(found: cms.SignedData, known: Iterable[bytes], authorities: Sequence[x509.Certificate]) -> datetime:
    """The same of a time stamp that was read already."""
    if found.kind != cms.TST_INFO:
        raise Wrong("It is no time stamp.")
    if not found.signer.covers(cms.TST_INFO, [found.content]):
        raise Wrong("The time stamp was changed after it was signed.")
    at, imprint = _info(found.content)
    if imprint not in set(known):
        raise Wrong("The time stamp is of something else than what stands beside it.")
    good = [c for c in [*found.certificates, *authorities] if cms.made_by(c, found.signer)]
    if not good:
        raise Wrong("The signature of the time stamp does not hold.")
    if not any(_trusted(c, found.certificates, authorities, at) for c in good):
        raise Wrong("The time stamp is not under a certificate that was given.")
    return at


def of_note(note: bytes) -> Iterator[bytes]:
    """The digests of a note: whole, with the log's own signature alone, and of its text."""
    text, _, below = note.partition(b"\n\n")
    origin = text.split(b"\n", 1)[0]
    own = [line for line in below.splitlines(keepends=True) if line.split(b" ")[1:2] == [origin]]
    for data in (note, text + b"\n\n" + b"".join(own), text + b"\n"):
        yield hashlib.sha256(data).digest()


def _info(data: bytes) -> tuple[datetime, bytes]:
    try:
        parts = der.one(data, der.SEQUENCE).inside()
        imprint = parts[2].inside()
        kind, text = (
            imprint[0].inside()[0].content,
            parts[4].need(der.TIME).content.decode("ascii", "replace"),
        )
        over = imprint[1].content
    except (IndexError, der.Damaged):
        raise Wrong("The time stamp is damaged.") from None
    if cms.HASHES.get(kind) is not hashes.SHA256:
        raise Wrong("The time stamp is not over a SHA-256 digest.")
    try:
        whole, _, part = text.removesuffix("Z").partition(".")
        at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return at.replace(microsecond=int((part + "000000")[:6])), over
    except ValueError:
        raise Wrong("The time stamp bears no readable time.") from None


def _trusted(
    certificate: x509.Certificate,
    others: Iterable[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    """Whether it is for time stamps, was valid then, and ends in a certificate that was given."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except cms.UNREADABLE:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in uses and cms.ends_in(certificate, others, authorities, at)
