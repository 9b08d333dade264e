from __future__ import annotations

from django.db import transaction

from apps.audit.commands.recording import record
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Event, Personal
from apps.audit.states import Acting, Referable


@transaction.atomic
def erase_personal(*, by: Acting, person: Referable, reason: str) -> Event:
    """Delete a person's name and addresses from beside the trail; the trail itself stays whole."""
    if not reason.strip():
        raise Refused("A reason is needed to erase personal data.", code="invalid", field="reason")
    person_id = person.audit_ref().id
    event = record(
        by=by,
        action=EventName.PERSON_ERASED,
        subject=person,
        after={"erased": Personal.objects.filter(person_id=person_id).count()},
        reason=reason,
    )
    Personal.objects.filter(person_id=person_id).delete()
    return event
