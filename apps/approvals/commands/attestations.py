"""Attestations: a person's statement that an inventory entry is true."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Attestation
from apps.approvals.rounds import snapshot_of
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.engine.canonical import canonical, digest
from apps.inventory.models import RegisteredModel

ATTESTATION = "https://countersign.dev/attestation/v1"


@transaction.atomic
def attest(*, by: Person, model: RegisteredModel) -> Attestation:
    """Attest the entry as it stands now; the snapshot is sealed with it."""
    require(by, Permission.MODEL_ATTEST, model)
    now = timezone.now()
    snapshot = snapshot_of(model)
    statement = audit.seal(
        by=by,
        predicate_type=ATTESTATION,
        subjects=[replace(model.audit_ref(), digest=digest(canonical(snapshot)))],
        predicate={"entry": snapshot, "person": str(by.pk), "attestedAt": now},
        event=EventName.ATTESTATION_MADE,
    )
    return Attestation.objects.create(
        model=model, person=by, snapshot=snapshot, attested_at=now, statement_digest=statement.digest
    )
