"""What a request of a pipeline may say; each returns the value, or raises Invalid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.audit.errors import Invalid, Refused
from apps.deploys.models import LONGEST_SLOT, Deployment
from apps.deploys.states import Answered, Source
from apps.engine.errors import BadInput
from apps.engine.properties import DEPLOY_TYPES, Stated, checked_properties
from apps.engine.statement import DIGEST
from apps.inventory.guards import jurisdictions

_SLOT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/-]{{0,{LONGEST_SLOT - 1}}}")
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


def share(text: str) -> str:
    """The share of calls that a request names, in percent; empty where it names none."""
    if not text:
        return ""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"“{text[:20]}” is no share in percent.", field="share") from None
    if not amount.is_finite() or not 0 < amount <= 100 or len(text) > 10:
        raise Invalid(f"A share is more than 0 and at most 100 percent, not {text[:20]}.", field="share")
    return format(amount, "f")[:10]


def deploy_type(text: str) -> str:
    """What a version is deployed as; empty where the request does not state it."""
    if text and text not in DEPLOY_TYPES:
        raise Invalid(f"“{text[:40]}” is no deploy type; it is {', '.join(DEPLOY_TYPES)}.", field="type")
    return text


def properties(found: Mapping[str, Any]) -> dict[str, Stated]:
    """What the deployment states of itself, by name."""
    try:
        return checked_properties(found)
    except BadInput as fault:
        raise Invalid(str(fault), field="properties") from None


# What runs where ------------------------------------------------------------------------------------------


def slot(text: str) -> str:
    """The name of a place within an environment, such as scoring/InferenceService/credit-pd."""
    if not _SLOT.fullmatch(text):
        raise Invalid(
            f"“{text[:80]}” names no slot; it takes up to {LONGEST_SLOT} letters, digits and . _ : / -.",
            field="slot",
        )
    return text


def plain_digest(text: str) -> str:
    """A digest as it stands everywhere: ``sha256:`` and 64 hexadecimal digits."""
    found = text if ":" in text else f"sha256:{text}"
    if not DIGEST.fullmatch(found):
        raise Invalid(f"“{text[:80]}” is no SHA-256 digest of what runs.", field="digest")
    return found


def source(text: str) -> Source:
    """Who tells what runs."""
    if text not in list(Source):
        raise Invalid(f"“{text[:40]}” is no source; it is one of {', '.join(Source)}.", field="source")
    return Source(text)


def answered(text: str) -> Answered:
    """What is said to something ungoverned."""
    if text not in list(Answered):
        raise Invalid(f"“{text[:40]}” is no answer; it is one of {', '.join(Answered)}.", field="answer")
    return Answered(text)


def not_later(moment: datetime, now: datetime, *, field: str) -> datetime:
    """A moment that has come already, with a time zone."""
    if moment.tzinfo is None:
        raise Invalid(f"The moment {moment} names no time zone.", field=field)
    if moment > now:
        raise Invalid(f"The moment {moment:%Y-%m-%d %H:%M:%S} is still to come.", field=field)
    return moment


def period(begins: datetime, ends: datetime, now: datetime) -> None:
    """A period that is over, of at most 31 days."""
    not_later(ends, now, field="ends")
    not_later(begins, now, field="begins")
    if not timedelta(0) < ends - begins <= timedelta(days=31):
        raise Invalid("A period ends after it begins, and within 31 days.", field="ends")


def ignored_until(until: datetime | None, now: datetime, longest: timedelta) -> datetime:
    """Until when something ungoverned may be passed over: a date to come, not too far away."""
    if until is None or until.tzinfo is None or not now < until <= now + longest:
        raise Invalid(f"Say until when it is ignored: a day within {longest.days} days.", field="until")
    return until


def ungoverned_still(row: Deployment, now: Deployment | None) -> None:
    """It is still what runs there, and the inventory still lacks it."""
    if now is None or now.pk != row.pk or not row.running:
        raise Refused("Something else runs there by now; look again.", code="changed")
    if row.version is not None:
        raise Refused("It is a registered version; there is nothing to settle.", code="governed")
