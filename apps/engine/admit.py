"""Facts + environment + time → may it run? Yes only when everything holds; every reason is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.engine.admission import people, rules
from apps.engine.admission.facts import (
    AdmissionOutcome,
    ApprovalFact,
    DecisionFact,
    DocumentFact,
    EnvironmentFact,
    FindingFact,
    Question,
    Reason,
    Request,
    SignOffFact,
    VersionFact,
    WaiverFact,
)
from apps.engine.admission.steps import LEAST, steps_for
from apps.engine.canonical import rfc3339
from apps.engine.policy.model import Policy

__all__ = [
    "LEAST",
    "Admission",
    "ApprovalFact",
    "DecisionFact",
    "DocumentFact",
    "EnvironmentFact",
    "FindingFact",
    "Reason",
    "Request",
    "SignOffFact",
    "VersionFact",
    "WaiverFact",
    "admit",
    "steps_for",
]

_RULES: tuple[Callable[[Question], Iterator[Reason]], ...] = (
    rules.of_request,
    rules.of_policies,
    rules.of_decision,
    rules.of_gates,
    rules.voids,
    people.of_approval,
    people.of_signoffs,
    people.of_documents,
    people.of_findings,
    people.of_limits,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The deploy gate's answer to one request.

    Parameters
    ----------
    limits : Mapping
        What the signers set, narrowest of each; enforced by the caller where only it can.
    expires_at : datetime or None
        The soonest end of anything that the answer rests on; None unless it is allowed.
    break_glass : bool
        Whether it is allowed only because two people broke the glass; the reasons say what was against it.
    """

    outcome: AdmissionOutcome
    reasons: tuple[Reason, ...]
    request: Request
    asked_at: datetime
    limits: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    break_glass: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the answer is one of the two that allow."""
        return self.outcome in ("allow", "allow_with_limits")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, ready for canonical bytes."""
        return {
            "kind": "Admission",
            "allowed": self.allowed,
            "outcome": self.outcome,
            "request": self.request.as_json(),
            "asked_at": rfc3339(self.asked_at),
            "reasons": [reason.as_json() for reason in self.reasons],
            "limits": dict(self.limits),
            "expires_at": rfc3339(self.expires_at) if self.expires_at else None,
            **({"break_glass": True} if self.break_glass else {}),
        }


def admit(
    *,
    request: Request,
    now: datetime,
    version: VersionFact | None,
    environment: EnvironmentFact | None,
    policies: Sequence[Policy],
    decision: DecisionFact | None,
    approval: ApprovalFact | None,
    signoffs: Sequence[SignOffFact] = (),
    waivers: Sequence[WaiverFact] = (),
    findings: Sequence[FindingFact] = (),
    documents: Sequence[DocumentFact] = (),
    statements_valid: Mapping[str, bool],
    latest: DecisionFact | None = None,
    earlier: Sequence[Policy] = (),
) -> Admission:
    """Answer one request.

    Parameters
    ----------
    now : datetime
        With a time zone. "Why was this allowed in March?" is the same call with March's time and facts.
    version, environment : fact or None
        None: not registered, not declared.
    policies : sequence of Policy
        Those in force for this model in this environment (`apps.engine.policy.select`).
    decision : DecisionFact or None
        The sealed decision that the approval was asked on.
    statements_valid : mapping of str to bool
        By the digest of each statement, whether its signature holds under a key that was valid then.
        A statement that is not named counts as not verified.
    latest : DecisionFact or None
        A later decision of the same version, as monitoring makes them.
    earlier : sequence of Policy
        Other released versions of the policies in force that have begun. The one that the decision names
        binds the approval while it counts, and each that came since must still spare it.

    Returns
    -------
    Admission
        ``deny`` if anything denies; else ``pending`` if anything is awaited; else ``allow_with_limits`` if
        signers set limits or a gate is waived; else ``allow``.
    """
    question = Question(
        request=request,
        now=now,
        version=version,
        environment=environment,
        policies=policies,
        decision=decision,
        latest=latest,
        approval=approval,
        signoffs=signoffs,
        waivers=waivers,
        findings=findings,
        documents=documents,
        statements_valid=statements_valid,
        earlier=earlier,
    )
    try:
        return _answer(question, tuple(reason for rule in _RULES for reason in rule(question)))
    except Exception as problem:  # whatever went wrong, the answer is no, and it says what
        sentence = f"The admission could not be computed: {type(problem).__name__}: {problem}"
        reason = Reason("error", sentence, request.model)
        return Admission(outcome="deny", reasons=(reason,), request=request, asked_at=now)


def _answer(question: Question, reasons: tuple[Reason, ...]) -> Admission:
    limits = people.limits_of(question)
    verdicts = {reason.verdict for reason in reasons}
    outcome: AdmissionOutcome = "allow_with_limits" if limits or verdicts else "allow"
    for verdict in ("pending", "deny"):
        outcome = verdict if verdict in verdicts else outcome
    waived = [reason.subject for reason in reasons if reason.code == "waived"]
    if outcome in ("allow", "allow_with_limits"):
        reasons = (*reasons, _because(question))
    return Admission(
        outcome=outcome,
        reasons=reasons,
        request=question.request,
        asked_at=question.now,
        limits=limits,
        expires_at=people.ends(question, waived) if outcome.startswith("allow") else None,
    )


def _because(question: Question) -> Reason:
    names = ", ".join(f"{policy.id}@{policy.version}" for policy in question.policies)
    people_count = len({signoff.person for signoff in question.signoffs})
    sentence = f"Every condition of {names} holds, and {people_count} people have signed."
    return Reason("allowed", sentence, f"{question.request.model}@{question.request.version}", "allow")
