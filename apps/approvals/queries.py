"""The reads of approvals. Other people's sign-offs stay hidden until all are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, F, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from apps.access.lending import acted_for, names
from apps.access.models import Person
from apps.access.queries import models_with, visible_models
from apps.approvals.models import (
    Approval,
    Attestation,
    Comment,
    Document,
    Finding,
    SignOff,
    Waiver,
    WaiverRequest,
)
from apps.approvals.states import ApprovalState, FindingState
from apps.approvals.steps import ROLE_PERMISSION, Step, all_complete
from apps.audit.errors import NotFound
from apps.audit.models import Statement
from apps.audit.past import clock
from apps.audit.states import Ref
from apps.engine.statement import canonical, digest
from apps.gates.models import Decision, Schedule
from apps.gates.seats import reviews_of
from apps.inventory.models import ModelVersion, RegisteredModel, Use

CLOSURE = "https://countersign.dev/finding-closure/v1"
LIVE = (ApprovalState.OPEN, ApprovalState.CONSOLIDATING, ApprovalState.RETURNED)
# Every sign-off of the present round was in before an approval could stand so.
REVEALED = (
    ApprovalState.CONSOLIDATING,
    ApprovalState.GRANTED,
    ApprovalState.REJECTED,
    ApprovalState.RETURNED,
    ApprovalState.REVOKED,
)

Row = TypeVar("Row", bound=Model)


def visible_approvals(by: Person) -> QuerySet[Approval]:
    """Every approval of a model that the person may see."""
    rows = Approval.objects.filter(version__model__in=visible_models(by))
    return rows.select_related("version__model__owner", "use", "decision", "submitter")


def visible_findings(by: Person) -> QuerySet[Finding]:
    """Every finding of a model that the person may see."""
    rows = Finding.objects.filter(model__in=visible_models(by))
    return rows.select_related("model", "version", "owner")


def visible_waivers(by: Person) -> QuerySet[Waiver]:
    """Every waiver of a model that the person may see."""
    rows = Waiver.objects.filter(version__model__in=visible_models(by))
    return rows.select_related("version__model", "use", "finding", "requested_by", "granted_by")


def visible_attestations(by: Person) -> QuerySet[Attestation]:
    """Every attestation of a model that the person may see."""
    return Attestation.objects.filter(model__in=visible_models(by)).select_related("model", "person")


def visible_documents(by: Person) -> QuerySet[Document]:
    """Every document given for a version of a model that the person may see."""
    rows = Document.objects.filter(version__model__in=visible_models(by))
    return rows.select_related("version__model", "use", "given_by")


def visible_waiver_requests(by: Person) -> QuerySet[WaiverRequest]:
    """Every request for a waiver of a model that the person may see."""
    rows = WaiverRequest.objects.filter(version__model__in=visible_models(by))
    return rows.select_related("version__model", "use", "finding", "requested_by")


def find_approval(by: Person, approval_id: UUID | str) -> Approval:
    """The approval, or NotFound when there is none or the person may not see it."""
    return _one(visible_approvals(by), approval_id, "approval")


def find_finding(by: Person, finding_id: UUID | str) -> Finding:
    """The finding, or NotFound."""
    return _one(visible_findings(by), finding_id, "finding")


def find_waiver_request(by: Person, request_id: UUID | str) -> WaiverRequest:
    """The request for a waiver, or NotFound."""
    return _one(visible_waiver_requests(by), request_id, "waiver request")


def _one(rows: QuerySet[Row], key: UUID | str, word: str) -> Row:
    row: Row | None
    try:
        row = rows.filter(pk=key).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise NotFound(f"There is no {word} {key}.")
    return row


def visible_signoffs(by: Person) -> QuerySet[SignOff]:
    """One's own sign-offs, and others' once all of their round were in."""
    rows = SignOff.objects.filter(approval__version__model__in=visible_models(by))
    return rows.exclude(_blind(by)).select_related("person", "approval")


def hides(by: Person, key: str) -> bool:
    """Whether a statement is a sign-off that this person may not read yet, whatever else they may read."""
    return SignOff.objects.filter(_blind(by), statement_digest=key).exists()


def _blind(by: Person) -> Q:
    present = Q(round=F("approval__round")) & ~Q(approval__state__in=REVEALED)
    return present & ~Q(identity=by.identity)


def shown_digest(approval: Approval) -> str:
    """The digest of everything a reviewer approves; a sign-off must name exactly this."""
    return digest(canonical(approval.subject))


def signoffs_of(approval: Approval) -> QuerySet[SignOff]:
    """The sign-offs of the approval's present round, in the order given."""
    return approval.signoffs.filter(round=approval.round).select_related("person")


def signed(approval: Approval) -> Counter[str]:
    """How many people have signed each step in this round."""
    return Counter(signoffs_of(approval).values_list("step", flat=True))


