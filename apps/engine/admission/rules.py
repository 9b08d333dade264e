"""Rules about the request, the decision, its gates and its waivers. Each yields the reasons that it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.engine.admission.facts import DecisionFact, Question, Reason, WaiverFact, told
from apps.engine.admission.terms import decided_policies, major, spared, terms
from apps.engine.policy.model import Policy
from apps.engine.policy.unite import gates_for

Reasons = Iterator[Reason]


def of_request(question: Question) -> Reasons:
    """The version is registered with exactly these bytes, for this use, and the environment is declared."""
    request, version = question.request, question.version
    name = f"{request.model}@{request.version}"
    if question.environment is None or question.environment.key != request.environment:
        yield Reason(
            "unknown_environment", f'There is no environment "{request.environment}".', request.environment
        )
    if version is None or (version.model, version.version) != (request.model, request.version):
        yield Reason("unknown_version", f"{name} is not registered.", name)
        return
    if request.digest and request.digest != version.digest:
        sentence = f"{name} is registered with {version.digest}, not with {request.digest}."
        yield Reason("other_digest", sentence, name)
    if request.use in version.retired_uses:
        yield Reason("use_retired", f'The use "{request.use}" of {name} is retired.', request.use)
    elif request.use not in version.uses:
        yield Reason("unknown_use", f'{name} is not registered for the use "{request.use}".', request.use)


def of_policies(question: Question) -> Reasons:
    """Some policy is in force, and the decision was made under all that are."""
    if not question.policies:
        yield Reason("no_policy", "No policy in force applies to this model here.", question.request.model)
    for policy in question.policies:
        if not policy.effective.covers(question.now):
            yield Reason("policy_not_in_force", f"{_name(policy)} is not in force.", policy.id)
    if question.decision is None:
        return
    decided = decided_policies(question)
    for policy in question.policies:
        yield from _decided_under(policy, decided.get(policy.id), question)


def _decided_under(policy: Policy, decided: Mapping[str, Any] | None, question: Question) -> Reasons:
    if spared(question, policy):
        return
    if decided is None:
        sentence = f"The decision was not made under {_name(policy)}, which is in force."
        yield Reason("policy_not_decided", sentence, policy.id)
    elif major(decided.get("version")) != policy.major:
        sentence = (
            f"The decision was made under version {decided.get('version')}; {_name(policy)} is in force."
        )
        yield Reason("policy_changed", sentence, policy.id)


def _name(policy: Policy) -> str:
    return f"{policy.id}@{policy.version}"


def of_decision(question: Question) -> Reasons:
    """There is a sealed, genuine decision of this digest, and it is a decision about gates."""
    name = f"{question.request.model}@{question.request.version}"
    if question.decision is None:
        yield Reason("no_decision", f"There is no decision on {name} for this use.", name)
        return
    document, statement = question.decision.document, question.decision.statement
    if not question.genuine(statement):
        yield Reason(
            "signature_invalid", "The decision's statement is not verified.", statement or "decision"
        )
    decided = (document.get("subject") or {}).get("digest")
    if question.version is not None and decided != question.version.digest:
        yield Reason("decision_other_digest", f"The decision is of {decided}, not of this version.", name)
    if document.get("outcome") not in ("pass", "fail", "insufficient"):
        words = " ".join(document.get("reasons") or ()) or "It has no outcome."
        yield Reason("not_decided", f"The gates were not decided. {words}", name)


def of_gates(question: Question) -> Reasons:
    """Each blocking gate has passed, or is waived, or is a reason of its own."""
    if question.decision is None or question.decision.document.get("outcome") in ("error", "no_policy"):
        return
    results = {str(gate.get("id")): gate for gate in question.decision.document.get("gates") or ()}
    here = {policy.id for policy in question.policies}
    if not results:
        yield Reason("not_decided", "The decision holds no gate.", question.request.model)
    yield from _unanswered(question, results)
    for name, gate in results.items():
        asked = set(gate.get("policies") or here)
        if gate.get("enforcement") == "advisory" or not asked & here:
            continue
        if gate.get("outcome") not in ("pass", "warn", "not_applicable"):
            yield _of_gate(question, name, gate)


def _unanswered(question: Question, results: Mapping[str, Any]) -> Reasons:
    """Gates of a policy that decided, under the very text that binds the approval, without a result."""
    decided = (
        {p.get("digest") for p in question.decision.document.get("policies") or ()}
        if question.decision
        else ()
    )
    same = [policy for policy in terms(question) if policy.digest in decided]
    answered = {name.partition("@")[0] for name in results}
    for gate in gates_for(same):
        if gate.blocking and gate.id.partition("@")[0] not in answered:
            yield Reason("gate_missing", f"{gate.title}: the decision holds no result.", gate.id)


def _of_gate(question: Question, name: str, gate: Mapping[str, Any]) -> Reason:
    outcome, why = gate.get("outcome"), str(gate.get("why"))
    if outcome == "missing" and gate.get("on_missing") == "pending":
        return Reason("gate_pending", why, name, "pending")
    if gate.get("enforcement") == "mandatory":
        return Reason("mandatory_gate", f"{why} The gate is mandatory and cannot be waived.", name)
    if outcome == "missing":
        return Reason("gate_missing", f"{why} A waived gate must still be measured.", name)
    waiver, faults = waiver_for(question, name)
    if waiver is not None:
        return Reason("waived", f"{why} It is waived until {told(waiver.until)}.", name, "allow_with_limits")
    code = "waiver_not_valid" if faults else "gate_failed"
    return Reason(code, " ".join([why, *faults]), name)


def waiver_for(question: Question, gate: str) -> tuple[WaiverFact | None, list[str]]:
    """The waiver that covers a gate now and ends last; without one, why each that was given does not."""
    mine = [waiver for waiver in question.waivers if waiver.gate == gate]
    faults = {waiver: _waiver_fault(question, waiver) for waiver in mine}
    good = [waiver for waiver in mine if not faults[waiver]]
    if good:
        return max(good, key=lambda waiver: (waiver.until, waiver.statement)), []
    return None, [faults[waiver] for waiver in mine]


def _waiver_fault(question: Question, waiver: WaiverFact) -> str:
    digest = question.version.digest if question.version else None
    rules = [policy.waivers for policy in terms(question)]
    if waiver.digest != digest or waiver.use != question.request.use:
        return "Its waiver is for another version or use."
    if not question.genuine(waiver.statement):
        return "Its waiver's statement is not verified."
    if question.now >= waiver.until:
        return f"Its waiver ended at {told(waiver.until)}."
    if question.now < waiver.start:
        return f"Its waiver begins at {told(waiver.start)}."
    if waiver.granted_by == waiver.requested_by or waiver.granted_by in _builders(question):
        return "Its waiver was not granted by an independent person."
    if any(waiver.until - waiver.start > rule.max_duration for rule in rules):
        return "Its waiver runs longer than the policy allows."
    if any(waiver.renewal > rule.max_renewals for rule in rules):
        return "Its waiver was renewed more often than the policy allows."
    return ""


def _builders(question: Question) -> frozenset[str]:
    return question.version.builders if question.version else frozenset()


def voids(question: Question) -> Reasons:
    """What happened after the signatures and takes them away."""
    approval, asked = question.approval, {v for policy in terms(question) for v in policy.approvals.void_on}
    if approval is None:
        return
    for policy in question.policies if "policy_major" in asked else ():
        signed = approval.majors.get(policy.id, policy.major)
        if signed != policy.major and not spared(question, policy):
            yield Reason(
                "approval_void",
                f"It was approved under {policy.id}@{signed}; {_name(policy)} is in force.",
                policy.id,
            )
    if question.latest is not None and not question.genuine(question.latest.statement):
        told_by = question.latest.statement or "latest decision"
        yield Reason("signature_invalid", "The later decision's statement is not verified.", told_by)
    if "mandatory_gate_failure" in asked and question.latest is not None:
        yield from _later_failures(question.latest, question.policies)


def _later_failures(latest: DecisionFact, policies: Sequence[Policy]) -> Reasons:
    here = {policy.id for policy in policies}
    for gate in latest.document.get("gates") or ():
        failed = gate.get("outcome") == "fail" and gate.get("enforcement") == "mandatory"
        if failed and set(gate.get("policies") or here) & here:
            sentence = f"A later decision fails a mandatory gate: {gate.get('why')}"
            yield Reason("approval_void", sentence, str(gate.get("id")))
