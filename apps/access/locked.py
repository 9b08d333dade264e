"""Secrets that must be read again (a shared key of codes): stored under a key made from the service's own."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12


def lock(secret: bytes, *, for_what: str) -> bytes:
    """The secret under AES-256-GCM, bound to what it is for."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key()).encrypt(nonce, secret, for_what.encode())


def unlock(stored: bytes, *, for_what: str) -> bytes | None:
    """What was locked; None where the service has another key now, or the bytes are for something else."""
    try:
        return AESGCM(_key()).decrypt(stored[:_NONCE], stored[_NONCE:], for_what.encode())
    except (InvalidTag, ValueError):
        return None


def _key() -> bytes:
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"countersign stored secrets")
    return made.derive(settings.SECRET_KEY.encode())
