"""Reminders: each step that a date reaches is told once; what goes to the next level is an event."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.notices.commands.lines import note_lines
from apps.notices.models import Reminder
from apps.notices.people import Line
from apps.notices.reminding import Step, steps, untold


def remind(*, by: Acting, now: datetime | None = None) -> int:
    """Tell of every step that was reached and not told; how many."""
    at = now or timezone.now()
    found = list(steps(at))
    keys = [step.key for step in found]
    known = set(Reminder.objects.filter(step__in=keys).values_list("step", flat=True))
    return sum(_reminded(by, step, at) for step in untold(found, known))


@transaction.atomic
def _reminded(by: Acting, step: Step, at: datetime) -> bool:
    given = {
        "thing": step.thing,
        "thing_id": step.thing_id,
        "model_key": step.place.model,
        "text": step.text[:500],
        "escalated": step.escalated,
        "at": at,
    }
    row, fresh = Reminder.objects.get_or_create(step=step.key, defaults=given)
    if not fresh:
        return False
    note_lines((_line(step, person) for person in step.people), at)
    if step.escalated:
        after = {"step": step.key, "people": [str(person.pk) for person in step.people]}
        audit.record(by=by, action=EventName.REMINDER_ESCALATED, subject=row, after=after)
    return True


def _line(step: Step, person: Person) -> Line:
    return Line(
        person=person,
        topic=step.topic,
        about=f"reminder:{step.key}",
        text=step.text,
        link=step.link,
        place=step.place,
    )
