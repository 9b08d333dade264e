"""Taking in what was measured elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.inventory import elsewhere
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ModelVersion


@transaction.atomic
def report_evidence(*, by: Person, version: ModelVersion, given: Mapping[str, Any]) -> Statement:
    """Seal what a job elsewhere says that it measured of a version: which run, which image, which data.

    It is self-reported, and no gate ever rests on it: a decision looks at what was measured here alone. The
    same run is told once; the same report again gives what was sealed.
    """
    require(by, Permission.VERSION_REGISTER, version.model)
    told = elsewhere.as_reported(given)
    hold_model(version.model.key)
    before = elsewhere.known_run(version, told["system"], told["run"])
    if before is not None:
        return _the_same(before, told, version)
    return audit.seal(
        by=by,
        predicate_type=elsewhere.REPORTED,
        subjects=[version.audit_ref()],
        predicate={
            "version": version.digest,
            **told,
            "provenance": "self-reported",
            "reportedBy": str(by.pk),
        },
        event=EventName.EVIDENCE_REPORTED,
        about=version,
    )


def _the_same(before: Statement, told: Mapping[str, Any], version: ModelVersion) -> Statement:
    said = next(one.said for one in elsewhere.reported_of(version) if one.digest == before.digest)
    if any(said.get(name) != value for name, value in told.items()):
        raise Refused(
            f"The run {told['run']} of {told['system']} was told with other words before.", code="reported"
        )
    return before