def steps_of(approval: Approval) -> list[Step]:
    """The steps that the approval needs, as asked when it was submitted."""
    return list(approval.steps)


def all_in(approval: Approval) -> bool:
    """Whether every sign-off is in, so that each may be seen by all."""
    return all_complete(steps_of(approval), signed(approval))


def revealed_signoffs(approval: Approval) -> list[SignOff]:
    """Every sign-off of the present round once all are in; until then none."""
    found = list(signoffs_of(approval))
    return found if all_complete(steps_of(approval), Counter(s.step for s in found)) else []


@dataclass(frozen=True, slots=True)
class StepStanding:
    """One step of a review as one person may see it."""

    step: Step
    given: int
    signoffs: list[SignOff]
    hidden: bool


@dataclass(frozen=True, slots=True)
class Review:
    """Everything the review page shows one person."""

    approval: Approval
    shown_digest: str
    steps: list[StepStanding]
    mine: SignOff | None
    revealed: bool
    comments: list[Comment]
    findings: list[Finding]
    waivers: list[Waiver]
    previous: Approval | None


def review(by: Person, approval: Approval) -> Review:
    """The review as this person may see it: blind to others until all have signed."""
    signoffs = list(signoffs_of(approval))
    revealed = all_complete(steps_of(approval), Counter(s.step for s in signoffs))
    own = [s for s in signoffs if s.identity == by.identity]
    seen = signoffs if revealed else own
    for one in seen:
        one.__dict__["acting_for"] = names(signed_for(one))
    given = Counter(s.step for s in signoffs)
    standings = [
        StepStanding(step, given[step["id"]], [s for s in seen if s.step == step["id"]], not revealed)
        for step in steps_of(approval)
    ]
    return Review(
        approval=approval,
        shown_digest=shown_digest(approval),
        steps=standings,
        mine=own[0] if own else None,
        revealed=revealed,
        comments=list(approval.comments.select_related("person")),
        findings=list(open_findings(approval.version.model)),
        waivers=list(valid_waivers(approval.version, approval.use)),
        previous=previous_granted(approval),
    )


def signed_for(signoff: SignOff) -> list[Person]:
    """For whom somebody signed: those who had handed their reviews to them then."""
    model, at = signoff.approval.version.model, signoff.signed_at
    found = (one for p in reviews_of(signoff.role) for one in acted_for(signoff.identity, p, model, at))
    return list({one.pk: one for one in found}.values())


def acting_for(by: Person, approval: Approval) -> str:
    """For whom this person would sign now, as a page says it; nothing where it is for themselves alone."""
    model, now = approval.version.model, Now()
    steps = {step["role"] for step in steps_of(approval)}
    reviews = {permission for role in steps for permission in reviews_of(role)}
    found = {p.pk: p for one in sorted(reviews) for p in acted_for(by.identity, one, model, now)}
    return names(found.values())


def previous_granted(approval: Approval) -> Approval | None:
    """The last granted approval of another version of the model for the same use."""
    rows = Approval.objects.filter(use=approval.use, state=ApprovalState.GRANTED)
    return rows.exclude(version=approval.version).select_related("version", "decision").first()


def standing_approval(version: ModelVersion, use: Use, now: datetime) -> Approval | None:
    """The approval that speaks for a version and use: the last grant or refusal that still counts.

    While a later one is under way, an unexpired grant goes on; where there is none, the newest speaks.
    """
    rows = Approval.objects.filter(version=version, use=use).order_by("-opened_at", "-id")
    found = list(rows.select_related("decision__run", "submitter"))
    for row in found:
        if row.state == ApprovalState.GRANTED:
            if row.expires_at is not None and row.expires_at > now:
                return row
            break
        if row.state not in (*LIVE, ApprovalState.WITHDRAWN):
            return row
    return found[0] if found else None


def granted_version(use: Use) -> ModelVersion | None:
    """The version whose approval for a use was granted last and still stands."""
    rows = Approval.objects.filter(use=use, state=ApprovalState.GRANTED, expires_at__gt=clock())
    found = rows.select_related("version__model__unit", "version__model__owner").order_by("-closed_at")[:1]
    return next((approval.version for approval in found), None)


def approved_models(models: Iterable[RegisteredModel]) -> set[int]:
    """Of these models, the numbers of those of which a version is approved for a use now."""
    rows = Approval.objects.filter(use__model__in=list(models), state=ApprovalState.GRANTED)
    return set(rows.filter(expires_at__gt=clock()).values_list("use__model_id", flat=True))


def open_findings(model: RegisteredModel) -> QuerySet[Finding]:
    """Findings of a model that are not closed, gravest due first."""
    return Finding.objects.filter(model=model).exclude(state=FindingState.CLOSED).select_related("owner")


