"""Break-glass: asked for, agreed to by a second person, refused or ended. It changes no other fact."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.access.guards import may, require, require_reauthentication
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.approvals.commands import open_finding
from apps.approvals.models import Finding
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.deploys import glass
from apps.deploys.models import Environment
from apps.deploys.models_glass import Glass, GlassEnd, GlassRequest
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion, Use

REVIEWED_WITHIN = timedelta(days=7)


@transaction.atomic
def ask_to_break_glass(
    *,
    by: Person,
    version: ModelVersion,
    use: Use,
    environment: Environment,
    minutes: int,
    reason: str,
    ticket: str,
    reauthenticated_at: datetime | None,
) -> GlassRequest:
    """Ask that a version may run for a few hours although it is not allowed; alone this opens nothing."""
    glass.may_ask(by, version, use)
    require_reauthentication(reauthenticated_at)
    row = GlassRequest.objects.create(
        version=version,
        use=use,
        environment=environment,
        digest=version.digest,
        minutes=glass.minutes(minutes),
        reason=required(reason, field="reason", lines=True),
        ticket=required(ticket, field="ticket", longest=200),
        asked_by=by,
    )
    audit.record(by=by, action=EventName.BREAK_GLASS_ASKED, subject=row, after=_told(row), reason=row.reason)
    return row


@transaction.atomic
def break_glass(*, by: Person, request: GlassRequest, reauthenticated_at: datetime | None) -> Glass:
    """Agree as the second person: from this second the version may run there, and a high finding is open."""
    held = _hold(request)
    glass.may_agree(by, held)
    require_reauthentication(reauthenticated_at)
    now = database_now()
    if now > held.asked_at + glass.ANSWERED_WITHIN:
        raise Refused("The request is older than a day; ask again.")
    row = Glass(
        request=held,
        granted_by=by,
        valid_from=now,
        valid_to=now + timedelta(minutes=held.minutes),
        finding=_finding(by, held, now),
    )
    statement = audit.seal(
        by=by,
        predicate_type=glass.PREDICATE,
        subjects=[held.version.audit_ref()],
        predicate={**glass.said(row), "reason": held.reason, "ticket": held.ticket},
        event=EventName.BREAK_GLASS_GRANTED,
        about=held.audit_ref(),
    )
    row.statement_digest = statement.digest
    row.save(force_insert=True)
    return row


@transaction.atomic
def end_break_glass(*, by: Person, request: GlassRequest, reason: str) -> GlassEnd:
    """End it before its time, or refuse a request: whoever may ask or agree; it only takes away."""
    model = request.version.model
    if not may(by, Permission.BREAK_GLASS_ASK, model):
        require(by, Permission.BREAK_GLASS_GRANT, model)
    held = _hold(request)
    if GlassEnd.objects.filter(request=held).exists():
        raise Refused("It has ended already.")
    found = Glass.objects.filter(request=held).first()
    if found is not None and found.valid_to <= database_now():
        raise Refused("Its time is over already.")
    row = GlassEnd.objects.create(
        request=held, ended_by=by, reason=required(reason, field="reason", lines=True)
    )
    audit.record(
        by=by, action=EventName.BREAK_GLASS_ENDED, subject=held, after=_told(held), reason=row.reason
    )
    return row


def _hold(request: GlassRequest) -> GlassRequest:
    """Two who agree at once follow each other."""
    with connection.cursor() as cursor:  # the row itself is a fact, which nobody may lock
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"break_glass:{request.pk}"])
    rows = GlassRequest.objects.select_related("version__model__owner", "use", "environment", "asked_by")
    return rows.get(pk=request.pk)


def _finding(by: Person, request: GlassRequest, now: datetime) -> Finding:
    version = request.version
    return open_finding(
        by=by,
        model=version.model,
        version=version,
        title=f"Break-glass: {version} in {request.environment.key} without being allowed",
        severity="high",
        due=(now + REVIEWED_WITHIN).date(),
        detail=(
            f"Asked for by {request.asked_by.name}, agreed to by {by.name}, for {request.minutes} minutes "
            f"from {now:%Y-%m-%d %H:%M} UTC. Ticket: {request.ticket}. Reason: {request.reason}\n"
            "Review afterwards what ran, why it was not allowed, and what is to change."
        ),
    )


def _told(request: GlassRequest) -> dict[str, object]:
    return {
        "version": request.digest,
        "use": request.use.key,
        "environment": request.environment.key,
        "minutes": request.minutes,
        "ticket": request.ticket,
    }
