"""Submitting, signing, granting, returning, revoking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.access.guards import require
from apps.access.lending import acted_for
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals import guards, queries
from apps.approvals.commands.lineage import revalidate_after
from apps.approvals.limits import merged, read_limits
from apps.approvals.models import Approval, SignOff
from apps.approvals.rules import Rules, rules_of
from apps.approvals.states import ApprovalState, Meaning
from apps.approvals.steps import Step
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.gates.models import Decision
from apps.gates.queries import latest_decision
from apps.gates.seats import reviews_of
from apps.inventory.commands import contribution_of
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import current_tier
from apps.inventory.states import Part

SIGNOFF = "https://countersign.dev/signoff/v1"
APPROVAL = "https://countersign.dev/approval/v1"


@transaction.atomic
def submit(
    *, by: Person, version: ModelVersion, use: Use, tier: str, decision: Decision | None = None
) -> Approval:
    """Open the review of exactly what a decision rests on.

    `tier` is the digest of the statement of the model's tier, which whoever submits confirms; empty where
    there is none. Who answers the questionnaire otherwise does so first: see `answer_tier_again`.
    """
    require(by, Permission.APPROVAL_SUBMIT, version.model)
    guards.tier_confirmed(version.model, tier)
    found = guards.submittable(version, use, decision or latest_decision(version, use))
    guards.no_live_approval(version, use)
    guards.of_today(found)
    guards.entry_complete(found)
    guards.fillable(by, found)
    rules = rules_of(found)
    approval = _opened(
        Approval(
            version=version,
            use=use,
            decision=found,
            submitter=by,
            subject=subject_of(found),
            steps=rules.steps,
        )
    )
    # Whoever submits a version reviews no other version of the model either.
    contribution_of(by=by, version=version, person=by, part=Part.SUBMITTER)
    audit.record(
        by=by,
        action=EventName.APPROVAL_OPENED,
        subject=approval,
        after={"shown": queries.shown_digest(approval), **approval.subject},
    )
    return approval


def _opened(approval: Approval) -> Approval:
    try:
        with transaction.atomic():
            approval.save(force_insert=True)
    except IntegrityError:
        guards.no_live_approval(approval.version, approval.use)
        raise
    return approval


def subject_of(decision: Decision) -> dict[str, Any]:
    """Everything that is approved, by digest: a change of any of it needs a new approval."""
    version = decision.version
    return {
        "version": version.digest,
        "artifact": version.artifact_id or "",
        "decision": decision.statement_digest,
        "evidence": sorted(decision.run.evidence.values_list("statement_digest", flat=True)),
        "policies": sorted(
            ({k: p[k] for k in ("id", "version", "digest")} for p in decision.policies), key=lambda p: p["id"]
        ),
        "tier": current_tier(version.model),
        # What was answered about it, by the statement that whoever submits confirms.
        "tiering": version.model.tierings.values_list("statement_digest", flat=True).first() or "",
        "use": decision.use.key,
    }


@transaction.atomic
def sign_off(
    *,
    by: Person,
    approval: Approval,
    meaning: str,
    reason: str,
    shown_digest: str,
    reauthenticated_at: datetime | None,
    limits: dict[str, Any] | None = None,
) -> SignOff:
    """Sign yes, no or return; the last signature grants, rejects or returns in the same transaction."""
    held = _hold(approval)
    step = guards.can_sign(by, held)
    guards.reauthenticated(reauthenticated_at)
    guards.signs_what_is_shown(held, shown_digest)
    guards.fresh(held)
    said = guards.said(reason, "reason")
    signoff = _seal_signoff(by, held, step, guards.meaning_of(meaning), said, read_limits(limits))
    if queries.all_in(held):
        _consolidate(held)
    return signoff


def _hold(approval: Approval) -> Approval:
    rows = Approval.objects.select_for_update(of=("self",))
    return rows.select_related("version__model__owner", "use", "decision", "submitter").get(pk=approval.pk)


def _seal_signoff(
    by: Person, approval: Approval, step: Step, meaning: Meaning, reason: str, limits: dict[str, Any]
) -> SignOff:
    statement = audit.seal(
        by=by,
        predicate_type=SIGNOFF,
        subjects=[approval.version.audit_ref()],
        predicate={
            "approval": str(approval.pk),
            "round": approval.round,
            "shown": queries.shown_digest(approval),
            "decision": approval.decision.statement_digest,
            "person": str(by.pk),
            "step": step["id"],
            "role": step["role"],
            "meaning": meaning,
            "reason": reason,
            "limits": limits,
            **_acting_for(by, approval, step),
        },
        event=EventName.SIGNOFF_GIVEN,
    )
    return SignOff.objects.create(
        approval=approval,
        round=approval.round,
        submitter_id=approval.submitter_id,
        person=by,
        identity=by.identity,
        step=step["id"],
        role=step["role"],
        meaning=meaning,
        reason=reason,
        limits=limits,
        decision_digest=approval.decision.statement_digest,
        signed_at=statement.signed_at,
        statement_digest=statement.digest,
    )


def _acting_for(by: Person, approval: Approval, step: Step) -> dict[str, Any]:
    """For whom the signer acts, where reviews were handed to them."""
    model, now = approval.version.model, Now()
    givers = {one.pk for p in reviews_of(step["role"]) for one in acted_for(by.identity, p, model, now)}
    return {"actingFor": sorted(map(str, givers))} if givers else {}


def _consolidate(approval: Approval) -> None:
    last = queries.signoffs_of(approval).latest("signed_at")
    approval = audit.move(
        approval, ApprovalState.CONSOLIDATING, by=last.person, event=EventName.APPROVAL_CONSOLIDATING
    )
    meanings = set(queries.signoffs_of(approval).values_list("meaning", flat=True))
    if Meaning.REJECT in meanings:
        _close(approval, ApprovalState.REJECTED, by=last.person, event=EventName.APPROVAL_REJECTED)
    elif Meaning.RETURN in meanings:
        audit.move(approval, ApprovalState.RETURNED, by=last.person, event=EventName.APPROVAL_RETURNED)
    else:
        _grant(approval, by=last.person, rules=rules_of(approval.decision))


def _close(approval: Approval, to: ApprovalState, *, by: Person, event: EventName) -> None:
    audit.move(approval, to, by=by, event=event, closed_at=timezone.now())


def _grant(approval: Approval, *, by: Person, rules: Rules) -> None:
    signoffs = list(queries.signoffs_of(approval).order_by("signed_at"))
    limits = merged([s.limits for s in signoffs])
    now = timezone.now()
    span = rules.conditional if limits else rules.approval
    ends = guards.grant_ends(now=now, span=span, limits=limits)
    statement = audit.seal(
        by=by,
        predicate_type=APPROVAL,
        subjects=[approval.version.audit_ref()],
        predicate={
            "approval": str(approval.pk),
            "use": approval.use.key,
            "subject": approval.subject,
            "signoffs": [s.statement_digest for s in signoffs],
            "limits": limits,
            "grantedAt": now,
            "expiresAt": ends,
        },
        event=EventName.APPROVAL_SEALED,
    )
    audit.move(
        approval,
        ApprovalState.GRANTED,
        by=by,
        event=EventName.APPROVAL_GRANTED,
        closed_at=now,
        expires_at=ends,
        limits=limits,
        statement_digest=statement.digest,
    )


@transaction.atomic
def withdraw(*, by: Person, approval: Approval, reason: str) -> Approval:
    """Take a submission back."""
    held = _hold(approval)
    guards.withdrawable(by, held)
    said = guards.said(reason, "reason")
    event = EventName.APPROVAL_WITHDRAWN
    return audit.move(
        held, ApprovalState.WITHDRAWN, by=by, event=event, reason=said, closed_at=timezone.now()
    )


@transaction.atomic
def reopen(*, by: Person, approval: Approval, reason: str) -> Approval:
    """Submit a returned approval again, on the newest decision; a new round of sign-offs begins."""
    held = _hold(approval)
    guards.withdrawable(by, held)
    found = guards.submittable(held.version, held.use, latest_decision(held.version, held.use))
    guards.of_today(found)
    guards.entry_complete(found)
    guards.fillable(held.submitter, found)
    rules = rules_of(found)
    return audit.move(
        held,
        ApprovalState.OPEN,
        by=by,
        event=EventName.APPROVAL_REOPENED,
        reason=guards.said(reason, "reason"),
        decision_id=found.pk,
        subject=subject_of(found),
        steps=rules.steps,
        round=held.round + 1,
    )


@transaction.atomic
def revoke(*, by: Person, approval: Approval, reason: str) -> Approval:
    """End a grant at once: the deploy gate denies from this second on, what it feeds is validated again."""
    held = _hold(approval)
    require(by, Permission.APPROVAL_REVOKE, held.version.model)
    guards.revocable(held)
    said = guards.said(reason, "reason")
    gone = audit.move(held, ApprovalState.REVOKED, by=by, event=EventName.APPROVAL_REVOKED, reason=said)
    because = f"The approval of {held.version} for {held.use.key} was revoked: {said}"
    revalidate_after(by=by, version=held.version, reason=because)
    return gone
