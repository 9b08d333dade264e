"""Rows as JSON: names of the interface, digests in full, times in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.approvals import queries as approvals
from apps.gates.states import Place
from apps.inventory.queries import current_tier

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.approvals.models import Approval, Comment, Finding, SignOff, Waiver, WaiverRequest
    from apps.deploys.models import Admission
    from apps.gates.models import Decision, Evidence, Partition, PolicyProposal, PolicyRelease, Run
    from apps.gates.queries import PartitionProgress
    from apps.inventory.listed import Listed, OwnerShown
    from apps.inventory.models import DataSet, ModelVersion, RegisteredModel
    from apps.reports.models import Report, ReportRequest

Json = dict[str, Any]


def person(row: Person | OwnerShown | None) -> Json | None:
    return None if row is None else {"username": row.username, "name": row.name}


def model(row: RegisteredModel | Listed) -> Json:
    return {
        "key": row.key,
        "title": row.title,
        "purpose": row.purpose,
        "limitations": row.limitations,
        "kind": row.kind,
        "domain": row.domain,
        "jurisdictions": row.jurisdictions,
        "vendor": row.vendor,
        "exposure_eur": None if row.exposure_eur is None else format(row.exposure_eur, "f"),
        "unit": row.unit.key,
        "owner": person(row.owner),
        "tier": current_tier(row),
        "registered_at": row.registered_at,
    }


def version(row: ModelVersion) -> Json:
    return {
        "model": row.model.key,
        "version": row.label,
        "digest": row.digest,
        "manifest_digest": row.manifest_digest,
        "artifact": row.artifact_id,
        "format": row.artifact_format,
        "source": {"repository": row.source_repository, "commit": row.source_commit},
        "datasets": {d.name: _dataset(d) for d in row.datasets.prefetch_related("parts")},
        "registered_by": person(row.registered_by),
        "registered_at": row.registered_at,
    }


def _dataset(row: DataSet) -> Json:
    """Of a folder also the digest of each of its parts."""
    parts = {part.name: part.blob_id for part in row.parts.all()}
    return {"digest": row.digest, "rows": row.rows} | ({"parts": parts} if parts else {})


def run(row: Run) -> Json:
    decision = getattr(row, "decision", None)
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "use": row.use.key,
        "purpose": row.purpose,
        "state": row.state,
        "gates_total": row.gates_total,
        "gates_done": row.gates_done,
        "progress": row.progress,
        "expected_seconds": row.expected_seconds,
        "pinned": row.pinned,
        "lane": row.lane,
        "hardware": row.hardware,
        "memory_bytes": row.memory_bytes or None,
        "memory_check": row.memory_check or None,
        "waits_for": row.waits_for or None,
        "attempt": row.attempt,
        "lost": row.lost,
        "tier": row.tier,
        "due": row.due_at,
        "place": Place(row.place).word,
        "requested_at": row.requested_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "cause": row.cause,
        "decision": None
        if decision is None
        else {"digest": decision.statement_digest, "outcome": decision.outcome},
    }


def partitions(progress: PartitionProgress) -> list[Json]:
    """The parts of a run's data, each with its worker; none where a run is measured by one."""
    return [
        {
            "dataset": row.dataset,
            "number": row.number + 1,
            "parts": row.parts,
            "state": row.state,
            "rows": row.rows,
            "attempt": row.attempt,
            "lost": row.lost,
            "worker": row.owner or None,
            "started_at": row.started_at,
            "finished_at": row.finished_at,
            "statement": row.statement_digest or None,
            "cause": row.cause,
        }
        for row in progress.rows
    ]


def taken_partition(row: Partition, every: list[str], gates: list[Json]) -> Json:
    """What a job elsewhere needs in order to sum up a partition."""
    return {
        "partition": row.pk,
        "dataset": row.dataset,
        "parts": row.parts,
        "every": every,
        "gates": gates,
        "fence": row.fence,
        "lease_until": row.lease_until,
    }


def decision(row: Decision) -> Json:
    return {
        "digest": row.statement_digest,
        "model": row.version.model.key,
        "version": row.version.label,
        "use": row.use.key,
        "purpose": row.purpose,
        "outcome": row.outcome,
        "policies": row.policies,
        "decided_at": row.decided_at,
        "document": row.document,
        "evidence": {e.gate: e.statement_digest for e in row.run.evidence.all()},
    }


def evidence(row: Evidence) -> Json:
    return {
        "digest": row.statement_digest,
        "run": row.run_id,
        "gate": row.gate,
        "check": row.check_id,
        "check_version": row.check_version,
        "artifact": row.artifact_digest,
        "dataset": row.dataset_digest,
        "measured_at": row.measured_at,
        "measurement": row.measurement,
    }


