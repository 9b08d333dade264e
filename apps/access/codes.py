"""Codes that prove a second thing: those of an authenticator (RFC 6238), and those printed for a bad day."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

STEP_SECONDS = 30
DIGITS = 6
RECOVERY_CODES = 10
_AROUND = (0, -1, 1)
_CODE = re.compile(r"[0-9]{6}\Z")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_RECOVERY = re.compile(r"[a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}\Z")


def new_secret() -> bytes:
    return secrets.token_bytes(20)


def spelt(secret: bytes) -> str:
    """The secret as a person types it into an authenticator."""
    return base64.b32encode(secret).decode()


def address(secret: bytes, *, account: str, issuer: str) -> str:
    """The otpauth address that an authenticator reads from a picture."""
    told = {"secret": spelt(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(told)}"


def typed_code(text: str) -> str:
    """A code without the blanks that people type, or nothing where it is none."""
    found = "".join(text.split())[:40]
    return found if _CODE.match(found) else ""


def step_of(secret: bytes, code: str, *, at: float, after: int) -> int | None:
    """The step whose code this is, one step early or late at most; a step that was used up is none."""
    generator = _generator(secret)
    now = int(at // STEP_SECONDS)
    for step in (now + away for away in _AROUND):
        try:
            generator.verify(code.encode(), step)
        except InvalidToken:
            continue
        return step if step > after else None
    return None


def _generator(secret: bytes) -> HOTP:
    return HOTP(secret, DIGITS, SHA1())  # noqa: S303 - RFC 6238 says SHA-1, and authenticators know no other


def code_at(secret: bytes, at: float) -> str:
    """The code of a time, as an authenticator shows it."""
    return _generator(secret).generate(int(at // STEP_SECONDS)).decode()


def new_recovery_codes() -> list[str]:
    """Codes of 74 random bits that each work once."""
    return ["-".join(_five() for _ in range(3)) for _ in range(RECOVERY_CODES)]


def _five() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def recovery_digest(text: str) -> str:
    """What is stored of a recovery code; nothing where the text is none."""
    found = "".join(text.split()).lower()[:40]
    return hashlib.sha256(found.encode()).hexdigest() if _RECOVERY.match(found) else ""
