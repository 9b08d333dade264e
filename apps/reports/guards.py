"""May this report be signed now?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from apps.access.guards import may, require_reauthentication
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.guards import independent
from apps.approvals.models import Approval
from apps.approvals.queries import all_in
from apps.approvals.states import ApprovalState
from apps.approvals.steps import ROLE_PERMISSION
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.inventory.models import Blob
from apps.reports import queries
from apps.reports.models import Report, SigningAct
from apps.reports.queries import Seat

MEANINGS = ("validated", "approved", "rejected")
ENDED = (ApprovalState.WITHDRAWN, ApprovalState.REVOKED)


LAPSES_AFTER = timedelta(days=3)  # proof of who somebody is does not last for ever


def _standing(report: Report) -> Approval:
    approval = report.approval
    if approval is None or approval.state in ENDED:
        raise Refused("This report belongs to no review that is still standing.")
    if approval.decision_id != report.decision_id:
        raise Refused("A newer run has decided since this report was made; its successor is signed.")
    return approval


def can_sign(by: Person, report: Report) -> Seat:
    """The seat that this person may take: a role asked for, not yet taken, held by somebody independent."""
    approval = _standing(report)
    if not all_in(approval):
        raise Refused("The report is signed once every sign-off is in, so that the review stays blind.")
    nobody_waits(report, by)
    return _seat(by, report)


def _seat(by: Person, report: Report) -> Seat:
    approval = _standing(report)
    if report.signatures.filter(person__identity=by.identity).exists():
        raise Refused("You have signed this report already.")
    mine = [s for s in queries.seat_list(approval) if _holds(by, approval, s)]
    if not mine:
        roles = " or ".join(sorted({s.role for s in queries.seat_list(approval)})) or "validator"
        raise Forbidden(f"Only a {roles} of {approval.version.model.key} signs this report.")
    independent(by, approval)
    taken = set(report.signatures.values_list("seat", flat=True))
    free = [s for s in mine if s.name not in taken]
    if not free:
        raise Refused("Every place for your role is signed already.")
    return free[0]


def archivable(report: Report) -> None:
    """Refused until every place for a signature is taken: what is archived is complete."""
    if not queries.complete(report):
        raise Refused("A report is archived once everybody has signed it.")


def nobody_waits(report: Report, by: Person) -> None:
    """Refused while somebody else's signature waits for its time stamp: signatures stand in line."""
    act = queries.waiting_act(report)
    if act is None:
        return
    whose = "Your signature" if act.person_id == by.pk else f"The signature of {act.person}"
    raise Refused(f"{whose} waits for its time stamp; nobody else can sign before it is complete.")


def still_wanted(act: SigningAct) -> Seat:
    """The seat of an agreement that may lead to its signature now; refused where it has become void."""
    if timezone.now() - act.agreed_at > LAPSES_AFTER:
        days = LAPSES_AFTER.days
        raise Refused(f"No time stamp could be had within {days} days; whoever still agrees signs again.")
    if not act.person.is_active:
        raise Refused(f"{act.person} may no longer sign in.")
    shows_newest(queries.newest_blob(act.report), act.before_id)
    seat = _seat(act.person, act.report)
    if seat.name != act.seat:
        raise Refused("The place in the report is no longer free.")
    return seat


def _holds(by: Person, approval: Approval, seat: Seat) -> bool:
    permission, model = ROLE_PERMISSION.get(seat.role), approval.version.model
    return permission is not None and may(by, permission, model) and may(by, Permission.REPORT_SIGN, model)


def reauthenticated(at: datetime | None) -> None:
    """Refused unless the person proved who they are within the last minutes."""
    require_reauthentication(at)


def drawn_from(approval: Approval, held: Approval) -> None:
    """Refused where the review went on to another decision while the report was drawn."""
    if approval.decision_id != held.decision_id:
        raise Refused("The review rests on a newer decision by now; a report of that one is made.")


def meaning_of(text: str) -> str:
    """One of the meanings that a report's signature may have."""
    if text not in MEANINGS:
        raise Invalid(f"“{text}” is no meaning; choose {', '.join(MEANINGS)}.", field="meaning")
    return text


def shows_newest(blob: Blob, shown: str) -> None:
    """Refused when the file has another revision than the one shown."""
    if blob.digest != shown:
        raise Refused("Somebody signed meanwhile: open the newest revision before you sign it.")
