"""What a request of a pipeline may say; each returns the value, or raises Invalid."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from apps.audit.errors import Invalid
from apps.inventory.guards import jurisdictions

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def environment_key(text: str) -> str:
    """The key of an environment: lower-case letters, digits, hyphens."""
    if not _KEY.fullmatch(text):
        raise Invalid(
            f"“{text}” is no key of an environment; it takes lower-case letters, digits, - and _.",
            field="key",
        )
    return text


def jurisdiction(text: str) -> str:
    """The jurisdiction that a request names; empty where it names none."""
    return jurisdictions([text])[0] if text else ""


def exposure(text: str) -> str:
    """The exposure that a request names, in euros; empty where it names none."""
    if not text:
        return ""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"“{text}” is no amount in euros.", field="exposure_eur") from None
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 18:
        raise Invalid(f"The exposure is zero or more euros, not {text}.", field="exposure_eur")
    plain = format(amount, "f")
    if len(plain) > 40:
        raise Invalid(f"The exposure {text} has too many digits.", field="exposure_eur")
    return plain
