"""Findings and waivers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals import commands, guards, queries
from apps.audit.errors import Invalid
from apps.audit.past import clock
from apps.gates.queries import find_decision
from apps.inventory.queries import find_model
from apps.notices.queries import reminders_about
from apps.web.challenges import finding_log
from apps.web.pages import done, page, reauthenticated_at
from apps.web.receipts import with_receipt
from apps.web.views.reviews import require_fresh

if TYPE_CHECKING:
    from apps.access.models import Person


def day(request: HttpRequest, name: str) -> date:
    """A day of the form; refused when it is none."""
    try:
        return date.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        raise Invalid(f"Please give a day for “{name.replace('_', ' ')}”.", field=name) from None


@page()
def finding_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Findings, open ones first and the soonest due on top."""
    rows = sorted(queries.visible_findings(by)[:500], key=lambda f: (f.state == "closed", f.due))
    return render(request, "findings/list.html", {"title": "Findings", "rows": rows, "today": clock().date()})


@page()
def finding_page(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    """One finding and what may be done with it."""
    finding = queries.find_finding(by, finding_id)
    context = {
        "title": finding.title,
        "finding": finding,
        "why_not_remediate": why_not(require, by, Permission.FINDING_REMEDIATE, finding.model),
        "why_not_close": why_not(require, by, Permission.FINDING_CLOSE, finding.model)
        or why_not(guards.closable, by, finding),
        "waivers": finding.waivers.select_related("version"),
        "log": finding_log(by, finding),
        "reminders": reminders_about("finding", str(finding.pk)),
    }
    return render(request, "findings/record.html", context)


@page("POST")
def open_finding(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Write down a weakness of a model."""
    finding = commands.open_finding(
        by=by,
        model=find_model(by, key),
        title=request.POST.get("title", ""),
        detail=request.POST.get("detail", ""),
        severity=request.POST.get("severity", ""),
        gate=request.POST.get("gate", ""),
        due=day(request, "due"),
    )
    return done(request, "The finding is open.", f"/findings/{finding.pk}")


@page("POST")
def remediate(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    """Say what was done."""
    finding = queries.find_finding(by, finding_id)
    commands.remediate_finding(by=by, finding=finding, plan=request.POST.get("plan", ""))
    return done(request, "Remediated; a validator looks at it next.", f"/findings/{finding_id}")


@page("POST")
def close(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    """Close on evidence."""
    finding = queries.find_finding(by, finding_id)
    commands.close_finding(by=by, finding=finding, closure=request.POST.get("closure", ""))
    return done(request, "Closed.", f"/findings/{finding_id}")


@page("POST")
def reopen(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    """Send it back."""
    finding = queries.find_finding(by, finding_id)
    commands.reopen_finding(by=by, finding=finding, reason=request.POST.get("reason", ""))
    return done(request, "Sent back.", f"/findings/{finding_id}")


@page()
def waiver_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Waivers that hold, that were asked for, and that ended."""
    context = {
        "title": "Waivers",
        "rows": list(queries.visible_waivers(by)[:200]),
        "requests": [(r, why_not(guards.grantable, by, r)) for r in queries.open_waiver_requests(by)],
        "now": timezone.now(),
    }
    return render(request, "findings/waivers.html", context)


@page("POST")
def request_waiver(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    """Ask for a waiver of one failed gate; its finding is named."""
    decision = find_decision(by, digest)
    until = datetime.combine(day(request, "valid_to"), time(23, 59, 59), UTC)
    commands.request_waiver(
        by=by,
        decision=decision,
        gate=request.POST.get("gate", ""),
        finding=queries.find_finding(by, request.POST.get("finding", "")),
        rationale=request.POST.get("rationale", ""),
        compensating_control=request.POST.get("compensating_control", ""),
        remediation_due=day(request, "remediation_due"),
        valid_to=until,
    )
    return done(request, "Asked. The head of model risk answers it.", "/waivers")


@page("POST")
def answer_waiver(request: HttpRequest, request_id: UUID, *, by: Person) -> HttpResponse:
    """Grant or refuse a waiver."""
    asked = queries.find_waiver_request(by, request_id)
    if request.POST.get("answer") == "refuse":
        commands.refuse_waiver(by=by, request=asked, reason=request.POST.get("reason", ""))
        return done(request, "Refused.", "/waivers")
    if require_fresh(request):
        return redirect("/reauthenticate?next=/waivers")
    waiver = commands.grant_waiver(by=by, request=asked, reauthenticated_at=reauthenticated_at(request))
    return done(request, with_receipt("Granted for the time shown.", waiver.statement_digest), "/waivers")
