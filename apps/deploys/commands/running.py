"""What runs where: reports of pipelines, clusters and registries, and what they call for."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from apps.access.guards import may, require, require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.approvals import commands as approvals
from apps.approvals.states import Severity
from apps.audit import commands as audit
from apps.audit.errors import Invalid, NotFound, Refused
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.deploys import guards
from apps.deploys.commands.admissions import admit
from apps.deploys.models import Admission, CallCount, Deployment, Environment, Rollback, Settlement
from apps.deploys.queries import find_environment
from apps.deploys.running import DEPLOYMENT, find_slot, rollback_offers, slot_now
from apps.deploys.states import Answered
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.queries import find_model, find_version

LONGEST_IGNORED = timedelta(days=366)


@transaction.atomic
def report_deployment(
    *,
    by: Person,
    environment: str,
    slot: str,
    digest: str = "",
    model: str = "",
    version: str = "",
    source: str = "pipeline",
    since: datetime | None = None,
    deploy_type: str = "",
) -> Deployment:
    """Write down what a slot runs since a moment; a report that changes nothing writes nothing.

    An empty digest says that the slot runs nothing any more. What runs without a valid answer of the deploy
    gate opens a finding; what the inventory lacks waits in the inbox of ungoverned endpoints.
    """
    require_anywhere(by, Permission.ADMISSION_ASK)
    place = find_environment(environment)
    named = guards.slot(slot)
    now = database_now()
    begun = guards.not_later(since or now, now, field="since")
    running = guards.plain_digest(digest) if digest else ""
    _one_at_a_time(place, named)
    known = _known(by, running, model, version)
    admission = _admission(known, place, begun) if known and running else None
    kind = guards.deploy_type(deploy_type) or (admission.deploy_type if admission else "")
    before = slot_now(place, named)
    if before is not None and _same(before, running, known, guards.deploy_type(deploy_type)):
        return before
    if before is not None and begun <= before.since:
        raise Refused(
            f"{place.key}/{named} is known to have changed at {before.since:%Y-%m-%d %H:%M:%S} UTC, "
            "after the moment that is reported.",
            code="out_of_order",
        )
    return _written(by, Deployment(
        reported_at=now,
        environment=place,
        slot=named,
        running=bool(running),
        digest=running,
        model_key=clean(model, field="model", longest=200) or (known.model.key if known else ""),
        version_label=clean(version, field="version", longest=120) or (known.label if known else ""),
        version=known,
        admission=admission,
        deploy_type=kind if running else "",
        source=guards.source(source),
        since=begun,
        reported_by=by,
    ))  # fmt: skip


def _one_at_a_time(place: Environment, slot: str) -> None:
    """Two reports of one slot wait for each other, so that each sees the other's change."""
    key = hashlib.sha256(f"slot|{place.key}|{slot}".encode()).digest()[:8]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(key, "big", signed=True)])


def _same(before: Deployment, digest: str, known: ModelVersion | None, kind: str) -> bool:
    version = known.pk if known else None
    told = (bool(digest), digest, version)
    return (before.running, before.digest, before.version_id) == told and kind in ("", before.deploy_type)


def _known(by: Person, digest: str, model: str, label: str) -> ModelVersion | None:
    """The version that these bytes are, as far as the reporter may speak of it; None where there is none."""
    if not digest:
        return None
    theirs = Q(digest=digest) | Q(artifact_id=digest) | Q(manifest_digest=digest)
    rows = ModelVersion.objects.filter(theirs).select_related("model__unit").order_by("-registered_at", "-pk")
    if model:
        rows = rows.filter(model__key=model)
    if label:
        rows = rows.filter(label=label)
    return next((row for row in rows[:50] if may(by, Permission.ADMISSION_ASK, row.model)), None)


def _admission(version: ModelVersion, place: Environment, at: datetime) -> Admission | None:
    """The newest answer that let this version begin there at that moment."""
    rows = Admission.objects.filter(
        version=version, environment=place.key, allowed=True, asked_at__lte=at, expires_at__gt=at
    )
    return rows.order_by("-asked_at").first()


