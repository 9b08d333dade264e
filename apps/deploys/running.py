"""Which version runs where, now or at the second that is read of, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.access.text import storable
from apps.approvals.models import Finding, SignOff
from apps.approvals.queries import open_findings, revealed_signoffs, standing_approval
from apps.audit.errors import NotFound
from apps.audit.past import as_of, clock
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.deploys.models import CallCount, Deployment, Environment, Rollback, Settlement
from apps.deploys.queries import would_answer
from apps.engine.admit import Admission as Answer
from apps.gates.models import Decision
from apps.gates.queries import latest_decision
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion, Use

DEPLOYMENT = "https://countersign.dev/deployment/v1"
MOST = 500
PERIODS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A slot with what runs in it: the change before, the findings, who approved, monitoring, calls."""

    row: Deployment
    history: list[Deployment]
    findings: list[Finding]
    approvers: list[SignOff]
    monitored: Decision | None
    calls: list[CallCount]
    settled: Settlement | None
    offers: list[Offer]
    rollbacks: list[Rollback]
    genuine: frozenset[UUID]

    @property
    def changed(self) -> Deployment | None:
        """What ran there before."""
        return next((one for one in self.history if one.since < self.row.since), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """A version that ran in a slot before, and whether it may run there now."""

    version: ModelVersion
    ran: Deployment
    answer: Answer


def genuine(rows: Iterable[Deployment]) -> frozenset[UUID]:
    """Those of the reports that say what was signed; the rows alone are believed by nobody."""
    every = list(rows)
    sealed = contents(row.statement_digest for row in every)
    return frozenset(row.pk for row in every if _says_the_same(row, sealed.get(row.statement_digest)))


def _says_the_same(row: Deployment, statement: Mapping[str, Any] | None) -> bool:
    if statement is None or statement["predicateType"] != DEPLOYMENT:
        return False
    said, subject = statement["predicate"], statement["subject"][0]
    digest = f"sha256:{subject['digest']['sha256']}"
    told = {
        "deployment": str(row.pk),
        "environment": row.environment.key,
        "slot": row.slot,
        "running": row.running,
        "version": row.version.digest if row.version else None,
        "admission": row.admission.statement_digest if row.admission else None,
        "source": row.source,
        "since": plain(row.since),
        "type": row.deploy_type or None,
    }
    return (not row.running or digest == row.digest) and all(said.get(k) == v for k, v in told.items())


def slot_now(place: Environment, slot: str) -> Deployment | None:
    """The newest that is known of a slot."""
    return _known().filter(environment=place, slot=slot).order_by("-since").first()


def _known() -> QuerySet[Deployment]:
    rows = Deployment.objects.select_related(
        "environment", "version__model__unit", "version__model__owner", "admission", "reported_by"
    )
    return rows if as_of() is None else rows.filter(since__lte=clock())


def _current() -> QuerySet[Deployment]:
    """The newest row of each slot: exactly one."""
    same = _known().filter(environment=OuterRef("environment"), slot=OuterRef("slot"))
    newest = same.order_by("-since").values("pk")[:1]
    return _known().filter(pk=Subquery(newest))


def _visible(by: Person) -> Q:
    mine = Q(version__model__in=visible_models(by)) | Q(reported_by=by)
    return mine | Q(version=None) if may(by, Permission.ADMISSION_SEE) else mine


def reported(by: Person) -> QuerySet[Deployment]:
    """Every report of what runs that the person may see, oldest first."""
    return _known().filter(_visible(by)).order_by("since", "id")


def slots(by: Person, *, environment: str = "", model: str = "", gone: bool = False) -> list[Deployment]:
    """What runs, one row a slot, by environment and slot; with `gone` also what no longer does."""
    rows = _current().filter(_visible(by))
    rows = rows if gone else rows.filter(running=True)
    if environment:
        rows = rows.filter(environment__key=environment) if storable(environment) else rows.none()
    if model:
        rows = rows.filter(version__model__key=model) if storable(model) else rows.none()
    return list(rows.order_by("environment__key", "slot")[:MOST])


def ungoverned(by: Person) -> list[Deployment]:
    """What runs and the inventory lacks, without an answer of a person that still counts."""
    counts = Settlement.objects.filter(deployment=OuterRef("pk")).filter(Q(until=None) | Q(until__gt=clock()))
    rows = _current().filter(_visible(by), running=True, version=None)
    return list(rows.filter(~Exists(counts)).order_by("environment__key", "slot")[:MOST])


def find_slot(by: Person, place: Environment, slot: str) -> Deployment:
    """What is known of a slot, or NotFound."""
    row = slot_now(place, slot) if storable(slot) else None
    if row is None or not Deployment.objects.filter(_visible(by), pk=row.pk).exists():
        raise NotFound(f'Nothing was reported of "{slot[:80]}" in {place.key}.')
    return row


def find_deployment(by: Person, deployment_id: UUID) -> Deployment:
    """One report, or NotFound."""
    row = _known().filter(_visible(by), pk=deployment_id).first()
    if row is None:
        raise NotFound(f"There is no deployment {deployment_id}.")
    return row


def asset(by: Person, row: Deployment) -> Asset:
    """Everything that is known of a slot."""
    history = list(_known().filter(_visible(by), environment=row.environment, slot=row.slot)[:100])
    use = _use(row)
    approval = standing_approval(row.version, use, clock()) if row.version and use else None
    calls = CallCount.objects.filter(environment=row.environment, slot=row.slot)
    back = Rollback.objects.filter(environment=row.environment, slot=row.slot)
    return Asset(
        row=row,
        history=sorted(history, key=lambda one: one.since, reverse=True),
        findings=_findings(row),
        approvers=revealed_signoffs(approval) if approval else [],
        monitored=latest_decision(row.version, use, Purpose.MONITORING) if row.version and use else None,
        calls=list(calls.order_by("-begins")[:PERIODS]),
        settled=row.settlements.select_related("settled_by", "model").first(),
        offers=rollback_offers(by, row, history),
        genuine=genuine(history),
        rollbacks=list(back.select_related("version", "asked_by", "finding")[:20]),
    )


def _findings(row: Deployment) -> list[Finding]:
    if row.version is None:
        return []
    return list(open_findings(row.version.model).filter(Q(version=None) | Q(version=row.version))[:50])


def _use(row: Deployment) -> Use | None:
    """The use that it was admitted for; without an answer the version's own."""
    if row.version is None:
        return None
    asked = row.admission.use if row.admission else ""
    own = asked or str((row.version.manifest.get("spec") or {}).get("use", ""))
    return row.version.model.uses.filter(key=own).first()


def rollback_offers(by: Person, row: Deployment, history: Sequence[Deployment] | None = None) -> list[Offer]:
    """The versions of the model that ran in a slot before, newest first, each with the answer of now."""
    if row.version is None:
        return []
    seen = history or list(_known().filter(_visible(by), environment=row.environment, slot=row.slot)[:100])
    found: dict[int, Offer] = {}
    true = genuine(seen)
    for one in sorted(seen, key=lambda ran: ran.since, reverse=True):
        version = one.version if one.pk in true else None
        if version is None or version.pk in found or version.pk == row.version.pk:
            continue
        use = _use(one)
        if version.model_id == row.version.model_id and use is not None and len(found) < 10:
            found[version.pk] = Offer(version, one, would_answer(version, use, row.environment))
    return list(found.values())