def signoff(row: SignOff) -> Json:
    return {
        "person": person(row.person),
        "acting_for": [person(giver) for giver in approvals.signed_for(row)],
        "step": row.step,
        "role": row.role,
        "meaning": row.meaning,
        "reason": row.reason,
        "limits": row.limits,
        "signed_at": row.signed_at,
        "statement": row.statement_digest,
    }


def approval_line(row: Approval) -> Json:
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "use": row.use.key,
        "state": row.state,
        "decision": row.decision.statement_digest,
        "submitter": person(row.submitter),
        "limits": row.limits,
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "expires_at": row.expires_at,
        "statement": row.statement_digest or None,
    }


def approval(row: Approval, by: Person) -> Json:
    review = approvals.review(by, row)
    steps = [
        {**s.step, "given": s.given, "signoffs": [signoff(one) for one in s.signoffs], "hidden": s.hidden}
        for s in review.steps
    ]
    shown = {"subject": row.subject, "shown_digest": review.shown_digest, "steps": steps}
    return {**approval_line(row), **shown}


def comment(row: Comment) -> Json:
    return {
        "id": row.pk,
        "person": person(row.person),
        "gate": row.gate or None,
        "text": row.text,
        "added_at": row.added_at,
    }


def finding(row: Finding) -> Json:
    return {
        "id": row.pk,
        "model": row.model.key,
        "version": row.version.label if row.version else None,
        "gate": row.gate or None,
        "title": row.title,
        "detail": row.detail,
        "severity": row.severity,
        "state": row.state,
        "owner": person(row.owner),
        "due": row.due,
        "plan": row.plan,
        "closure": row.closure,
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
    }


def waiver(row: Waiver) -> Json:
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "use": row.use.key,
        "gate": row.gate,
        "finding": row.finding_id,
        "rationale": row.rationale,
        "compensating_control": row.compensating_control,
        "remediation_due": row.remediation_due,
        "requested_by": person(row.requested_by),
        "granted_by": person(row.granted_by),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "statement": row.statement_digest,
    }


def waiver_request(row: WaiverRequest) -> Json:
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "gate": row.gate,
        "requested_by": person(row.requested_by),
        "valid_to": row.valid_to,
        "waiver": row.waiver_id,
        "refused": row.refused_reason or None,
    }


def policy(row: PolicyRelease) -> Json:
    return {
        "policy": row.policy,
        "version": row.version,
        "digest": row.digest,
        "effective_from": row.effective_from,
        "effective_until": row.effective_until,
        "proposed_by": person(row.proposed_by),
        "released_by": person(row.released_by),
        "released_at": row.released_at,
        "document": row.document,
    }


def proposal(row: PolicyProposal) -> Json:
    released = getattr(row, "release", None)
    return {
        "id": row.pk,
        "policy": row.policy,
        "version": row.version,
        "digest": row.digest,
        "note": row.note,
        "shown": row.shown,
        "proposed_by": person(row.proposed_by),
        "proposed_at": row.proposed_at,
        "released_at": None if released is None else released.released_at,
        "statement": row.statement_digest,
    }


def admission(row: Admission) -> Json:
    return {
        "id": row.pk,
        "model": row.model_key,
        "version": row.version_label,
        "environment": row.environment,
        "use": row.use,
        "outcome": row.outcome,
        "allowed": row.allowed,
        "asked_at": row.asked_at,
        "expires_at": row.expires_at,
    }


def report_request(row: ReportRequest) -> Json:
    made, refusal = getattr(row, "report", None), getattr(row, "refusal", None)
    return {
        "id": row.pk,
        "kind": row.kind,
        "model": row.version.model.key if row.version else None,
        "version": row.version.label if row.version else None,
        "scope": row.scope,
        "asked_at": row.asked_at,
        "report": made.pk if made else None,
        "refused": refusal.why if refusal else None,
    }


def report(row: Report) -> Json:
    return {
        "id": row.pk,
        "kind": row.kind,
        "model": row.version.model.key if row.version else None,
        "version": row.version.label if row.version else None,
        "decision": row.decision.statement_digest if row.decision else None,
        "scope": row.scope,
        "digest": row.blob_id,
        "page_digest": row.page_id,
        "statement": row.statement_digest,
        "made_at": row.made_at,
        "signatures": [
            {
                "person": person(s.person),
                "meaning": s.meaning,
                "signed_at": s.signed_at,
                "certificate_sha256": s.certificate_sha256,
                "digest": s.after_id,
            }
            for s in row.signatures.select_related("person")
        ],
    }
