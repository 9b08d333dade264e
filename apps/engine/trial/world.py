"""The world of a case: made-up digests, measurements that pass, people who sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from apps.engine.admission.steps import steps_for
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
from apps.engine.catalogue import find
from apps.engine.decide import Decision, MeasuredGate, SubjectFacts, decide
from apps.engine.policy.model import Bound, Gate, Policy

ARTIFACT = "sha256:" + "a" * 64
DATA = "sha256:" + "d" * 64
OTHER = "sha256:" + "0" * 64
VERSION = "sha256:" + "5" * 64
USE = "case"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that a case gives; fixed, whatever policy is then tried on it."""

    now: datetime
    environment: str
    facts: Mapping[str, Any]
    measurements: Mapping[str, MeasuredGate]
    signoffs: tuple[SignOffFact, ...] = ()
    documents: tuple[DocumentFact, ...] = ()
    waivers: tuple[WaiverFact, ...] = ()
    findings: tuple[FindingFact, ...] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)

    def decided(self, policy: Policy) -> Decision:
        """What the policy says of it."""
        subject = SubjectFacts(
            model="case",
            version="1",
            digest=VERSION,
            artifact_digest=ARTIFACT,
            dataset_digests=self.datasets,
            facts=self.facts,
        )
        return decide(policies=[policy], measurements=self.measurements, now=self.now, subject=subject)

    def admitted(self, policy: Policy, decision: Decision) -> Admission:
        """What the deploy gate answers."""
        sealed = ("decision", "approval", *(s.statement for s in self.signoffs))
        sealed += (*(d.statement for d in self.documents), *(w.statement for w in self.waivers))
        return admit(
            request=Request(model="case", version="1", use=USE, environment=self.environment, digest=VERSION),
            now=self.now,
            version=VersionFact(model="case", version="1", digest=VERSION, uses=(USE,), facts=self.facts),
            environment=EnvironmentFact(key=self.environment),
            policies=[policy],
            decision=DecisionFact(document=decision.as_json(), statement="decision"),
            approval=_granted(self.now),
            signoffs=self.signoffs,
            waivers=self.waivers,
            findings=self.findings,
            documents=self.documents,
            statements_valid=dict.fromkeys(sealed, True),
        )


def _granted(now: datetime) -> ApprovalFact:
    return ApprovalFact(
        state="granted",
        digest=VERSION,
        use=USE,
        decision="decision",
        granted_at=now - DAY,
        expires_at=now + 365 * DAY,
        statement="approval",
    )


def signed(policy: Policy, given: Any, *, facts: Mapping[str, Any], now: datetime) -> tuple[SignOffFact, ...]:
    """One sign-off a person: as many of each step as given, or as the policy asks for."""
    steps = steps_for([policy], facts)
    counts = {step.id: step.quorum for step in steps} if given == "all" else dict(given or {})
    roles = {step.id: step.role for step in steps}
    return tuple(
        SignOffFact(
            step=step,
            role=roles.get(step, "validator"),
            person=f"{step}-{i}",
            meaning="approve",
            signed_at=now - DAY,
            decision="decision",
            statement=f"signoff-{step}-{i}",
        )
        for step, count in counts.items()
        for i in range(count)
    )


def documents(policy: Policy, given: Any, *, now: datetime) -> tuple[DocumentFact, ...]:
    """The documents named, of the type and with the signature that the policy asks for."""
    return tuple(
        DocumentFact(
            id=rule.id,
            type=rule.type,
            given_at=now - DAY,
            signed_by=(rule.signed_by,) if rule.signed_by else (),
            statement=f"document-{rule.id}",
        )
        for rule in policy.evidence
        if given == "all" or rule.id in (given or ())
    )


