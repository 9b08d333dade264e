"""May it happen now? One function a question; each returns what it found, or raises Refused."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from apps.access.guards import built, require, require_reauthentication, why_not
from apps.access.lending import acted_by, acted_for
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean
from apps.approvals import queries
from apps.approvals.completeness import before_submission
from apps.approvals.models import Approval, Finding, WaiverRequest
from apps.approvals.quorum import short_review
from apps.approvals.rules import Rules, rules_of
from apps.approvals.states import ApprovalState, FindingState, Meaning, Severity
from apps.approvals.steps import Step, open_step
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.gates.clock import database_now
from apps.gates.models import Decision
from apps.gates.queries import latest_decision, pinned_policies, policies_for
from apps.gates.quorum import authors_of
from apps.gates.seats import may_sign_for, reviews_of
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion, RegisteredModel, Use

PASSING = frozenset({"pass", "warn", "not_applicable"})


def said(text: str, field: str, *, longest: int = 10_000) -> str:
    """The text without blanks round it; refused when nothing is left."""
    words = clean(text, field=field, longest=longest, lines=True)
    if not words:
        raise Invalid(f"Please say the {field.replace('_', ' ')}: it is printed in the record.", field=field)
    return words


def use_in_service(use: Use) -> None:
    """Refused when the use has ended."""
    if use.retired_at is not None:
        raise Refused(f"The use {use.key} of {use.model.key} was retired on {use.retired_at:%Y-%m-%d}.")


def submittable(version: ModelVersion, use: Use, decision: Decision | None) -> Decision:
    """The decision a submission rests on; refused without one, or when a mandatory gate did not pass."""
    if use.model_id != version.model_id:
        raise Invalid(f"{use.key} is no use of {version.model.key}.", field="use")
    use_in_service(use)
    if decision is None:
        raise Refused(f"{version} has no decision for {use.key} yet: request a run first.")
    if (decision.version_id, decision.use_id, decision.purpose) != (version.pk, use.pk, Purpose.APPROVAL):
        raise Invalid(f"The decision is not one on {version} for {use.key}.", field="decision")
    if decision.outcome in ("error", "no_policy"):
        raise Refused(f"The last decision on {version} is “{decision.outcome}”; it cannot be submitted.")
    for gate in decision.document["gates"]:
        if gate["enforcement"] == "mandatory" and gate["outcome"] not in PASSING:
            raise Refused(f"The mandatory gate {gate['id']} did not pass: {gate['why']}")
    return decision


def of_today(decision: Decision | None) -> None:
    """Refused where a policy in force is one that the decision does not know; a patch changes text only."""
    if decision is None:
        return
    decided = {p["id"]: p["version"] for p in decision.policies}
    for policy in policies_for(decision.version, decision.use, database_now()):
        known = decided.get(policy.id)
        if known is None or known.split(".")[:2] != policy.version.split(".")[:2]:
            was = f"under {policy.id}@{known}" if known else f"without {policy.id}"
            now = f"{policy.id}@{policy.version} is in force: request a run first."
            raise Refused(f"The decision was made {was}; {now}", code="policy_changed")


def no_live_approval(version: ModelVersion, use: Use) -> None:
    """Refused while another approval of the same version and use is under way."""
    held = Approval.objects.filter(version=version, use=use, state__in=queries.LIVE).first()
    if held is not None:
        raise Refused(f"An approval of {version} for {use.key} is already {held.state}.")


def fillable(by: Person, decision: Decision | None) -> None:
    """Refused where too few people are left to sign what the policies ask for: the review could never end."""
    sentence = short_review(by, decision) if decision is not None else ""
    if sentence:
        raise Refused(f"Nobody could complete this review. {sentence}", code="quorum")


def entry_complete(decision: Decision | None) -> None:
    """Refused while the entry lacks what the policies want before anybody is asked to review."""
    if decision is None:
        return
    rules, model = rules_of(decision), decision.version.model
    if not (rules.completeness or rules.parts):
        return
    found = before_submission(model, rules.parts)
    lacking = [part for part in found.missing if part.id in rules.parts]
    if found.percent < rules.completeness:
        told = ", ".join(part.title for part in found.missing)
        asked = f"the policies ask for {rules.completeness} % before it is submitted"
        raise Refused(
            f"The entry of {model.key} is {found.percent} % complete; {asked}. Missing: {told}.",
            code="incomplete",
        )
    if lacking:
        told = ", ".join(part.title for part in lacking)
        raise Refused(
            f"The entry of {model.key} lacks what the policies ask for before it is submitted: {told}.",
            code="incomplete",
        )


def tier_confirmed(model: RegisteredModel, shown: str) -> None:
    """Refused unless the submission names the tier that stands: the questionnaire is asked again."""
    newest = model.tierings.first()
    if shown == (newest.statement_digest if newest else ""):
        return
    if newest is None:
        raise Refused(f"{model.key} has no tier that could be confirmed; name none.", code="tier")
    raise Refused(
        f"{model.key} is tier {newest.tier} since {newest.assigned_at:%Y-%m-%d}. Whoever submits a version "
        f"confirms that this is right still, by its statement {newest.statement_digest}, or answers again.",
        code="tier",
    )


def independent(by: Person, approval: Approval) -> None:
    """Refused to whoever built, owns or submitted the model, in any account of theirs."""
    model = approval.version.model
    if by.is_service:
        raise Forbidden("A service account cannot sign: signatures are people's.")
    if by.identity == approval.submitter.identity:
        raise Forbidden("You cannot sign: you submitted it.")
    if by.identity == model.owner.identity:
        raise Forbidden(f"You cannot sign: you own {model.key}.")
    part = built(by, model)
    if part:
        raise Forbidden(f"You cannot sign: {part}.")
    if by.identity in authors_of(pinned_policies(approval.decision.run)):
        raise Forbidden("You cannot sign: you offered or released a policy whose authors sign nothing.")


def can_sign(by: Person, approval: Approval) -> Step:
    """The step that this person may sign now."""
    if approval.state != ApprovalState.OPEN:
        raise Refused(f"This approval is {approval.state}; nothing is left to sign.")
    held = [s["role"] for s in approval.steps if _holds(by, approval, s)]
    if not held:
        roles = " or ".join(sorted({s["role"] for s in approval.steps}))
        raise Forbidden(f"Only a {roles} of {approval.version.model.key} may sign this.")
    independent(by, approval)
    if queries.signoffs_of(approval).filter(identity=by.identity).exists():
        raise Refused("You have signed this already; one person signs once.")
    step = open_step(queries.steps_of(approval), queries.signed(approval), lambda s: _holds(by, approval, s))
    if step is None:
        raise Refused("The step before yours is not complete yet.")
    one_pair_of_eyes(by, approval, step)
    return step


def one_pair_of_eyes(by: Person, approval: Approval, step: Step) -> None:
    """Refused where who handed on a review and who does it would both count, or the first may not review."""
    model, now = approval.version.model, Now()  # by the clock of the database
    signed = set(queries.signoffs_of(approval).values_list("identity", flat=True))
    reviews = reviews_of(step["role"])
    for giver in (one for p in reviews for one in acted_for(by.identity, p, model, now)):
        if giver.identity in signed:
            raise Refused(f"{giver.name}, for whom you act, has signed this already.")
        sentence = why_not(independent, giver, approval)
        if sentence:
            raise Forbidden(f"You act for {giver.name}, who could not sign this: {sentence}")
    for taker in (one for p in reviews for one in acted_by(by.identity, p, model, now)):
        if taker.identity in signed:
            raise Refused(f"{taker.name}, who acts for you, has signed this already.")


def _holds(by: Person, approval: Approval, step: Step) -> bool:
    return may_sign_for(by, step["role"], approval.version.model)


def signs_what_is_shown(approval: Approval, shown: str) -> None:
    """Refused when what was on the page is not what stands here now."""
    if shown != queries.shown_digest(approval):
        raise Refused(
            "This page is out of date: what you were shown has changed. Read it again before you sign."
        )


def fresh(approval: Approval) -> None:
    """Refused when a newer run has decided since the submission."""
    newest = latest_decision(approval.version, approval.use)
    if newest is not None and newest.pk != approval.decision_id:
        raise Refused(
            "A newer run has decided since this was submitted; withdraw it and submit the new decision."
        )


def reauthenticated(at: datetime | None) -> None:
    """Refused unless the person proved who they are within the last minutes."""
    require_reauthentication(at)


def withdrawable(by: Person, approval: Approval) -> None:
    """Refused unless it is the submitter or owner."""
    require(by, Permission.APPROVAL_SUBMIT, approval.version.model)
    if by.identity not in (approval.submitter.identity, approval.version.model.owner.identity):
        raise Forbidden("Only the submitter or the owner takes a submission back or opens it again.")


def closable(by: Person, finding: Finding) -> None:
    """Refused before remediation, and to the remediator where the finding is high or critical."""
    if finding.state != FindingState.REMEDIATED:
        raise Refused(f"The finding is {finding.state}; it can be closed once it is remediated.")
    grave = finding.severity in (Severity.HIGH, Severity.CRITICAL)
    remediator = finding.remediated_by
    if grave and remediator is not None and remediator.identity == by.identity:
        raise Forbidden("You remediated it: a high or critical finding is closed by a second person.")


def due_in_future(due: date, field: str = "due") -> None:
    """Refused when a due date lies before today."""
    if due < timezone.now().date():
        raise Invalid(f"The due date {due} has passed; give a day from today on.", field=field)


def severity_of(text: str) -> Severity:
    """One of the severities."""
    try:
        return Severity(text)
    except ValueError:
        raise Invalid(f"“{text}” is no severity; choose {', '.join(Severity)}.", field="severity") from None


def version_of(model: RegisteredModel, version: ModelVersion | None) -> None:
    """Refused when the version is one of another model."""
    if version is not None and version.model_id != model.pk:
        raise Invalid(f"{version} is no version of {model.key}.", field="version")


def covers(finding: Finding, decision: Decision) -> None:
    """Refused when the finding is closed, or about something else than the decision."""
    if finding.model_id != decision.version.model_id:
        raise Invalid(f"The finding is not about {decision.version.model.key}.", field="finding")
    if finding.version_id not in (None, decision.version_id):
        raise Invalid(f"The finding is not about {decision.version}.", field="finding")
    if finding.state == FindingState.CLOSED:
        raise Refused("The finding is closed; a waiver rests on one that is still worked on.")


def waivable(decision: Decision, gate: str) -> dict[str, Any]:
    """The failed gate of a decision that a waiver may cover."""
    found: dict[str, Any] | None = next((g for g in decision.document["gates"] if g["id"] == gate), None)
    if found is None:
        raise Invalid(f"The decision has no gate {gate}.", field="gate")
    if found["outcome"] in PASSING:
        raise Refused(f"The gate {gate} is “{found['outcome']}”; there is nothing to waive.")
    if found["enforcement"] != "waivable":
        raise Refused(f"The gate {gate} is {found['enforcement']} and cannot be waived by anybody.")
    return found


def waiver_within(rules: Rules, *, lasts: timedelta, renewal: int) -> None:
    """Refused beyond the policies' longest duration or number of renewals."""
    if lasts <= timedelta(0):
        raise Invalid("A waiver must end after it begins.", field="valid_to")
    if lasts > rules.waiver:
        asked, most = lasts.days, rules.waiver.days
        raise Invalid(f"A waiver may last {most} days at most; this one asks for {asked}.", field="valid_to")
    if renewal > rules.renewals:
        raise Refused(f"This gate was waived {renewal} times; the policy allows {rules.renewals} renewals.")


