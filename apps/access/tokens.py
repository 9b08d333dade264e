"""What a token is made of: 256 random bits behind a prefix. Only its SHA-512 is ever stored."""

from __future__ import annotations

import hashlib
import re
import secrets

PREFIX = "cs_"
_FORM = re.compile(r"cs_[A-Za-z0-9_-]{43}\Z")


def new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def well_formed(raw: str) -> bool:
    return _FORM.match(raw) is not None


def token_digest(raw: str) -> str:
    return hashlib.sha512(raw.encode()).hexdigest()