def waived(gate: str, until: datetime, *, now: datetime) -> WaiverFact:
    """A waiver of a gate that is right in every other way."""
    return WaiverFact(
        gate=gate,
        digest=VERSION,
        use=USE,
        start=min(now - DAY, until - DAY),
        until=until,
        granted_by="head",
        requested_by="developer",
        statement=f"waiver-{gate}",
    )


def critical(severities: Sequence[str]) -> tuple[FindingFact, ...]:
    """Open findings of these severities."""
    return tuple(
        FindingFact(id=f"finding-{i}", title=f"A {word} finding", severity=word, state="open")
        for i, word in enumerate(severities)
    )


# Measurements --------------------------------------------------------------------------------------


def passing(gate: Gate) -> Decimal:
    """A number well inside what the gate wants without a warning."""
    bounds = [bound for bound in (gate.bound, gate.warn) if bound is not None]
    lows = [bound.min for bound in bounds if bound.min is not None]
    highs = [bound.max for bound in bounds if bound.max is not None]
    if lows and highs:
        return (max(lows) + min(highs)) / 2
    if lows:
        low = max(lows)
        return (low + 1) / 2 if 0 <= low < 1 else low + abs(low) / 10 + (0 if low else 1)
    if highs:
        high = min(highs)
        return high / 2
    return Decimal(1)


def measured(gate: Gate, given: Any, *, now: datetime) -> MeasuredGate | None:
    """The measurement that a line of a case names; None where it is missing."""
    if given == "missing":
        return None
    parts = dict(given) if isinstance(given, Mapping) else {"value": given}
    if isinstance(given, str):
        parts = _WORDS[given](gate) if given in _WORDS else {"value": passing(gate)}
    return MeasuredGate(
        measurement=_measurement(gate, parts),
        measured_at=now - timedelta(days=float(parts.get("age_days", 0))),
        artifact_digest=parts.get("artifact", ARTIFACT),
        dataset_digests={name: parts.get("data", DATA) for name in (gate.dataset, gate.reference)},
    )


def _too_old(gate: Gate) -> dict[str, Any]:
    days = gate.max_age.days + 1 if gate.max_age else 0
    return {"value": passing(gate), "age_days": days}


_WORDS: Mapping[str, Any] = {
    "insufficient": lambda gate: {"status": "insufficient", "notes": ["a group is too small"]},
    "undefined": lambda gate: {"status": "undefined", "notes": ["a denominator is zero"]},
    "stale": _too_old,
    "other_artifact": lambda gate: {"value": passing(gate), "artifact": OTHER},
    "other_data": lambda gate: {"value": passing(gate), "data": OTHER},
    "other_version": lambda gate: {"value": passing(gate), "check_version": "0"},
    "nan": lambda gate: {"value": float("nan")},
    "infinite": lambda gate: {"value": float("inf")},
    "null": lambda gate: {"value": None},
    "boolean": lambda gate: {"value": True},
    "text": lambda gate: {"value": "0.9"},
}


def _measurement(gate: Gate, parts: Mapping[str, Any]) -> dict[str, Any]:
    exact = Fraction(parts["exact"]) if "exact" in parts else None
    value = _number(float(exact) if exact is not None else parts.get("value"))
    interval = parts.get("interval", [value, value])
    status = parts.get("status", "measured")
    return {
        "check": gate.check,
        "check_version": parts.get("check_version", find(gate.check).version),
        "status": status,
        "provenance": parts.get("provenance", "governed"),
        "value": value if status == "measured" else None,
        "exact": None
        if exact is None
        else {"numerator": str(exact.numerator), "denominator": str(exact.denominator)},
        "interval": [_number(end) for end in interval] if status == "measured" else None,
        "n": parts.get("n", 10_000),
        "parameters": {},
        "groups": [],
        "tables": {},
        "notes": list(parts.get("notes", ())),
    }


def _number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def ends_of(bound: Bound) -> tuple[Decimal, ...]:
    """The ends of a bound that are set."""
    return tuple(end for end in (bound.min, bound.max) if end is not None)