def _written(by: Person, row: Deployment) -> Deployment:
    row.statement_digest = audit.seal(
        by=by,
        predicate_type=DEPLOYMENT,
        subjects=[Ref("slot", str(row.pk), f"slot:{row}", row.digest or _nothing(row))],
        predicate={
            "deployment": str(row.pk),
            "environment": row.environment.key,
            "slot": row.slot,
            "running": row.running,
            "version": row.version.digest if row.version else None,
            "admission": row.admission.statement_digest if row.admission else None,
            "source": row.source,
            "since": row.since,
            **({"type": row.deploy_type} if row.deploy_type else {}),
        },
        event=EventName.DEPLOYMENT_REPORTED,
        about=Ref("deployment", str(row.pk), str(row)),
    ).digest
    row.save(force_insert=True)
    if row.running:
        _findings(by, row)
    return row


def _nothing(row: Deployment) -> str:
    return f"sha256:{hashlib.sha256(f'{row}'.encode()).hexdigest()}"


def _findings(by: Person, row: Deployment) -> None:
    where = f"{row.slot} of {row.environment.key}"
    if row.version is not None and row.admission is None:
        approvals.open_observed_finding(
            by=by,
            model=row.version.model,
            version=row.version,
            title=f"Runs in {where} without a valid answer of the deploy gate"[:300],
            detail=f"Reported by {row.source} since {row.since:%Y-%m-%d %H:%M:%S} UTC: {row.digest}.",
            severity=Severity.HIGH,
        )
    elif row.version is None and row.model_key:
        model = RegisteredModel.objects.filter(key=row.model_key).first()
        if model is not None and may(by, Permission.ADMISSION_ASK, model):
            approvals.open_observed_finding(
                by=by,
                model=model,
                title=f"Unregistered bytes run in {where}"[:300],
                detail=f"{row.digest} is no registered version of {model.key}; reported by {row.source}.",
                severity=Severity.HIGH,
            )


@transaction.atomic
def count_calls(
    *, by: Person, environment: str, slot: str, begins: datetime, ends: datetime, calls: int
) -> CallCount:
    """How often a slot was called in a period; each period is told once."""
    require_anywhere(by, Permission.ADMISSION_ASK)
    place, named, now = find_environment(environment), guards.slot(slot), database_now()
    guards.period(begins, ends, now)
    if isinstance(calls, bool) or not 0 <= calls < 1 << 62:
        raise Invalid(f"The calls are zero or more, not {calls}.", field="calls")
    find_slot(by, place, named)
    _one_at_a_time(place, named)
    if CallCount.objects.filter(
        environment=place, slot=named, begins__lt=ends, ends__gt=begins
    ).exists():  # fmt: skip
        raise Refused(f"Calls of {named} in this period are known already.", code="counted")
    row = CallCount.objects.create(
        reported_at=now, environment=place, slot=named, begins=begins, ends=ends, calls=calls, reported_by=by
    )
    subject = Ref("slot", f"{place.key}/{named}"[:200], f"{place.key}/{named}"[:200])
    after = {"begins": begins.isoformat(), "ends": ends.isoformat(), "calls": calls}
    audit.record(by=by, action=EventName.CALLS_COUNTED, subject=subject, after=after)
    return row


# What the inventory lacks ---------------------------------------------------------------------------------


