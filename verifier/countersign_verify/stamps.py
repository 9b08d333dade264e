"""Time stamps by RFC 3161 over checkpoints, under certificates that were given beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from countersign_verify import der
from countersign_verify.faults import Wrong

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_HASHES: dict[bytes, type[hashes.HashAlgorithm]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}
_PSS = bytes.fromhex("2a864886f70d01010a")
_LONGEST_CHAIN = 5
# What reading a certificate that somebody changed may raise.
_UNREADABLE = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class _Signer:
    hash: type[hashes.HashAlgorithm]
    attributes: bytes
    pss: bool
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Token:
    info: bytes
    certificates: list[x509.Certificate]
    signer: _Signer


def read_certificates(data: bytes, what: str) -> list[x509.Certificate]:
    """Read the certificates of a PEM file."""
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise Wrong(f"{what} holds no certificate in PEM form.") from None


def verify(token: bytes, known: Iterable[bytes], authorities: Sequence[x509.Certificate]) -> datetime:
    """When the authority says that it saw one of these digests; Wrong unless everything about it holds."""
    found = _token(token)
    at, imprint = _info(found.info)
    if imprint not in set(known):
        raise Wrong("The time stamp is of something else than what stands beside it.")
    good = [c for c in [*found.certificates, *authorities] if _made_by(c, found.signer)]
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


def _token(data: bytes) -> _Token:
    try:
        kind, body = islice(der.one(data, der.SEQUENCE).inside(), 2)
        signed = der.one(body.content, der.SEQUENCE).inside()
        if kind.content != _SIGNED_DATA:
            raise Wrong("It is no time stamp.")
        content = signed[2].inside()
        if content[0].content != _TST_INFO:
            raise Wrong("It is no time stamp.")
        info = der.one(content[1].content, der.OCTETS).content
        certificates = [c for v in signed[3:] if v.tag == 0xA0 for c in _certificates(v)]
        (signer,) = signed[-1].need(der.SET).inside()
        return _Token(info, certificates, _signer(signer, info))
    except (IndexError, *_UNREADABLE):
        raise Wrong("The time stamp is damaged.") from None


def _certificates(found: der.Value) -> Iterator[x509.Certificate]:
    for value in found.inside():
        if value.tag == der.SEQUENCE:
            yield x509.load_der_x509_certificate(value.raw)


def _signer(found: der.Value, info: bytes) -> _Signer:
    parts = found.inside()
    kind = _HASHES.get(parts[2].inside()[0].content)
    if kind is None:
        raise Wrong("The time stamp uses a hash that is not trusted.")
    attributes = parts[3].need(0xA0)
    told = {a.inside()[0].content: a.inside()[1].inside()[0].content for a in attributes.inside()}
    digest = hashes.Hash(kind())
    digest.update(info)
    if told.get(_CONTENT_TYPE) != _TST_INFO or told.get(_MESSAGE_DIGEST) != digest.finalize():
        raise Wrong("The time stamp was changed after it was signed.")
    signed = bytes([der.SET]) + attributes.raw[1:]
    pss = parts[4].inside()[0].content == _PSS
    return _Signer(kind, signed, pss, parts[5].need(der.OCTETS).content)


def _info(data: bytes) -> tuple[datetime, bytes]:
    parts = der.one(data, der.SEQUENCE).inside()
    imprint = parts[2].inside()
    if _HASHES.get(imprint[0].inside()[0].content) is not hashes.SHA256:
        raise Wrong("The time stamp is not over a SHA-256 digest.")
    text = parts[4].need(der.TIME).content.decode("ascii", "replace")
    try:
        whole, _, part = text.removesuffix("Z").partition(".")
        at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        at = at.replace(microsecond=int((part + "000000")[:6]))
    except ValueError:
        raise Wrong("The time stamp bears no readable time.") from None
    return at, imprint[1].content


def _made_by(certificate: x509.Certificate, signer: _Signer) -> bool:
    kind = signer.hash()
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            own = padding.PSS(padding.MGF1(kind), padding.PSS.AUTO) if signer.pss else padding.PKCS1v15()
            key.verify(signer.signature, signer.attributes, own, kind)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signer.signature, signer.attributes, ec.ECDSA(kind))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signer.signature, signer.attributes)
        else:
            return False
    except _UNREADABLE:
        return False
    return True


def _trusted(
    certificate: x509.Certificate,
    others: Iterable[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    """Whether it is for time stamps, was valid then, and ends in a certificate that was given."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except _UNREADABLE:
        return False
    if ExtendedKeyUsageOID.TIME_STAMPING not in uses:
        return False
    found = certificate
    for _ in range(_LONGEST_CHAIN):
        if not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
            return False
        if found in authorities:
            return True
        issuer = next((c for c in [*authorities, *others] if c != found and _issued(found, c)), None)
        if issuer is None:
            return False
        found = issuer
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except _UNREADABLE:
        return False
    try:
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _UNREADABLE:
        return False