def grantable(by: Person, request: WaiverRequest) -> None:
    """Refused to the requester, to builders and owner, and once it is answered."""
    require(by, Permission.WAIVER_GRANT, request.version.model)
    if request.waiver_id is not None or request.refused_reason:
        raise Refused("This request has been answered already.")
    if by.identity == request.requested_by.identity:
        raise Forbidden("You asked for this waiver; somebody else grants it.")
    model: RegisteredModel = request.version.model
    if by.identity == model.owner.identity or built(by, model):
        raise Forbidden(f"You own or built {model.key}; somebody independent grants its waivers.")


def revocable(approval: Approval) -> None:
    """Refused unless the approval is granted."""
    if approval.state != ApprovalState.GRANTED:
        raise Refused(f"The approval is {approval.state}; only a granted one can be revoked.")


def meaning_of(text: str) -> Meaning:
    """The meaning that a signature may have."""
    try:
        return Meaning(text)
    except ValueError:
        raise Invalid(
            f"“{text}” is no meaning of a signature; choose approve, reject or return.", field="meaning"
        ) from None


def grant_ends(*, now: datetime, span: timedelta, limits: dict[str, Any]) -> datetime:
    """When a grant ends: after the policies' span, or at the limits' own end date when that is sooner."""
    end, named = now + span, limits.get("until")
    return min(end, datetime.fromisoformat(named)) if named else end
