"""Signers' keys in a hardware module: made there, used there, never read out of it."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from apps.audit.errors import Refused
from apps.audit.hardware import the_token

P256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"  # the curve's object identifier, DER


class HardwareKey(ec.EllipticCurvePrivateKey):
    """A P-256 key in the token that the settings name; only signatures and the public half come out."""

    def __init__(self, ident: bytes, public: ec.EllipticCurvePublicKey) -> None:
        self.ident, self._public = ident, public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        """In bits."""
        return 256

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The half that everybody may know."""
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """A DER signature over the SHA-256 of the data, made inside the token.

        The digest is computed here: not every module knows the mechanism that hashes too.
        """
        named = signature_algorithm.algorithm
        if isinstance(named, Prehashed) or named.name != "sha256":
            raise ValueError("keys in the token sign SHA-256 digests of data")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        raw = the_token().used(lambda session: _signed(session, self.ident, digest.finalize()))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Never: these keys sign."""
        raise NotImplementedError("a signer's key agrees on no secrets")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Never: the private half stays in the token."""
        raise NotImplementedError("the private half stays in the token")

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:
        """Never: the private half stays in the token."""
        raise NotImplementedError("the private half stays in the token")

    def __copy__(self) -> HardwareKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> HardwareKey:
        return self


def made(label: str) -> HardwareKey:
    """A new key pair in the token that cannot be read out of it."""
    ident = secrets.token_bytes(16)
    the_token().used(lambda session: _generate(session, label, ident))
    return found(ident)


@lru_cache(maxsize=256)
def found(ident: bytes) -> HardwareKey:
    """The key pair with this CKA_ID; refused where the token has none."""
    point = the_token().used(lambda session: _point(session, ident))
    if point is None:
        raise Refused(f"The token has no signer's key {ident.hex()}.", code="key_unusable")
    return HardwareKey(ident, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))


def destroyed(ident: bytes) -> None:
    """Take a key pair out of the token for good."""
    the_token().used(lambda session: [one.destroy() for one in _objects(session, ident)])
    found.cache_clear()


def _objects(session: Any, ident: bytes) -> list[Any]:
    import pkcs11

    return list(session.get_objects({pkcs11.Attribute.ID: ident}))


def _generate(session: Any, label: str, ident: bytes) -> None:
    import pkcs11

    kept = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
    curve = session.create_domain_parameters(
        pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: P256}, local=True
    )
    curve.generate_keypair(store=True, id=ident, label=label, private_template=kept)


def _point(session: Any, ident: bytes) -> bytes | None:
    import pkcs11

    wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.Attribute.ID: ident}
    keys = list(session.get_objects(wanted))
    # The point is wrapped in an OCTET STRING: 04 41, then 65 bytes that begin with 04.
    return bytes(keys[0][pkcs11.Attribute.EC_POINT])[-65:] if keys else None


def _signed(session: Any, ident: bytes, digest: bytes) -> bytes:
    import pkcs11

    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=ident)
    return bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
