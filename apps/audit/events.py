"""The name of every event: what happened, as `noun.verb`."""

from __future__ import annotations

from enum import StrEnum


class EventName(StrEnum):
    """One member for each thing that the trail can say happened."""

    PERSON_CREATED = "person.created"
    PERSON_DISABLED = "person.disabled"
    PERSON_ERASED = "person.erased"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    ROLE_GRANTED = "role.granted"
    ROLE_ENDED = "role.ended"
    TOKEN_ISSUED = "token.issued"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SESSION_OPENED = "session.opened"
    SESSION_REFUSED = "session.refused"
    REAUTHENTICATION_PASSED = "reauthentication.passed"

    UNIT_DECLARED = "unit.declared"
    MODEL_REGISTERED = "model.registered"
    MODEL_CHANGED = "model.changed"
    VERSION_REGISTERED = "version.registered"
    DATASET_REGISTERED = "dataset.registered"
    USE_ADDED = "use.added"
    USE_RETIRED = "use.retired"
    TIER_ASSIGNED = "tier.assigned"

    POLICY_RELEASED = "policy.released"
    RUN_REQUESTED = "run.requested"
    RUN_CLAIMED = "run.claimed"
    RUN_LOST = "run.lost"
    RUN_DECIDED = "run.decided"
    RUN_ERRORED = "run.errored"
    RUN_RETRIED = "run.retried"
    RUN_REQUEUED = "run.requeued"
    RUN_CANCELLED = "run.cancelled"
    RUN_DEAD = "run.dead"
    SCHEDULE_SET = "schedule.set"
    SCHEDULE_ENDED = "schedule.ended"
    SCHEDULE_REFUSED = "schedule.refused"
    DECISION_SEALED = "decision.sealed"
    EVIDENCE_SEALED = "evidence.sealed"

    APPROVAL_OPENED = "approval.opened"
    APPROVAL_CONSOLIDATING = "approval.consolidating"
    APPROVAL_SEALED = "approval.sealed"
    APPROVAL_GRANTED = "approval.granted"
    APPROVAL_REJECTED = "approval.rejected"
    APPROVAL_RETURNED = "approval.returned"
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    APPROVAL_REOPENED = "approval.reopened"
    APPROVAL_REVOKED = "approval.revoked"
    SIGNOFF_GIVEN = "signoff.given"
    FINDING_OPENED = "finding.opened"
    FINDING_REMEDIATED = "finding.remediated"
    FINDING_CLOSED = "finding.closed"
    FINDING_REOPENED = "finding.reopened"
    WAIVER_REQUESTED = "waiver.requested"
    WAIVER_GRANTED = "waiver.granted"
    WAIVER_REFUSED = "waiver.refused"
    COMMENT_ADDED = "comment.added"
    ATTESTATION_MADE = "attestation.made"

    REPORT_MADE = "report.made"
    REPORT_SIGNED = "report.signed"
    ENVIRONMENT_DECLARED = "environment.declared"
    ADMISSION_ANSWERED = "admission.answered"
    DELIVERY_QUEUED = "delivery.queued"
    DELIVERY_MADE = "delivery.made"
    DELIVERY_DEAD = "delivery.dead"
    COST_ENTERED = "cost.entered"
    BUDGET_SET = "budget.set"
    RATE_SET = "rate.set"

    KEY_REGISTERED = "key.registered"
    KEY_RETIRED = "key.retired"
    KEY_REVOKED = "key.revoked"
    EXPORT_MADE = "export.made"
    DEMO_PLAYED = "demo.played"
