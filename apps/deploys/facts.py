"""Everything that the deploy gate looks at, read from the rows and verified: facts in, nothing decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from apps.approvals.models import Approval, Document, Finding, SignOff, Waiver
from apps.approvals.queries import closures_of, documents_of, revealed_signoffs, standing_approval
from apps.approvals.states import ApprovalState, FindingState, Severity
from apps.audit.anchoring.standing import why_nothing_is_admitted
from apps.audit.past import as_of
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.deploys.models import Environment
from apps.engine.admit import (
    Admission,
    ApprovalFact,
    DecisionFact,
    DocumentFact,
    EnvironmentFact,
    FindingFact,
    Reason,
    Request,
    SignOffFact,
    VersionFact,
    WaiverFact,
    admit,
)
from apps.engine.canonical import canonical, digest
from apps.engine.policy.model import Policy
from apps.gates.models import Decision
from apps.gates.queries import begun, latest_decision, policies_in_each
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import builders_of
from apps.inventory.sealed import Ground, ground_of


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
    genuine: Mapping[str, bool] = field(default_factory=dict)
    # Why the log allows nothing at this moment; empty while it may.
    log: str = ""
    earlier: list[Policy] = field(default_factory=list)

    def statements(self) -> list[str]:
        """The digest of every statement that these facts rest on."""
        return sorted(self.genuine)

    def answer(self, request: Request, now: datetime) -> Admission:
        """What the engine says of them, while somebody outside vouches for the log."""
        found = self._said(request, now)
        if not self.log or not found.allowed:
            return found
        reason = Reason("log_not_anchored", self.log, "log")
        return replace(found, outcome="error", reasons=(reason,), expires_at=None)

    def _said(self, request: Request, now: datetime) -> Admission:
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
            statements_valid=self.genuine,
            earlier=self.earlier,
        )


def gather(
    version: ModelVersion | None, use: Use | None, environment: Environment | None, now: datetime
) -> Gathered:
    """Read everything; what is not there stays empty, which the engine answers with a no."""
    return gather_everywhere(version, use, [environment], now)[0]


def gather_everywhere(
    version: ModelVersion | None,
    use: Use | None,
    environments: list[Environment | None],
    now: datetime,
    *,
    ground: Ground | None = None,
) -> list[Gathered]:
    """The facts for each environment, those that are the same in all of them read and verified once.

    `ground` is what is known of the model's tier and regimes, where the caller has read it.
    """
    if version is None:
        return [Gathered(environment=_place(e)) for e in environments]
    if use is None:
        same = Gathered(version=_version(version, {}), findings=_findings(version))
        return [replace(same, environment=_place(e)) for e in environments]
    ground, rows = ground or ground_of(version.model), _rows(version, use, now)
    told = contents([*ground.digests(), *rows.digests()])
    sealed = ground.fields(version, use, told)
    same = rows.facts(_version(version, sealed.fields), told)
    same = replace(same, genuine={**dict.fromkeys(sealed.statements, True), **same.genuine})
    described = [sealed.fields, *rows.decided_on()]
    found = _policies(now, described, environments)
    same = replace(same, earlier=_earlier(same.decision, found, now), log=_log(now))
    return [
        replace(same, environment=_place(place), policies=policies)
        for place, policies in zip(environments, found, strict=True)
    ]


def _log(now: datetime) -> str:
    """What the log says of this moment; where the past is read it says nothing."""
    return why_nothing_is_admitted(now) if as_of() is None else ""


def _earlier(decision: DecisionFact | None, in_force: list[list[Policy]], now: datetime) -> list[Policy]:
    """The other versions of the policies in force that the decision was not made under."""
    named = {policy["digest"] for policy in decision.document["policies"]} if decision else set()
    other = {policy.digest: policy.id for policies in in_force for policy in policies}
    ids = {key for digest, key in other.items() if digest not in named}
    return [one for one in begun(ids, now) if one.digest not in other] if decision and ids else []


def _policies(
    now: datetime, described: list[Mapping[str, Any]], environments: list[Environment | None]
) -> list[list[Policy]]:
    """Those in force in each environment, for the model as it is described now and as it was decided on.

    What is said of a model later, a lower tier or another domain, takes no policy away; a new decision does.
    """
    places = [place.key if place else None for place in environments]
    found = policies_in_each(now, [(fields, place) for place in places for fields in described])
    each = len(described)
    united = ({p.id: p for some in found[i : i + each] for p in some} for i in range(0, len(found), each))
    return [[policies[key] for key in sorted(policies)] for policies in united]


def _place(environment: Environment | None) -> EnvironmentFact | None:
    return EnvironmentFact(key=environment.key) if environment else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows about a version and use that statements stand behind."""

    decision: Decision | None
    latest: Decision | None
    approval: Approval | None
    signoffs: list[SignOff]
    waivers: list[Waiver]
    documents: list[Document]
    findings: list[FindingFact]

    def facts(self, version: VersionFact, sealed: Mapping[str, Mapping[str, Any]]) -> Gathered:
        return Gathered(
            version=version,
            decision=_decision(self.decision),
            latest=_decision(self.latest),
            approval=_approval(self.approval) if self.approval else None,
            signoffs=[_signoff(s) for s in self.signoffs],
            waivers=[_waiver(w) for w in self.waivers],
            findings=self.findings,
            documents=[_document(d) for d in self.documents],
            genuine=self.genuine(sealed),
        )

    def digests(self) -> list[str]:
        """The statements that these rows name."""
        return [key for key, _, _ in self._told()]

    def genuine(self, told: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, bool]:
        """Each statement: whether its signature holds, and it says what the row that names it says."""
        sealed = contents(self.digests()) if told is None else told
        found: dict[str, bool] = {}
        for key, fact, what in self._told():
            says = key in sealed and _says(sealed[key], fact, what)
            found[key] = found.get(key, True) and says
        return found

    def decided_on(self) -> list[Mapping[str, Any]]:
        """The fields of the model that the decision's run pinned."""
        return [self.decision.run.pinned["fields"]] if self.decision else []

    def _told(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Each statement by digest, with its type and what it must say."""
        for decision in (self.decision, self.latest):
            if decision is not None:
                yield decision.statement_digest, "decision", _sealed_decision(decision)
        if self.approval is not None and self.approval.statement_digest:
            yield self.approval.statement_digest, "approval", _sealed_grant(self.approval, self.signoffs)
        for signoff in self.signoffs:
            yield signoff.statement_digest, "signoff", _sealed_signoff(signoff)
        for waiver in self.waivers:
            yield waiver.statement_digest, "waiver", _sealed_waiver(waiver)
        for document in self.documents:
            yield document.statement_digest, "report-signature", _sealed_document(document)


def _says(statement: Mapping[str, Any], fact: str, expected: Mapping[str, Any]) -> bool:
    """Whether a statement is of this type and says at least this."""
    predicate = statement["predicate"]
    mine: bool = statement["predicateType"] == f"https://countersign.dev/{fact}/v1"
    return mine and all(predicate.get(name) == plain(value) for name, value in expected.items())


def _rows(version: ModelVersion, use: Use, now: datetime) -> _Rows:
    approval = standing_approval(version, use, now)
    decision = approval.decision if approval else latest_decision(version, use)
    for row in (approval, decision):
        if row is not None and row.use_id == use.pk:
            row.use = use  # else each would be read once more
    return _Rows(
        decision=decision,
        latest=latest_decision(version, use, Purpose.MONITORING),
        approval=approval,
        # Nobody learns from the deploy gate what a review still hides.
        signoffs=revealed_signoffs(approval) if approval else [],
        waivers=list(Waiver.objects.filter(version=version, use=use).select_related(*_TWO)),
        documents=list(documents_of(version, use).select_related("version", "use")),
        findings=_findings(version),
    )


_TWO = ("version", "use", "decision", "requested_by", "granted_by")


def _sealed_decision(row: Decision) -> dict[str, Any]:
    return {
        **row.document,
        "run": str(row.run_id),
        "use": row.use.key,
        "purpose": row.purpose,
        "outcome": row.outcome,
        "pins": digest(canonical(row.run.pinned)),
        "gates": [{k: v for k, v in gate.items() if k != "measurement"} for gate in row.document["gates"]],
    }


def _sealed_grant(row: Approval, signoffs: list[SignOff]) -> dict[str, Any]:
    given = sorted(signoffs, key=lambda s: s.signed_at)
    return {
        "approval": str(row.pk),
        "use": row.use.key,
        "subject": {**row.subject, "decision": row.decision.statement_digest},
        "signoffs": [s.statement_digest for s in given],
        "limits": row.limits,
        "grantedAt": row.closed_at,
        "expiresAt": row.expires_at,
    }


def _sealed_signoff(row: SignOff) -> dict[str, Any]:
    return {
        "approval": str(row.approval_id),
        "round": row.round,
        "person": str(row.person_id),
        "decision": row.decision_digest,
        "step": row.step,
        "role": row.role,
        "meaning": row.meaning,
        "limits": row.limits,
        "signedAt": row.signed_at,
    }


def _sealed_waiver(row: Waiver) -> dict[str, Any]:
    return {
        "use": row.use.key,
        "gate": row.gate,
        "decision": row.decision.statement_digest,
        "requestedBy": str(row.requested_by_id),
        "grantedBy": str(row.granted_by_id),
        "validFrom": row.valid_from,
        "validTo": row.valid_to,
        "renewal": row.renewal,
    }


def _sealed_document(row: Document) -> dict[str, Any]:
    return {
        "document": row.key,
        "version": row.version.digest,
        "use": row.use.key,
        "after": row.blob_digest,
        "signedBy": row.signed_by,
        "signedAt": row.given_at,
    }


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
        limits=row.limits,
        majors={p["id"]: int(p["version"].split(".")[0]) for p in row.subject["policies"]},
        granted_at=row.closed_at if row.state == ApprovalState.GRANTED else None,
        expires_at=row.expires_at,
        statement=row.statement_digest,
    )


def _signoff(row: SignOff) -> SignOffFact:
    return SignOffFact(
        step=row.step,
        role=row.role,
        person=row.identity,
        meaning=row.meaning,
        signed_at=row.signed_at,
        decision=row.decision_digest,
        statement=row.statement_digest,
        limits=row.limits,
    )


def _waiver(row: Waiver) -> WaiverFact:
    return WaiverFact(
        gate=row.gate,
        digest=row.version.digest if row.version_id == row.decision.version_id else "",
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
    """Those that are not closed; one that counts as closed has a statement of whoever closed it."""
    rows = Finding.objects.filter(model=version.model).select_related("version")
    closed = _closed([f for f in rows if f.state == FindingState.CLOSED])
    return [
        FindingFact(
            id=str(f.pk),
            title=f.title,
            severity=f.severity,
            state=f.state if f.state != FindingState.CLOSED else "closed without a statement",
            digest=f.version.digest if f.version else "",
        )
        for f in rows
        if f.pk not in closed
    ]


def _closed(rows: list[Finding]) -> set[Any]:
    told = {f.pk: closures_of(f) for f in rows if f.severity == Severity.CRITICAL}
    sealed = contents(key for keys in told.values() for key in keys)
    light = {f.pk for f in rows if f.severity != Severity.CRITICAL}
    return light | {
        pk
        for pk, keys in told.items()
        if any(key in sealed and _says(sealed[key], "finding-closure", {"finding": str(pk)}) for key in keys)
    }
