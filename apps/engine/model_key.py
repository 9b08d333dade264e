"""The key that a model signature is held against: a public key, or the certificate of one, in PEM."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.engine.canonical import rfc3339
from apps.engine.errors import BadInput
from apps.engine.statement import NotGenuine

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_HASHES: Final = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that a person trusts, and the certificate that it came in, if it did."""

    public: ec.EllipticCurvePublicKey
    certificate: Certificate | None = None

    @property
    def key_id(self) -> str:
        """SHA-256 over the PEM of the public key, as a bundle's hint has it."""
        return hashlib.sha256(_spki(self.public)).hexdigest()

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether the key made the signature over the message."""
        try:
            self.public.verify(signature, message, ec.ECDSA(_HASHES[self.public.curve.key_size]))
        except InvalidSignature:
            return False
        return True


def trusted_key(pem: bytes) -> TrustedKey:
    """The public key in PEM, or that of a certificate; BadInput for any other key than P-256, -384, -521."""
    certificate = None
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            from cryptography import x509

            certificate = x509.load_pem_x509_certificate(pem)
        public = certificate.public_key() if certificate else serialization.load_pem_public_key(pem)
    except Exception as error:  # the library has several kinds for bytes that are no key
        raise BadInput("The key is neither a public key nor a certificate in PEM.") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in _CURVES:
        raise BadInput(
            "The key is of a kind that models are not signed with; expected P-256, P-384 or P-521."
        )
    return TrustedKey(public, certificate)


def must_count(certificate: Certificate, at: datetime | None) -> None:
    """Refuse a certificate outside its time or not meant for signing: a bundle proves no time of its own."""
    from cryptography import x509

    if at is None:
        raise BadInput("A certificate counts for a time only: say when it is asked.")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= at <= ends:
        raise NotGenuine(
            f"The certificate counts from {rfc3339(begins)} to {rfc3339(ends)}, not at {rfc3339(at)}."
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise NotGenuine("The certificate does not say that its key may sign.") from error
    if not usage.digital_signature:
        raise NotGenuine("The certificate does not allow its key to sign.")


def _spki(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
