"""Notices of people: read, chosen by topic, gathered into letters."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.notices import guards
from apps.notices.models import Delivery, Notice, Subscription
from apps.notices.states import Channel, Mail

MOST = 1000
MORNING = 7  # letters of a day or a week are written from this hour on, in UTC


@transaction.atomic
def read_notices(*, by: Person, notice: Notice | None = None) -> int:
    """Mark one of one's notices as read, or all of them."""
    rows = Notice.objects.filter(person_id=by.pk, read_at=None)
    rows = rows if notice is None else rows.filter(pk=notice.pk)
    return rows.update(read_at=timezone.now())


@transaction.atomic
def subscribe(
    *, by: Person, topic: str, listed: bool, mail: str, unit: str = "", model: str = ""
) -> Subscription:
    """Say what one wants to hear of a topic, and about which models."""
    about, when = guards.subscribing(by, topic, mail)
    guards.scope(by, unit, model)
    said = {"listed": listed, "mail": when, "unit_key": unit, "model_key": model}
    row, _ = Subscription.objects.update_or_create(person=by, topic=about, defaults=said)
    after = {"topic": about, **said}
    audit.record(by=by, action=EventName.SUBSCRIPTION_SET, subject=row, after=after)
    return row


@transaction.atomic
def gather_letters(*, by: Acting, now: datetime | None = None) -> int:
    """A letter for each person with something that is to be written now; how many."""
    at = now or timezone.now()
    waiting = Notice.objects.select_for_update(skip_locked=True).filter(letter=None, mail__in=_due(at))
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, person, mail in waiting.order_by("pk").values_list("pk", "person_id", "mail")[:MOST]:
        found[person, mail].append(pk)
    return sum(_letter(person, mail, keys, at) for (person, mail), keys in found.items())


def _due(at: datetime) -> list[str]:
    """Which letters are written at this hour."""
    if at.hour < MORNING:
        return [Mail.AT_ONCE]
    return [Mail.AT_ONCE, Mail.DAILY, *([Mail.WEEKLY] if at.weekday() == 0 else [])]


def _letter(person: int, mail: str, keys: list[int], at: datetime) -> bool:
    about = f"{mail}:{uuid4()}" if mail == Mail.AT_ONCE else f"{mail}:{at:%G-%m-%d}"
    held, fresh = Delivery.objects.get_or_create(
        person_id=person,
        about=about,
        channel=Channel.LETTER,
        defaults={"kind": mail, "made_at": at, "due_at": at},
    )
    if not fresh:  # today's was written already: tomorrow's takes these
        return False
    Notice.objects.filter(pk__in=keys).update(letter=held)
    return True
