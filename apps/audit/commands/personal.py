from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from apps.audit.commands.recording import record
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Event, Personal
from apps.audit.states import Acting, Referable


@transaction.atomic
def erase_personal(
    *, by: Acting, person: Referable, belonging: Sequence[Referable] = (), reason: str
) -> Event:
    """Delete a person's name and addresses from beside the trail; the trail itself stays whole.

    `belonging` are other things whose names say the person's, such as roles given to them.
    """
    if not reason.strip():
        raise Refused("A reason is needed to erase personal data.", code="invalid", field="reason")
    others = [row.audit_ref() for row in belonging]
    owners = [person.audit_ref().id, *(f"{ref.type}:{ref.id}" for ref in others)]
    beside = Personal.objects.filter(person_id__in=owners)
    event = record(
        by=by,
        action=EventName.PERSON_ERASED,
        subject=person,
        after={"erased": beside.count()},
        reason=reason,
    )
    # The event itself names the person beside it too; that goes with the rest.
    Personal.objects.filter(person_id__in=owners).delete()
    return event
