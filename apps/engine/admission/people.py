"""Rules about people: approval, sign-offs, documents, findings, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.engine.admission.facts import ApprovalFact, DocumentFact, Limits, Question, Reason, told
from apps.engine.admission.rules import waiver_for
from apps.engine.admission.steps import counted, steps_for
from apps.engine.admission.terms import spared_until, terms
from apps.engine.policy.model import DocumentRule

Reasons = Iterator[Reason]
_LIVE = ("open", "consolidating", "returned")


def of_approval(question: Question) -> Reasons:
    """There is an approval of this digest, use and environment, granted and not expired."""
    approval, name = question.approval, f"{question.request.model}@{question.request.version}"
    if approval is None:
        yield Reason("no_approval", f"{name} was never submitted for approval for this use.", name)
        return
    if approval.state in _LIVE:
        yield Reason("approval_open", "The approval is still open.", name, "pending")
    elif approval.state != "granted":
        yield Reason("approval_" + approval.state, f"The approval is {approval.state}.", name)
    elif not question.genuine(approval.statement):
        yield Reason(
            "signature_invalid", "The approval's statement is not verified.", approval.statement or name
        )
    yield from _of_what(question, approval, name)
    until = expiry(question)
    if approval.state == "granted" and until is None:
        yield Reason("no_expiry", "The approval does not say when it was granted.", name)
    elif until is not None and question.now >= until:
        yield Reason("expired", f"The approval ended at {told(until)}.", name)


def _of_what(question: Question, approval: ApprovalFact, name: str) -> Reasons:
    if question.version is not None and approval.digest != question.version.digest:
        yield Reason(
            "approval_other_digest", f"The approval is of {approval.digest}, not of this version.", name
        )
    if approval.use != question.request.use:
        yield Reason("approval_other_use", f'The approval is for the use "{approval.use}".', approval.use)
    here = question.request.environment
    if approval.environments and here not in approval.environments:
        places = ", ".join(approval.environments)
        yield Reason("other_environment", f"The approval is for {places}, not for {here}.", here)


def expiry(question: Question) -> datetime | None:
    """When the approval ends: its own date, or sooner where a policy in force says so."""
    approval = question.approval
    if approval is None:
        return None
    ends = [approval.expires_at] if approval.expires_at else []
    if approval.granted_at is not None:
        conditional = bool(limits_of(question))
        for policy in terms(question):
            length = policy.validity.conditional if conditional else policy.validity.approval
            ends.append(approval.granted_at + length)
    return min(ends) if ends else None


def of_signoffs(question: Question) -> Reasons:
    """Every step that the policies ask for is signed by enough independent people, and nobody said no."""
    live = question.approval is not None and question.approval.state in _LIVE
    steps = steps_for(terms(question), question.facts)
    found = counted(question, steps)
    for signoff in question.signoffs:
        if not question.genuine(signoff.statement):
            sentence = f"A sign-off of the step {signoff.step} is not verified."
            yield Reason("signature_invalid", sentence, signoff.statement or signoff.step)
        elif signoff.meaning == "reject":
            yield Reason("rejected", f"The step {signoff.step} was signed with a no.", signoff.step)
    for step in steps:
        if found[step.id] < step.quorum:
            people = "1 sign-off" if step.quorum == 1 else f"{step.quorum} sign-offs"
            sentence = f"The step {step.id} needs {people} of the role {step.role}; {found[step.id]} count."
            yield Reason("signoff_missing", sentence, step.id, "pending" if live else "deny")


def of_documents(question: Question) -> Reasons:
    """Every document that the policies require is there, of its type, signed and fresh."""
    seen: set[str] = set()
    for policy in terms(question):
        for rule in policy.evidence:
            if rule.required and rule.speaks_of(question.facts):
                fault = _document_fault(question, rule)
                if fault and fault not in seen:
                    seen.add(fault)
                    yield Reason("document_missing", fault, rule.id)


def _document_fault(question: Question, rule: DocumentRule) -> str:
    given = [d for d in question.documents if d.id == rule.id and d.type == rule.type]
    if not given:
        return f"The {rule.type} “{rule.title}” is not there."
    faults = [_one_document(question, rule, document) for document in given]
    return "" if "" in faults else faults[-1]


def _one_document(question: Question, rule: DocumentRule, document: DocumentFact) -> str:
    if rule.signed_by and rule.signed_by not in document.signed_by:
        return f"The {rule.type} “{rule.title}” is not signed by a {rule.signed_by}."
    if rule.signed_by and not question.genuine(document.statement):
        return f"The signature of the {rule.type} “{rule.title}” is not verified."
    if document.given_at > question.now:
        return f"The {rule.type} “{rule.title}” is dated later than now."
    if rule.max_age is not None and question.now - document.given_at > rule.max_age:
        return f"The {rule.type} “{rule.title}” is older than {rule.max_age.days} days."
    return ""


def of_findings(question: Question) -> Reasons:
    """No critical finding on the model or this version that is not closed."""
    digest = question.version.digest if question.version else ""
    for finding in question.findings:
        mine = not finding.digest or finding.digest == digest
        if mine and finding.severity == "critical" and finding.state != "closed":
            sentence = f"The critical finding “{finding.title}” is {finding.state}."
            yield Reason("open_finding", sentence, finding.id)


# Limits --------------------------------------------------------------------------------------------


def limits_of(question: Question) -> dict[str, Any]:
    """What all signers allow together: the narrowest of each limit."""
    every: list[Limits] = [signoff.limits for signoff in question.signoffs if signoff.meaning == "approve"]
    if question.approval is not None:
        every.append(question.approval.limits)
    answer: dict[str, Any] = {}
    for limits in every:
        for name, value in limits.items():
            if value not in (None, "", [], ()):
                answer[name] = value if name not in answer else _narrower(name, answer[name], value)
    return answer


def _narrower(name: str, one: Any, other: Any) -> Any:
    if name == "environments":
        return sorted(set(one) & set(other))
    if name == "jurisdictions":
        return shared_places(one, other)
    if name == "max_exposure_eur":
        return min(one, other, key=lambda value: Decimal(str(value)))
    if name == "until":
        return min(one, other, key=_moment)
    return one if one == other else f"{one}; {other}"


def within(place: str, places: Iterable[str]) -> bool:
    """Whether a jurisdiction is one of these, or part of one: US-NY lies within US.

    Examples
    --------
    >>> within("US-NY", ["EU", "US"]), within("US", ["US-NY"]), within("", ["US"])
    (True, False, False)
    """
    return any(place == one or place.startswith(f"{one}-") for one in places)


def shared_places(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """The jurisdictions that lie within both lists.

    Examples
    --------
    >>> shared_places(["US", "EU"], ["US-NY"])
    ['US-NY']
    """
    first, second = list(one), list(other)
    both = {p for p in first if within(p, second)} | {p for p in second if within(p, first)}
    return sorted(both)


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def of_limits(question: Question) -> Reasons:
    """The request lies within the limits that the signers set."""
    limits, here = limits_of(question), question.request.environment
    if "environments" in limits and here not in limits["environments"]:
        places = ", ".join(limits["environments"]) or "no environment"
        yield Reason("limit_environment", f"The approval is limited to {places}.", here)
    if "until" in limits and question.now >= _moment(limits["until"]):
        yield Reason("limit_until", f"The approval was limited until {limits['until']}.", "until")
    if "max_exposure_eur" in limits:
        yield from _exposure(question.facts, str(limits["max_exposure_eur"]))


def _exposure(facts: Mapping[str, Any], largest: str) -> Reasons:
    try:
        exposure = Decimal(str(facts.get("model.exposure_eur")))
    except InvalidOperation:
        exposure = Decimal("NaN")
    if not exposure.is_finite():
        yield Reason(
            "limit_exposure", f"The exposure is unknown; it is limited to {largest} EUR.", "exposure"
        )
    elif exposure > Decimal(largest):
        yield Reason(
            "limit_exposure",
            f"The exposure of {exposure} EUR is above the limit of {largest} EUR.",
            "exposure",
        )


def ends(question: Question, waived: Iterable[str]) -> datetime | None:
    """When an admission given now would no longer hold: the soonest of all that ends."""
    moments = [*spared_until(question), *([until] if (until := expiry(question)) else [])]
    limits = limits_of(question)
    moments += [_moment(limits["until"])] if "until" in limits else []
    for gate in waived:
        waiver, _ = waiver_for(question, gate)
        moments += [waiver.until] if waiver else []
    for policy in question.policies:
        if policy.effective.until is not None:
            day = policy.effective.until
            moments.append(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return min(moments) if moments else None
