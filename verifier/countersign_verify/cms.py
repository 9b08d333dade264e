"""Signed data (CMS) as time stamps and signatures of PDFs hold it: what was signed, by which certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from countersign_verify import der
from countersign_verify.faults import Wrong

DATA = bytes.fromhex("2a864886f70d010701")
TST_INFO = bytes.fromhex("2a864886f70d0109100104")
SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910022f")
TIME_STAMP = bytes.fromhex("2a864886f70d010910020e")
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
HASHES: dict[bytes, type[hashes.HashAlgorithm]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}
_PSS = bytes.fromhex("2a864886f70d01010a")
_LONGEST_CHAIN = 5
# What reading a certificate that somebody changed may raise.
UNREADABLE = (
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
class Signer:
    """Who signed: the attributes that were signed, the signature, and what stands beside it unsigned."""

    hash: type[hashes.HashAlgorithm]
    attributes: bytes
    told: dict[bytes, bytes]
    pss: bool
    signature: bytes
    beside: dict[bytes, bytes]

    def covers(self, kind: bytes, parts: Iterable[bytes]) -> bool:
        """Whether what was signed is of this kind and has the digest of these bytes."""
        digest = hashes.Hash(self.hash())
        for part in parts:
            digest.update(part)
        return self.told.get(_CONTENT_TYPE) == kind and self.told.get(_MESSAGE_DIGEST) == digest.finalize()


@dataclass(frozen=True, slots=True)
class SignedData:
    """A content, its kind, the certificates beside it and its one signer; nothing of it is trusted yet."""

    kind: bytes
    content: bytes
    certificates: list[x509.Certificate]
    signer: Signer


def read(data: bytes, what: str) -> SignedData:
    """Read signed data; Wrong where it cannot be read."""
    try:
        kind, body = islice(der.one(data, der.SEQUENCE).inside(), 2)
        if kind.content != _SIGNED_DATA:
            raise Wrong(f"{what} holds no signed data.")
        signed = der.one(body.content, der.SEQUENCE).inside()
        content = signed[2].inside()
        held = der.one(content[1].content, der.OCTETS).content if len(content) > 1 else b""
        certificates = [c for v in signed[3:] if v.tag == 0xA0 for c in _certificates(v)]
        (signer,) = signed[-1].need(der.SET).inside()
        return SignedData(content[0].content, held, certificates, _signer(signer, what))
    except (IndexError, *UNREADABLE):
        raise Wrong(f"{what} is damaged.") from None


def _certificates(found: der.Value) -> Iterator[x509.Certificate]:
    for value in found.inside():
        if value.tag == der.SEQUENCE:
            yield x509.load_der_x509_certificate(value.raw)


def _signer(found: der.Value, what: str) -> Signer:
    parts = found.inside()
    kind = HASHES.get(parts[2].inside()[0].content)
    if kind is None:
        raise Wrong(f"{what} uses a hash that is not trusted.")
    attributes = parts[3].need(0xA0)
    beside = _attributes(parts[6].need(0xA1)) if len(parts) > 6 else {}
    return Signer(
        kind,
        bytes([der.SET]) + attributes.raw[1:],
        {name: value.content for name, value in _values(attributes)},
        parts[4].inside()[0].content == _PSS,
        parts[5].need(der.OCTETS).content,
        beside,
    )


def _values(found: der.Value) -> Iterator[tuple[bytes, der.Value]]:
    for attribute in found.inside():
        name, values = islice(attribute.inside(), 2)
        yield name.content, values.inside()[0]


def _attributes(found: der.Value) -> dict[bytes, bytes]:
    return {name: value.raw for name, value in _values(found)}


def made_by(certificate: x509.Certificate, signer: Signer) -> bool:
    """Whether the key of a certificate made the signature."""
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
    except UNREADABLE:
        return False
    return True


def ends_in(
    certificate: x509.Certificate,
    others: Iterable[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    """Whether a certificate was valid then and descends from one that was given."""
    found, between = certificate, list(others)
    for _ in range(_LONGEST_CHAIN):
        if not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
            return False
        if found in roots:
            return True
        issuer = next((c for c in [*roots, *between] if c != found and _issued(found, c)), None)
        if issuer is None:
            return False
        found = issuer
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except UNREADABLE:
        return False
