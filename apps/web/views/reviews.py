"""Reviews: the list, the page of one, and everything signed or said there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import require, require_reauthentication, why_not
from apps.access.states import Permission
from apps.approvals import commands, guards, queries
from apps.approvals.changes import changes_since
from apps.approvals.states import ApprovalState
from apps.audit.errors import Refused
from apps.notices.queries import reminders_about
from apps.reports.queries import latest_report
from apps.web.gates import gate_counts, gate_groups
from apps.web.pages import done, page, reauthenticated_at
from apps.web.receipts import with_receipt

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.approvals.models import Approval


@page()
def review_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every review the person may see, open ones first."""
    rows = list(queries.visible_approvals(by)[:200])
    rows.sort(key=lambda a: (a.state not in queries.LIVE, -a.opened_at.timestamp()))
    return render(request, "reviews/list.html", {"title": "Reviews", "rows": rows})


@page()
def review_page(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """What changed, the gates, who signs, the conversation and the three buttons."""
    approval = queries.find_approval(by, approval_id)
    review = queries.review(by, approval)
    return render(request, "reviews/record.html", _context(request, by, approval, review))


def _context(request: HttpRequest, by: Person, approval: Approval, review: queries.Review) -> dict[str, Any]:
    return {
        "title": f"Review of {approval.version}",
        "approval": approval,
        "review": review,
        "groups": gate_groups(approval.decision.document),
        "counts": gate_counts(approval.decision.document),
        "gates": [gate["id"] for gate in approval.decision.document["gates"]],
        "changes": changes_since(review.previous, approval),
        "why_not_sign": why_not(guards.can_sign, by, approval) or why_not(guards.fresh, approval),
        "fresh_password": not why_not(require_reauthentication, reauthenticated_at(request)),
        "acting_for": queries.acting_for(by, approval),
        "why_not_withdraw": _why_not_withdraw(by, approval),
        "why_not_revoke": why_not(may_revoke, by, approval),
        "report": latest_report(approval),
        "reminders": reminders_about("approval", str(approval.pk)),
        "meanings": (
            ("approve", "Approve", "I reviewed this and agree that it may be used as described."),
            ("return", "Request changes", "Something must be mended first."),
            ("reject", "Reject", "This must not be used."),
        ),
        "here": request.path,
    }


def _why_not_withdraw(by: Person, approval: Approval) -> str:
    if approval.state not in (ApprovalState.OPEN, ApprovalState.RETURNED):
        return f"It is {approval.state}."
    return why_not(guards.withdrawable, by, approval)


@page("POST")
def sign(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """Sign off, after proving who signs."""
    approval = queries.find_approval(by, approval_id)
    signed = commands.sign_off(
        by=by,
        approval=approval,
        meaning=request.POST.get("meaning", ""),
        reason=request.POST.get("reason", ""),
        limits=_limits(request),
        shown_digest=request.POST.get("shown_digest", ""),
        reauthenticated_at=reauthenticated_at(request),
    )
    told = with_receipt("Signed. Your signature is in the record.", signed.statement_digest)
    return done(request, told, f"/reviews/{approval_id}")


def _limits(request: HttpRequest) -> dict[str, Any]:
    given = {
        "environments": request.POST.getlist("limit_environments"),
        "jurisdictions": request.POST.get("limit_jurisdictions", "").replace(",", " ").split(),
        "max_exposure_eur": request.POST.get("limit_exposure", ""),
        "until": request.POST.get("limit_until", ""),
        "population": request.POST.get("limit_population", ""),
    }
    return {name: value for name, value in given.items() if value}


@page("POST")
def say(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """Add to the conversation."""
    approval = queries.find_approval(by, approval_id)
    commands.comment(
        by=by, approval=approval, text=request.POST.get("text", ""), gate=request.POST.get("gate", "")
    )
    return redirect(f"/reviews/{approval_id}#conversation")


@page("POST")
def withdraw(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """Take the submission back."""
    approval = queries.find_approval(by, approval_id)
    commands.withdraw(by=by, approval=approval, reason=request.POST.get("reason", ""))
    return done(request, "Withdrawn.", f"/reviews/{approval_id}")


@page("POST")
def reopen(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """Submit again what was returned."""
    approval = queries.find_approval(by, approval_id)
    commands.reopen(by=by, approval=approval, reason=request.POST.get("reason", ""))
    return done(request, "Submitted again; a new round of sign-offs begins.", f"/reviews/{approval_id}")


@page("POST")
def revoke(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """End a grant at once."""
    approval = queries.find_approval(by, approval_id)
    may_revoke(by, approval)
    if require_fresh(request):
        return redirect(f"/reauthenticate?next=/reviews/{approval_id}")
    commands.revoke(by=by, approval=approval, reason=request.POST.get("reason", ""))
    return done(request, "Revoked: the deploy gate denies from this second on.", f"/reviews/{approval_id}")


def may_revoke(by: Person, approval: Approval) -> None:
    """Refused unless the person may end this grant."""
    require(by, Permission.APPROVAL_REVOKE, approval.version.model)
    guards.revocable(approval)


def require_fresh(request: HttpRequest) -> bool:
    """Whether the password is needed again before this act."""
    try:
        require_reauthentication(reauthenticated_at(request))
    except Refused:
        return True
    return False
