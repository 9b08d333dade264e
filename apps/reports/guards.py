"""May this report be signed now?"""

from __future__ import annotations

from datetime import datetime

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
from apps.reports.models import Report
from apps.reports.queries import Seat

MEANINGS = ("validated", "approved", "rejected")
ENDED = (ApprovalState.WITHDRAWN, ApprovalState.REVOKED)


def can_sign(by: Person, report: Report) -> Seat:
    """The seat that this person may take: a role asked for, not yet taken, held by somebody independent."""
    approval = report.approval
    if approval is None or approval.state in ENDED:
        raise Refused("This report belongs to no review that is still standing.")
    if approval.decision_id != report.decision_id:
        raise Refused("A newer run has decided since this report was made; its successor is signed.")
    if not all_in(approval):
        raise Refused("The report is signed once every sign-off is in, so that the review stays blind.")
    if report.signatures.filter(person__identity=by.identity).exists():
        raise Refused("You have signed this report already.")
    mine = [s for s in queries.seat_list(approval) if _holds(by, report, s)]
    if not mine:
        roles = " or ".join(sorted({s.role for s in queries.seat_list(approval)})) or "validator"
        raise Forbidden(f"Only a {roles} of {report.version.model.key} signs this report.")
    independent(by, approval)
    taken = set(report.signatures.values_list("seat", flat=True))
    free = [s for s in mine if s.name not in taken]
    if not free:
        raise Refused("Every place for your role is signed already.")
    return free[0]


def _holds(by: Person, report: Report, seat: Seat) -> bool:
    permission, model = ROLE_PERMISSION.get(seat.role), report.version.model
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
