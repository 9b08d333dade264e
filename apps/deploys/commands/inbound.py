"""What comes in is taken in once: the note of it and its effect stand or fall together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.access.locked import lock
from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.deploys.commands.reported import act_on
from apps.deploys.integrations import hints
from apps.deploys.integrations.heard import Asked, Heard, Overspent
from apps.deploys.models import Inbound, Integration, Question, RegistryPoll

Effect = Callable[[Inbound], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """The note of a delivery, and whether it was new."""

    row: Inbound
    new: bool


@transaction.atomic
def take_in(
    *, by: Person, integration: Integration, heard: Heard, body: bytes, effect: Effect | None = None
) -> Taken:
    """Note a delivery and do what it asks for, once however often it comes.

    `effect` is called in the same transaction, with the note; a known delivery calls nothing.
    """
    row = Inbound(
        integration=integration,
        delivery=heard.delivery,
        what=heard.what[:80],
        body_digest=f"sha256:{hashlib.sha256(body).hexdigest()}",
        outcome=heard.outcome[:300],
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return _known(by, row, heard)
    if heard.asked is not None:
        _ask(row, heard.asked)
    if heard.look:
        _look(row)
    if heard.spent is not None:
        _overspent(by, row, heard.spent)
    if heard.reported is not None:
        act_on(by=by, reported=heard.reported, body=row.body_digest)
    if effect is not None:
        effect(row)
    after = {"integration": integration.name, "body": row.body_digest, "outcome": row.outcome}
    audit.record(by=by, action=EventName.INBOUND_TAKEN, subject=row, after=after)
    return Taken(row, new=True)


def _known(by: Person, row: Inbound, heard: Heard) -> Taken:
    """A delivery that came before; one that asks again is told again."""
    found = Inbound.objects.get(integration=row.integration, delivery=row.delivery)
    if found.body_digest != row.body_digest:
        raise Refused(
            "A delivery of this id was taken in before, and said something else.", code="key_reused"
        )
    if heard.again:
        told = Question.objects.filter(inbound=found).exclude(told_at=None)
        if told.update(told_at=None, told="", next_at=Now(), attempts=0, reports=0, asked_at=Now()):
            audit.record(by=by, action=EventName.INBOUND_TAKEN, subject=found, reason="It was sent again.")
    return Taken(found, new=False)


def _look(row: Inbound) -> None:
    """Something changed in a registry: it is read again soon, however often it is said."""
    RegistryPoll.objects.get_or_create(integration=row.integration)
    RegistryPoll.objects.filter(integration=row.integration, due_at__gt=Now()).update(due_at=Now())
    hints.send_after_commit(row.integration_id, task=hints.READ)


def _overspent(by: Person, row: Inbound, spent: Overspent) -> None:
    """Told to those who set budgets; it changes no budget of ours."""
    audit.record(
        by=by,
        action=EventName.SPENDING_EXCEEDED,
        subject=row.integration,
        after=asdict(spent),
        reason=spent.words(),
    )


def _ask(row: Inbound, asked: Asked) -> None:
    question = Question.objects.create(
        inbound=row,
        integration=row.integration,
        source=asked.source,
        place=asked.place,
        commit=asked.commit,
        ref=asked.ref,
        where=dict(asked.where),
        locked=lock(asked.token.encode(), for_what=f"question {row.pk}") if asked.token else None,
    )
    hints.send_after_commit(question.pk)
