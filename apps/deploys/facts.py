"""Everything that the deploy gate looks at, gathered from the rows and verified: facts in, nothing decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.approvals.models import Approval, Document, Finding, Waiver
from apps.approvals.queries import documents_of, latest_approval, signoffs_of
from apps.approvals.states import FindingState
from apps.audit.trail import genuine
from apps.deploys.models import Environment
from apps.engine.admit import (
    Admission,
    ApprovalFact,
    DecisionFact,
    DocumentFact,
    EnvironmentFact,
    FindingFact,
    Request,
    SignOffFact,
    VersionFact,
    WaiverFact,
    admit,
)
from apps.engine.policy.model import Policy
from apps.gates.models import Decision
from apps.gates.queries import latest_decision, policies_in_force
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import builders_of, subject_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The facts about one version, use and environment, as of one second."""

    version: VersionFact | None = None
    environment: EnvironmentFact | None = None
    policies: list[Policy] = field(default_factory=list)
    decision: DecisionFact | None = None
    latest: DecisionFact | None = None
    approval: ApprovalFact | None = None
    signoffs: list[SignOffFact] = field(default_factory=list)
    waivers: list[WaiverFact] = field(default_factory=list)
    findings: list[FindingFact] = field(default_factory=list)
    documents: list[DocumentFact] = field(default_factory=list)

    def statements(self) -> set[str]:
        """The digest of every statement that these facts rest on."""
        facts: Iterable[Any] = (self.decision, self.approval, *self.signoffs, *self.waivers, *self.documents)
        return {fact.statement for fact in facts if fact is not None and fact.statement}

    def answer(self, request: Request, now: datetime) -> Admission:
        """What the engine says of them."""
        return admit(
            request=request,
            now=now,
            version=self.version,
            environment=self.environment,
            policies=self.policies,
            decision=self.decision,
            latest=self.latest,
            approval=self.approval,
            signoffs=self.signoffs,
            waivers=self.waivers,
            findings=self.findings,
            documents=self.documents,
            statements_valid=genuine(self.statements()),
        )


def gather(
    version: ModelVersion | None, use: Use | None, environment: Environment | None, now: datetime
) -> Gathered:
    """Read everything; what is not there stays empty, which the engine answers with a no."""
    place = EnvironmentFact(key=environment.key) if environment else None
    if version is None:
        return Gathered(environment=place)
    if use is None:
        return Gathered(version=_version(version, {}), environment=place, findings=_findings(version))
    fields = subject_fields(version, use)
    approval = latest_approval(version, use)
    decision = approval.decision if approval else latest_decision(version, use)
    later = latest_decision(version, use, Purpose.MONITORING)
    return Gathered(
        version=_version(version, fields),
        environment=place,
        policies=policies_in_force(now, fields, environment.key if environment else None),
        decision=_decision(decision),
        latest=_decision(later),
        approval=_approval(approval) if approval else None,
        signoffs=_signoffs(approval) if approval else [],
        waivers=[_waiver(w) for w in Waiver.objects.filter(version=version, use=use).select_related(*_TWO)],
        findings=_findings(version),
        documents=[_document(d) for d in documents_of(version, use)],
    )


_TWO = ("version", "use", "requested_by", "granted_by")


def _version(version: ModelVersion, fields: dict[str, Any]) -> VersionFact:
    uses = list(version.model.uses.all())
    return VersionFact(
        model=version.model.key,
        version=version.label,
        digest=version.digest,
        uses=tuple(u.key for u in uses),
        retired_uses=tuple(u.key for u in uses if u.retired_at is not None),
        builders=builders_of(version.model),
        facts=fields,
    )


def _decision(row: Decision | None) -> DecisionFact | None:
    return None if row is None else DecisionFact(document=row.document, statement=row.statement_digest)


def _approval(row: Approval) -> ApprovalFact:
    return ApprovalFact(
        state=row.state,
        digest=row.subject["version"],
        use=row.subject["use"],
        decision=row.decision.statement_digest,
        environments=tuple(row.environments),
        limits=row.limits,
        majors={p["id"]: int(p["version"].split(".")[0]) for p in row.subject["policies"]},
        granted_at=row.closed_at if row.state == "granted" else None,
        expires_at=row.expires_at,
        statement=row.statement_digest,
    )


def _signoffs(row: Approval) -> list[SignOffFact]:
    return [
        SignOffFact(
            step=s.step,
            role=s.role,
            person=s.identity,
            meaning=s.meaning,
            signed_at=s.signed_at,
            decision=s.decision_digest,
            statement=s.statement_digest,
            limits=s.limits,
        )
        for s in signoffs_of(row)
    ]


def _waiver(row: Waiver) -> WaiverFact:
    return WaiverFact(
        gate=row.gate,
        digest=row.version.digest,
        use=row.use.key,
        start=row.valid_from,
        until=row.valid_to,
        granted_by=row.granted_by.identity,
        requested_by=row.requested_by.identity,
        statement=row.statement_digest,
        renewal=row.renewal,
    )


def _document(row: Document) -> DocumentFact:
    return DocumentFact(
        id=row.key,
        type=row.type,
        given_at=row.given_at,
        signed_by=tuple(row.signed_by),
        statement=row.statement_digest,
    )


def _findings(version: ModelVersion) -> list[FindingFact]:
    rows = Finding.objects.filter(model=version.model).exclude(state=FindingState.CLOSED)
    return [
        FindingFact(
            id=str(f.pk),
            title=f.title,
            severity=f.severity,
            state=f.state,
            digest=f.version.digest if f.version else "",
        )
        for f in rows.select_related("version")
    ]
