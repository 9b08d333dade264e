"""Attestations: a person's statement that an inventory entry is true."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Attestation
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.engine.canonical import canonical, digest
from apps.inventory.models import RegisteredModel
from apps.inventory.queries import current_tier

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


def snapshot_of(model: RegisteredModel) -> dict[str, object]:
    """The entry as the attesting person saw it."""
    return {
        "key": model.key,
        "title": model.title,
        "purpose": model.purpose,
        "limitations": model.limitations,
        "kind": model.kind,
        "domain": model.domain,
        "jurisdictions": model.jurisdictions,
        "vendor": model.vendor,
        "exposure_eur": None if model.exposure_eur is None else format(model.exposure_eur, "f"),
        "owner": model.owner.username,
        "tier": current_tier(model),
        "versions": [v.digest for v in model.versions.all()],
    }