def valid_waivers(version: ModelVersion, use: Use) -> QuerySet[Waiver]:
    """Waivers of a version and use that hold at this second."""
    now = clock()
    return Waiver.objects.filter(version=version, use=use, valid_from__lte=now, valid_to__gt=now)


def open_counts(models: Sequence[RegisteredModel]) -> dict[int, int]:
    """By the key of each model, how many of its findings are not closed; one query."""
    rows = Finding.objects.filter(model__in=models).exclude(state=FindingState.CLOSED)
    return dict(rows.values_list("model_id").annotate(number=Count("pk")).order_by())


def closing_of(finding: Finding) -> Ref:
    """What a statement that closes a finding is about."""
    about = {"finding": str(finding.pk)}
    return Ref("finding", str(finding.pk), str(finding), digest(canonical(about)))


def closures_of(finding: Finding) -> list[str]:
    """The digest of each statement that says it closes a finding."""
    rows = Statement.objects.filter(predicate_type=CLOSURE, subjects=[closing_of(finding).digest])
    return list(rows.values_list("digest", flat=True))


def monitoring_finding(decision: Decision) -> Finding | None:
    """The finding that speaks of a monitoring decision: its own, one still open, one remediated since."""
    same = Finding.objects.filter(
        decision__version=decision.version, decision__use=decision.use, decision__isnull=False
    )
    still = Q(state=FindingState.OPEN) | Q(remediated_at__gte=decision.decided_at)
    return same.filter(Q(decision=decision) | still).first()


def missed_finding(schedule: Schedule) -> Finding | None:
    """The finding that speaks of a time that was missed: its own, one still open, one remediated since."""
    still = Q(state=FindingState.OPEN) | Q(remediated_at__gte=schedule.missed_at)
    return schedule.findings.filter(Q(missed_at=schedule.missed_at) | still).first()


def documents_of(version: ModelVersion, use: Use) -> QuerySet[Document]:
    """Documents given for a version and use, the newest first."""
    return Document.objects.filter(version=version, use=use)


def latest_attestation(model: RegisteredModel) -> Attestation | None:
    """The newest attestation of an inventory entry."""
    return Attestation.objects.filter(model=model).select_related("person").first()


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of somebody's work: what, of which model, since when, due when."""

    what: str
    kind: str
    id: str
    model: str
    title: str
    tier: int | None
    since: Any
    due: Any


def expiring(by: Person, *, days: int = 60) -> list[Waiting]:
    """Waivers and approvals of visible models that end within so many days, soonest first."""
    now = clock()
    until = now + timedelta(days=days)
    waivers = visible_waivers(by).filter(valid_to__gt=now, valid_to__lte=until)
    granted = visible_approvals(by).filter(
        state=ApprovalState.GRANTED, expires_at__gt=now, expires_at__lte=until, use__retired_at=None
    )
    rows = [
        Waiting(
            f"Waiver of {w.gate} ends",
            "waiver",
            str(w.pk),
            w.version.model.key,
            str(w.version),
            None,
            w.granted_at,
            w.valid_to,
        )
        for w in waivers
    ]
    rows += [
        Waiting(
            "Approval ends",
            "approval",
            str(a.pk),
            a.version.model.key,
            str(a.version),
            None,
            a.opened_at,
            a.expires_at,
        )
        for a in granted
    ]
    return sorted(rows, key=lambda row: row.due)


def approvals_of(version: ModelVersion) -> list[Approval]:
    """Every approval of a version, newest first."""
    return list(version.approvals.select_related("use", "submitter"))


def open_waiver_requests(by: Person) -> QuerySet[WaiverRequest]:
    """Requests for waivers that nobody has answered."""
    return visible_waiver_requests(by).filter(waiver=None, refused_reason="")


def might_sign(by: Person) -> QuerySet[Approval]:
    """Open approvals that wait for a role which the person holds, without those barred to them at sight."""
    held = Q()
    for permission in ROLE_PERMISSION.values():
        held |= Q(version__model__in=models_with(by, permission))
    rows = visible_approvals(by).filter(held, state=ApprovalState.OPEN)
    mine = Q(submitter__identity=by.identity) | Q(version__model__owner__identity=by.identity)
    signed_already = SignOff.objects.filter(
        approval=OuterRef("pk"), round=OuterRef("round"), identity=by.identity
    )
    return rows.exclude(mine).exclude(Exists(signed_already)).order_by("opened_at")


def my_findings(by: Person) -> QuerySet[Finding]:
    """Findings that the person owns and has not remediated."""
    return visible_findings(by).filter(owner=by, state=FindingState.OPEN)


def my_submissions(by: Person) -> QuerySet[Approval]:
    """Live approvals that the person submitted or whose model the person owns."""
    mine = Q(submitter=by) | Q(version__model__owner=by)
    return visible_approvals(by).filter(mine, state__in=LIVE)
