"""Does a delivery come from whom it says? Every comparison takes the same time, whatever is wrong.

No secret, no header, an old time or a changed byte: not proved. With two secrets, as while one is rotated,
either will do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

WINDOW_S = 300
STANDARD = "whsec_"


def same(secrets: Sequence[bytes], told: str) -> bool:
    """Whether one of the secrets itself was told.

    Examples
    --------
    >>> same([b"open"], "open"), same([b""], ""), same([], "open")
    (True, False, False)
    """
    return _any(hmac.compare_digest(secret, told.encode()) for secret in secrets if secret and told)


def carried(header: str) -> str:
    """The secret that an Authorization header carries: of a bearer, or the password of basic credentials.

    Examples
    --------
    >>> carried("Bearer open"), carried("Basic eDpvcGVu"), carried("Basic !"), carried("Digest x")
    ('open', 'open', '', '')
    """
    scheme, _, told = header.partition(" ")
    if scheme.lower() == "bearer":
        return told.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(told.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def signed_hex(secrets: Sequence[bytes], raw: bytes, told: str) -> bool:
    """Whether the hexadecimal HMAC-SHA256 of the raw body was told.

    Examples
    --------
    >>> signed_hex([b"key"], b"body", hmac.new(b"key", b"body", "sha256").hexdigest())
    True
    """
    made = (hmac.new(secret, raw, hashlib.sha256).hexdigest() for secret in secrets if secret)
    return _any(hmac.compare_digest(one.encode(), told.encode()) for one in made)


def signed_standard(
    secrets: Sequence[bytes], raw: bytes, *, delivery: str, at: str, told: str, now: float
) -> bool:
    """Whether a delivery is signed as Standard Webhooks sign, and sent within five minutes of now.

    `told` may hold several signatures with blanks between, of which one must be right.
    """
    if not delivery or not timely(at, now):
        return False
    text = f"{delivery}.{at}.".encode() + raw
    made = [_standard(key, text) for secret in secrets if (key := _key(secret))]
    given = [part for part in told.split(" ") if part]
    return _any(hmac.compare_digest(one, part.encode()) for one in made for part in given[:16])


def signed_mlflow(
    secrets: Sequence[bytes], raw: bytes, *, delivery: str, at: str, told: str, now: float
) -> bool:
    """Whether a delivery is signed as MLflow signs, and sent within five minutes of now.

    It resembles Standard Webhooks, but the key is the text of the secret, not what it decodes to.
    """
    if not delivery or not timely(at, now):
        return False
    text = f"{delivery}.{at}.".encode() + raw
    made = [_standard(secret, text) for secret in secrets if secret]
    return _any(hmac.compare_digest(one, told.encode()) for one in made)


def timely(at: str, now: float) -> bool:
    """Whether seconds since 1970 lie within five minutes of now, on either side.

    Examples
    --------
    >>> timely("1000", 1300), timely("1000", 1301), timely("1301", 1000), timely("x", 0), timely("", 0)
    (True, False, False, False, False)
    """
    return at.isascii() and at.isdigit() and len(at) <= 12 and abs(now - int(at)) <= WINDOW_S


def _key(secret: bytes) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(STANDARD.encode()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _standard(key: bytes, text: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())


def _any(found: Iterable[bool]) -> bool:
    """Whether one holds, having looked at all."""
    return any(list(found))
