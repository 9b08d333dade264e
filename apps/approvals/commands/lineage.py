"""What follows for what is fed: tasks to re-validate, and findings where nobody knows what feeds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import OuterRef, Subquery

from apps.access.guards import may, require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals import guards
from apps.approvals.commands.observed import open_observed_finding
from apps.approvals.models import Approval, Finding
from apps.approvals.states import ApprovalState, Severity
from apps.audit.errors import Refused
from apps.audit.states import Acting
from apps.gates.clock import database_now
from apps.inventory import graph
from apps.inventory.lineage import Thing
from apps.inventory.models import ModelVersion, Tiering
from apps.inventory.queries import current_tier

GRAVEST = 1
_SEVERITIES = {1: Severity.HIGH, 2: Severity.MEDIUM}


@dataclass(frozen=True, slots=True)
class Revalidation:
    """The tasks that were opened, and how many versions are for others to open them."""

    opened: list[Finding] = field(default_factory=list)
    left: int = 0


@transaction.atomic
def revalidate(*, by: Person, of: Thing, reason: str) -> Revalidation:
    """Open a task to re-validate for each version in use that a thing feeds, where the person may.

    A task that stands and says the same is kept. Versions that the person may not open findings on are
    counted, not named.
    """
    require_anywhere(by, Permission.FINDING_OPEN)
    said = guards.said(reason, "reason")
    fed = in_use(graph.fed_by(of))
    if not fed:
        raise Refused("Nothing that is in use is fed by it, so far as anybody told.")
    mine = [version for version in fed if may(by, Permission.FINDING_OPEN, version.model)]
    opened = [_task(by, version, of, said) for version in mine]
    return Revalidation(opened, len(fed) - len(mine))


def revalidate_after(*, by: Person, version: ModelVersion, reason: str) -> list[Finding]:
    """The same as what follows from taking an approval away: everywhere, whoever took it."""
    of = Thing.of(version)
    return [_task(by, fed, of, reason) for fed in in_use(graph.fed_by(of))]


def in_use(versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Those that are approved for a use, or the newest of their model."""
    rows = list(versions)
    keys = {version.model_id for version in rows}
    newest = ModelVersion.objects.filter(model__in=keys).order_by("model_id", "-registered_at", "-id")
    speaking = set(newest.distinct("model_id").values_list("pk", flat=True))
    granted = Approval.objects.filter(
        version__in=rows, state=ApprovalState.GRANTED, expires_at__gt=database_now(), use__retired_at=None
    )
    speaking |= set(granted.values_list("version_id", flat=True))
    return [version for version in rows if version.pk in speaking]


def _task(by: Person, version: ModelVersion, of: Thing, reason: str) -> Finding:
    name = f"{of.name}{'@' if of.label else ''}{of.label[:40]}"
    return open_observed_finding(
        by=by,
        model=version.model,
        version=version,
        title=f"Re-validate: {name} feeds it"[:300],
        severity=_SEVERITIES.get(current_tier(version.model) or GRAVEST, Severity.LOW),
        detail=reason,
    )


def open_missing_lineage_findings(*, by: Acting) -> list[Finding]:
    """A finding for each newest version of the gravest tier of which nobody says what it comes from, once."""
    tier = Tiering.objects.filter(model=OuterRef("model")).order_by("-assigned_at", "-id").values("tier")
    newest = ModelVersion.objects.order_by("model_id", "-registered_at", "-id").distinct("model_id")
    rows = ModelVersion.objects.filter(pk__in=newest.values("pk")).annotate(tier=Subquery(tier[:1]))
    told = Finding.objects.filter(title=_UNKNOWN).values("version")
    found = rows.filter(tier=GRAVEST).exclude(pk__in=told).select_related("model__owner", "model__unit")
    made = (_unknown(by=by, version=version) for version in found)
    return [finding for finding in made if finding is not None]


_UNKNOWN = "Nobody told where it comes from"


@transaction.atomic
def _unknown(*, by: Acting, version: ModelVersion) -> Finding | None:
    lacking = graph.missing_upstream(version)
    if not lacking:
        return None
    return open_observed_finding(
        by=by,
        model=version.model,
        version=version,
        title=_UNKNOWN,
        severity=Severity.MEDIUM,
        detail="\n".join(lacking),
    )
