"""Standard Webhooks: who receives a message can tell that we sent it, when, and that nobody changed it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> bytes:
    """A fresh secret."""
    return secrets.token_bytes(BYTES)


def shown(secret: bytes) -> str:
    """The secret as the receiving side is configured with it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(message: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of a message; while a secret is rotated there is a signature by each."""
    stamp = str(int(at.timestamp()))
    signed = f"{message}.{stamp}.".encode() + body
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{_mac(key, signed)}" for key in keys),
    }


def _mac(key: bytes, data: bytes) -> str:
    return base64.b64encode(hmac.new(key, data, hashlib.sha256).digest()).decode()