@transaction.atomic
def settle(
    *,
    by: Person,
    deployment: Deployment,
    answer: str,
    reason: str,
    model: str = "",
    until: datetime | None = None,
) -> Settlement:
    """Answer to what runs ungoverned: it belongs to a model, is ignored for a time, or is a finding."""
    require_anywhere(by, Permission.FINDING_OPEN)
    said = required(reason, field="reason", longest=2000)
    chosen = guards.answered(answer)
    _one_at_a_time(deployment.environment, deployment.slot)
    guards.ungoverned_still(deployment, slot_now(deployment.environment, deployment.slot))
    owner = None if chosen is Answered.IGNORED else _owning(by, model)
    if owner is None:
        require(by, Permission.FINDING_OPEN)
    now = database_now()
    row = Settlement(
        settled_at=now,
        deployment=deployment,
        answer=chosen,
        reason=said,
        model=owner,
        until=guards.ignored_until(until, now, LONGEST_IGNORED) if owner is None else None,
        settled_by=by,
    )
    if owner is not None:
        where = f"{deployment.slot} of {deployment.environment.key}"
        row.finding = approvals.open_observed_finding(
            by=by,
            model=owner,
            title=f"Unregistered bytes run in {where}"[:300],
            detail=f"{deployment.digest} is no registered version of {owner.key}. {said}",
            severity=Severity.HIGH if chosen is Answered.FINDING else Severity.MEDIUM,
        )
    row.save(force_insert=True)
    after = {"answer": chosen, "model": owner.key if owner else "", "deployment": deployment.statement_digest}
    audit.record(by=by, action=EventName.DEPLOYMENT_SETTLED, subject=row, after=after, reason=said)
    return row


def _owning(by: Person, key: str) -> RegisteredModel:
    model = find_model(by, required(key, field="model", longest=200))
    require(by, Permission.FINDING_OPEN, model)
    return model


# Going back ------------------------------------------------------------------------------------------------


@transaction.atomic
def roll_back(*, by: Person, environment: str, slot: str, version: str, reason: str) -> Rollback:
    """Give a slot back to a version that ran there before and whose approval holds now; no new approval."""
    require_anywhere(by, Permission.ADMISSION_ASK)
    said = required(reason, field="reason", longest=2000)
    place, named = find_environment(environment), guards.slot(slot)
    left = find_slot(by, place, named)
    if left.version is None:
        raise Refused(f"{named} runs nothing that is registered; there is no version to go back from.")
    offered = {o.version.label: o for o in rollback_offers(by, left)}
    offer = offered.get(version)
    if offer is None:
        find_version(by, left.version.model.key, version)
        raise Refused(f"{version} never ran in {named} of {place.key}.", code="never_ran")
    if not offer.answer.allowed:
        why = " ".join(r.message for r in offer.answer.reasons)
        raise Refused(f"There is no way back to {version}: {why}", code="not_approved_now")
    return _rolled_back(by, left, offer.version, said)


def _admitted_back(by: Person, left: Deployment, to: ModelVersion) -> Admission:
    """The answer for the way back, deployed as what runs there now was said to be."""
    said = left.admission
    admission = admit(
        by=by,
        model=to.model.key,
        version=to.label,
        environment=left.environment.key,
        digest=to.digest,
        deploy_type=left.deploy_type,
        properties=said.properties if said else {},
    )
    if not admission.allowed:
        why = " ".join(str(reason["message"]) for reason in admission.reasons)
        raise Refused(f"There is no way back to {to.label}: {why}", code="not_approved_now")
    return admission


def _rolled_back(by: Person, left: Deployment, to: ModelVersion, said: str) -> Rollback:
    here = left.version
    if here is None:
        raise NotFound("There is no version to go back from.")
    where = f"{left.slot} of {left.environment.key}"
    admission = _admitted_back(by, left, to)
    finding = approvals.open_observed_finding(
        by=by,
        model=here.model,
        version=here,
        title=f"Rolled back from {here.label} to {to.label} in {where}"[:300],
        detail=said,
        severity=Severity.HIGH,
    )
    row = Rollback(
        id=uuid.uuid4(),
        asked_at=database_now(),
        environment=left.environment,
        slot=left.slot,
        left=left,
        version=to,
        admission=admission,
        finding=finding,
        reason=said,
        asked_by=by,
    )
    row.save(force_insert=True)
    after = {"from": here.digest, "to": to.digest, "admission": admission.statement_digest}
    audit.record(by=by, action=EventName.DEPLOYMENT_ROLLED_BACK, subject=row, after=after, reason=said)
    return row
