"""One message on its way: what came of it, whatever the other side did."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from apps.access.locked import unlock
from apps.engine.errors import BadInput, Problem
from apps.notices.guards import permitted
from apps.notices.models import Delivery, Endpoint
from apps.notices.signing import headers
from apps.notices.states import (
    ANSWER_BYTES,
    JITTER,
    LONGEST_PAUSE,
    SCHEDULE,
    SENDING_S,
    EndpointKind,
)
from apps.notices.wording import sent_to
from apps.outside.asking import Answer, TooMuch, post

_BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one attempt."""

    delivered: bool
    said: str
    status: int | None = None
    gone: bool = False
    # Not to be tried again, whatever the schedule says.
    final: bool = False
    after: timedelta | None = None


def locked_for(endpoint: Endpoint, what: str) -> str:
    """What a locked value is bound to: another endpoint's opens nothing."""
    return f"the {what} of endpoint {endpoint.pk}"


def send(delivery: Delivery, endpoint: Endpoint, now: datetime) -> Came:
    """Tell an endpoint; every problem becomes a sentence, never an exception."""
    url = unlock(bytes(endpoint.address), for_what=locked_for(endpoint, "address"))
    keys = _keys(endpoint, now)
    if url is None or (endpoint.kind == EndpointKind.WEBHOOK and not keys):
        return Came(False, "Its address or secret cannot be unlocked with the service's present key.")
    body, media = sent_to(endpoint.kind, bytes(delivery.body))
    told = {"Content-Type": media, "User-Agent": "countersign"}
    if keys:
        told |= headers(str(delivery.pk), now, body, keys)
    return _posted(url.decode(), body, told, now)


def _keys(endpoint: Endpoint, now: datetime) -> list[bytes]:
    rows = [row for row in endpoint.secrets.all() if row.ends_at is None or row.ends_at > now]
    found = (unlock(bytes(row.locked), for_what=locked_for(endpoint, "secret")) for row in rows)
    return [key for key in found if key is not None]


def _posted(url: str, body: bytes, told: dict[str, str], now: datetime) -> Came:
    try:
        allowed = permitted(url)
        answer = post(url, body, told, allowed=allowed, most=ANSWER_BYTES, seconds=SENDING_S)
    except TooMuch as cut:
        return judged(Answer(cut.status, {}, b""), now)
    except (BadInput, Problem) as problem:
        return Came(False, str(problem)[:300])
    return judged(answer, now)


def judged(answer: Answer, now: datetime) -> Came:
    """What an answer means: only 2xx is a yes, and nothing is followed."""
    status = answer.status
    if 200 <= status < 300:
        return Came(True, f"It answered {status}.", status)
    if status == 410:
        return Came(False, "It answered 410: the endpoint is gone.", status, gone=True)
    moved = ", which would lead elsewhere and is not followed" if 300 <= status < 400 else ""
    after = retry_after(answer.headers.get("retry-after", ""), now) if status in _BUSY else None
    return Came(False, f"It answered {status}{moved}.", status, after=after)


def retry_after(text: str, now: datetime) -> timedelta | None:
    """How long the other side asks to be left alone: seconds or a date, a day at most."""
    told = text.strip()
    if told.isascii() and told.isdigit() and len(told) < 10:
        return min(timedelta(seconds=int(told)), LONGEST_PAUSE)
    try:
        at = parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), LONGEST_PAUSE)


def next_pause(tried: int, after: timedelta | None) -> timedelta | None:
    """How long to wait after so many attempts; None where the schedule is at its end."""
    if tried >= len(SCHEDULE):
        return None
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing
    return max(timedelta(seconds=SCHEDULE[tried] * spread), after or timedelta(0))
