"""Reports of every other kind: asked for by a person, made by a worker from the row, sealed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit import timestamps
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.queries import read_statement
from apps.audit.states import Acting, Ref
from apps.engine.canonical import canonical, digest
from apps.engine.errors import Problem
from apps.inventory.commands import keep_made
from apps.inventory.models import ModelVersion
from apps.reports import drawing, guards, kinds, queries, snapshots
from apps.reports.documents import Document
from apps.reports.models import Report, ReportRefusal, ReportRequest, ReportSnapshot

DOCUMENT = "https://countersign.dev/report-document/v1"
SNAPSHOT = "https://countersign.dev/report-snapshot/v1"
TASK = "apps.reports.tasks.make_document"
log = logging.getLogger(__name__)


@transaction.atomic
def ask_report(
    *, by: Person, kind: str, version: ModelVersion | None = None, scope: Mapping[str, Any] | None = None
) -> ReportRequest:
    """Ask for a report; a worker makes it as the person may see it."""
    wanted = guards.can_ask(by, kind, version, scope or {})
    request = ReportRequest(kind=wanted.kind, version=version, scope=wanted.scope, person=by)
    event = audit.record(
        by=by,
        action=EventName.REPORT_ASKED,
        subject=request,
        after={"kind": wanted.kind, "version": version.digest if version else "", **wanted.scope},
    )
    request.asked_at = event.occurred_at
    request.save(force_insert=True)
    transaction.on_commit(lambda: _send(request))
    return request


def _send(request: ReportRequest) -> bool:
    told = {"queue": "heavy", "retry": False, "ignore_result": True, "expires": 60.0}
    try:
        current_app.send_task(TASK, args=[str(request.pk)], **told)
    except Exception as error:  # every broker has its own; the next sweep tries again
        log.warning("the report %s waits for the sweep (%s)", request.pk, error)
        return False
    return True


def make_asked(*, by: Acting) -> int:
    """Send word of every report that was asked for and is not there; how many were sent."""
    return sum(_send(request) for request in queries.waiting_requests()[:100])


def make_document(*, by: Acting, request: ReportRequest) -> Report | None:
    """The report that somebody asked for, made once; None where it is refused, with the reason on record."""
    found = Report.objects.filter(request=request).first()
    if found is not None or ReportRefusal.objects.filter(request=request).exists():
        return found
    made_at = timezone.now()
    try:
        guards.can_ask(request.person, request.kind, request.version, request.scope)
        document = _document(by, request, made_at)
        authority = timestamps.authority()
        made = drawing.draw_document(
            document, made_at=made_at, authority=authority.words if authority else ""
        )
    except (Refused, Problem) as error:
        _refuse(by, request, str(error))
        return None
    return _keep(by, request, document, made)


def _document(by: Acting, request: ReportRequest, now: datetime) -> Document:
    """What the report says; one over many things is sealed first and drawn from what was sealed."""
    if request.version is not None:
        return _said(request, now)
    sealed = _snapshot(by, request, now).statement_digest
    return snapshots.document_of(read_statement(sealed)["predicate"]["report"], sealed)


def _said(request: ReportRequest, now: datetime) -> Document:
    return kinds.content(
        request.kind, by=request.person, now=now, version=request.version, scope=request.scope
    )


@transaction.atomic
def _snapshot(by: Acting, request: ReportRequest, now: datetime) -> ReportSnapshot:
    _only_one(request)
    found = ReportSnapshot.objects.filter(request=request).first()
    if found is not None:
        return found
    form = snapshots.sealed_form(_said(request, now))
    statement = audit.seal(
        by=by,
        predicate_type=SNAPSHOT,
        subjects=[Ref("snapshot", str(request.pk), f"{request.kind} report", digest(canonical(form)))],
        predicate={"kind": request.kind, "request": str(request.pk), "scope": request.scope, "report": form},
        event=EventName.SNAPSHOT_SEALED,
        on_behalf_of=request.person,
    )
    return ReportSnapshot.objects.create(
        request=request, at=statement.signed_at, statement_digest=statement.digest
    )


@transaction.atomic
def _keep(by: Acting, request: ReportRequest, document: Document, made: drawing.Made) -> Report | None:
    _only_one(request)
    found = Report.objects.filter(request=request).first()
    if found is not None:
        return found
    blob = keep_made(by=by, data=made.pdf, media="application/pdf")
    page = keep_made(by=by, data=made.page.encode(), media="text/html")
    title = f"{document.title}: {document.about}"[:200]
    statement = audit.seal(
        by=by,
        predicate_type=DOCUMENT,
        subjects=[Ref(type="report", id=str(request.pk), name=title, digest=blob.digest)],
        predicate={
            "kind": request.kind,
            "request": str(request.pk),
            "page": page.digest,
            "version": request.version.digest if request.version else "",
            "scope": request.scope,
            "evidence": _rests_on(request, document),
        },
        event=EventName.REPORT_MADE,
        on_behalf_of=request.person,
    )
    return Report.objects.create(
        kind=request.kind,
        version=request.version,
        title=title,
        scope=request.scope,
        request=request,
        blob=blob,
        page=page,
        made_by=request.person,
        made_at=statement.signed_at,
        statement_digest=statement.digest,
    )


def _rests_on(request: ReportRequest, document: Document) -> list[str]:
    sealed = ReportSnapshot.objects.filter(request=request).values_list("statement_digest", flat=True)
    return sorted({*document.statements, *sealed})


def _only_one(request: ReportRequest) -> None:
    """Of several workers one keeps it: a fact's row cannot be locked, so a number made of its id is."""
    key = int.from_bytes(hashlib.sha256(request.pk.bytes).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


@transaction.atomic
def _refuse(by: Acting, request: ReportRequest, why: str) -> None:
    _only_one(request)
    if ReportRefusal.objects.filter(request=request).exists():
        return
    event = audit.record(by=by, action=EventName.REPORT_REFUSED, subject=request, reason=why[:500])
    ReportRefusal.objects.create(request=request, why=why[:500], at=event.occurred_at)
