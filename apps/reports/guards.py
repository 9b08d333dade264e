"""May this report be signed now?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.access.guards import may, require, require_reauthentication
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.guards import independent
from apps.approvals.models import Approval
from apps.approvals.queries import all_in
from apps.approvals.states import ApprovalState
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.gates.coverage import framework
from apps.gates.seats import may_sign_for
from apps.inventory.models import Blob, ModelVersion
from apps.reports import queries
from apps.reports.models import Report, SigningAct
from apps.reports.queries import Seat
from apps.reports.states import ReportKind

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
    signed = list(report.signatures.all())  # a page has read them, with their people, for other reasons
    if any(one.person.identity == by.identity for one in signed):
        raise Refused("You have signed this report already.")
    mine = [s for s in queries.seat_list(approval) if _holds(by, approval, s)]
    if not mine:
        roles = " or ".join(sorted({s.role for s in queries.seat_list(approval)})) or "validator"
        raise Forbidden(f"Only a {roles} of {approval.version.model.key} signs this report.")
    independent(by, approval)
    taken = {one.seat for one in signed}
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
    model = approval.version.model
    return may_sign_for(by, seat.role, model) and may(by, Permission.REPORT_SIGN, model)


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


OF_VERSION = (ReportKind.DOSSIER, ReportKind.ANNEX_IV, ReportKind.BIAS_AUDIT)
OF_MANY = (ReportKind.PORTFOLIO, ReportKind.ATTESTATIONS, ReportKind.ACCESS_REVIEW, ReportKind.COVERAGE)
SCOPE = ("framework", "since", "until", "distributed", "source")  # what a report may be asked over
LONGEST_PERIOD = timedelta(days=3660)
LONGEST_SOURCE = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that may be asked for: its kind and what it is over."""

    kind: ReportKind
    scope: dict[str, str]


def can_ask(by: Person, kind: str, version: ModelVersion | None, scope: Mapping[str, Any]) -> Wanted:
    """Whether this person may have this report, over what is given."""
    if kind not in (*OF_VERSION, *OF_MANY):
        raise Invalid(
            f"“{kind}” is no kind of report; choose {', '.join((*OF_VERSION, *OF_MANY))}.", field="kind"
        )
    if kind in OF_VERSION:
        if version is None:
            raise Invalid("Say which version the report is of.", field="version")
        require(by, Permission.REPORT_MAKE, version.model)
        return Wanted(ReportKind(kind), _audited(scope) if kind == ReportKind.BIAS_AUDIT else {})
    if version is not None:
        raise Invalid("This report is over many models, not over one version.", field="version")
    _may_see_many(by, ReportKind(kind))
    return Wanted(ReportKind(kind), _scope(ReportKind(kind), scope))


def _may_see_many(by: Person, kind: ReportKind) -> None:
    """An access review tells of people, so it is for those who read the trail or manage people."""
    if kind == ReportKind.ACCESS_REVIEW:
        if not (may(by, Permission.EVENT_SEE) or may(by, Permission.PERSON_MANAGE)):
            require(by, Permission.EVENT_SEE)
    elif not may(by, Permission.EXPORT_MAKE):
        require(by, Permission.REPORT_MAKE)


def _scope(kind: ReportKind, scope: Mapping[str, Any]) -> dict[str, str]:
    if kind == ReportKind.COVERAGE:
        key = str(scope.get("framework", ""))
        framework(key)
        return {"framework": key}
    if kind != ReportKind.ATTESTATIONS:
        return {}
    since, until = (_day(scope, name) for name in ("since", "until"))
    if not since < until or until - since > LONGEST_PERIOD:
        raise Invalid("A period begins before it ends and is at most ten years long.", field="until")
    return {"since": since.isoformat(), "until": until.isoformat()}


def _audited(scope: Mapping[str, Any]) -> dict[str, str]:
    """What is published with a bias audit and nothing measures: the first day of use, the data's source."""
    source = " ".join(str(scope.get("source") or "").split())
    if len(source) > LONGEST_SOURCE:
        raise Invalid(
            f"The source of the data has {len(source):,} characters, at most {LONGEST_SOURCE:,}.",
            field="source",
        )
    said = {"source": source} if source else {}
    if scope.get("distributed"):
        said["distributed"] = _day(scope, "distributed").date().isoformat()
    return said


def _day(scope: Mapping[str, Any], name: str) -> datetime:
    text = str(scope.get(name, ""))
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"“{text}” is no day; write it as 2026-03-31.", field=name) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
