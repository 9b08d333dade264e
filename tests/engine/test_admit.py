from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
from apps.engine.canonical import canonical
from apps.engine.decide import MeasuredGate, SubjectFacts, decide
from apps.engine.policy import Library, Policy, read_policy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DIGEST = "sha256:" + "5" * 64
POLICY = """apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 2.0.0, title: P}
effective: {from: 2026-11-01, grace: P30D}
gates:
  - {id: auc, title: The AUC, check: performance.auc, pass: {min: 0.70}, enforcement: waivable}
  - {id: psi, title: The PSI, check: stability.psi, pass: {max: 0.25}, enforcement: mandatory}
evidence: [{id: report, type: report, signed_by: validator, max_age: P365D}]
approvals:
  steps:
    - {id: validation, role: validator, quorum: 1}
    - {id: risk, role: risk-officer, quorum: 2, after: [validation]}
  void_on: [policy_major, mandatory_gate_failure]
waivers: {max_duration: P90D, max_renewals: 1}
"""


def policy(text: str = POLICY) -> Policy:
    return read_policy(text.encode(), name="p.yaml", library=Library({}))


def decision(*, auc: float = 0.8, psi: float = 0.1, one: Policy | None = None) -> DecisionFact:
    def found(check: str, value: float) -> MeasuredGate:
        base = {"check": check, "check_version": "1", "status": "measured", "provenance": "governed"}
        return MeasuredGate(measurement={**base, "value": value}, measured_at=NOW)

    made = decide(
        policies=[one or policy()],
        measurements={"auc": found("performance.auc", auc), "psi": found("stability.psi", psi)},
        now=NOW,
        subject=SubjectFacts(model="m", version="1", digest=DIGEST),
    )
    return DecisionFact(document=made.as_json(), statement="decision")


def signoff(step: str, role: str, person: str, **changes: Any) -> SignOffFact:
    made = SignOffFact(
        step=step,
        role=role,
        person=person,
        meaning="approve",
        signed_at=NOW - DAY,
        decision="decision",
        statement=f"s-{person}",
    )
    return replace(made, **changes)


SIGNOFFS = (
    signoff("validation", "validator", "vera"),
    signoff("risk", "risk-officer", "rita"),
    signoff("risk", "risk-officer", "rolf"),
)
APPROVAL = ApprovalFact(
    state="granted",
    digest=DIGEST,
    use="credit",
    decision="decision",
    environments=("production",),
    majors={"p": 2},
    granted_at=NOW - DAY,
    expires_at=NOW + 100 * DAY,
    statement="approval",
)
WAIVER = WaiverFact(
    gate="auc",
    digest=DIGEST,
    use="credit",
    start=NOW - DAY,
    until=NOW + DAY,
    granted_by="hanna",
    requested_by="dora",
    statement="waiver",
)
REPORT = DocumentFact(
    id="report", type="report", given_at=NOW - DAY, signed_by=("validator",), statement="doc"
)
VERSION = VersionFact(
    model="m",
    version="1",
    digest=DIGEST,
    uses=("credit",),
    builders=frozenset({"dora"}),
    facts={"model.exposure_eur": 1000},
)
REQUEST = Request(model="m", version="1", use="credit", environment="production", digest=DIGEST)
GENUINE = ("decision", "approval", "waiver", "doc", "s-vera", "s-rita", "s-rolf", "s-dora")


def asked(**changes: Any) -> Admission:
    facts: dict[str, Any] = {
        "request": REQUEST,
        "now": NOW,
        "version": VERSION,
        "environment": EnvironmentFact(key="production"),
        "policies": [policy()],
        "decision": decision(),
        "approval": APPROVAL,
        "signoffs": SIGNOFFS,
        "documents": [REPORT],
        "statements_valid": dict.fromkeys(GENUINE, True),
    }
    return admit(**{**facts, **changes})


def codes(answer: Admission) -> list[str]:
    return [reason.code for reason in answer.reasons]


def test_everything_in_order_is_allowed_until_the_approval_ends() -> None:
    answer = asked()
    assert (answer.outcome, answer.allowed, codes(answer)) == ("allow", True, ["allowed"])
    assert answer.expires_at == NOW + 100 * DAY
    assert canonical(answer.as_json()) == canonical(asked().as_json())


def signoffs_without(person: str) -> tuple[SignOffFact, ...]:
    return tuple(one for one in SIGNOFFS if one.person != person)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": None}, "unknown_version"),
        ({"request": replace(REQUEST, digest="sha256:other")}, "other_digest"),
        ({"request": replace(REQUEST, use="marketing")}, "unknown_use"),
        ({"version": replace(VERSION, retired_uses=("credit",))}, "use_retired"),
        ({"environment": None}, "unknown_environment"),
        ({"request": replace(REQUEST, environment="staging")}, "other_environment"),
        ({"policies": []}, "no_policy"),
        ({"now": datetime(2026, 10, 31, tzinfo=UTC)}, "policy_not_in_force"),
        ({"decision": None}, "no_decision"),
        ({"version": replace(VERSION, digest="sha256:new")}, "decision_other_digest"),
        ({"decision": DecisionFact(document={"outcome": "error"}, statement="decision")}, "not_decided"),
        ({"decision": decision(auc=0.6)}, "gate_failed"),
        ({"decision": decision(psi=0.3)}, "mandatory_gate"),
        ({"decision": decision(psi=0.3), "waivers": [replace(WAIVER, gate="psi")]}, "mandatory_gate"),
        ({"approval": None}, "no_approval"),
        ({"approval": replace(APPROVAL, state="rejected")}, "approval_rejected"),
        ({"approval": replace(APPROVAL, state="revoked")}, "approval_revoked"),
        ({"approval": replace(APPROVAL, digest="sha256:old")}, "approval_other_digest"),
        ({"approval": replace(APPROVAL, use="pricing")}, "approval_other_use"),
        ({"approval": replace(APPROVAL, expires_at=NOW)}, "expired"),
        ({"approval": replace(APPROVAL, granted_at=NOW - 365 * DAY)}, "expired"),
        ({"approval": replace(APPROVAL, granted_at=None, expires_at=None)}, "no_expiry"),
        ({"signoffs": signoffs_without("rolf")}, "signoff_missing"),
        ({"signoffs": ()}, "signoff_missing"),
        ({"documents": []}, "document_missing"),
        ({"documents": [replace(REPORT, signed_by=())]}, "document_missing"),
        ({"documents": [replace(REPORT, given_at=NOW - 366 * DAY)]}, "document_missing"),
        ({"findings": [FindingFact(id="1", title="F", severity="critical", state="open")]}, "open_finding"),
        (
            {"findings": [FindingFact(id="1", title="F", severity="critical", state="remediated")]},
            "open_finding",
        ),
        ({"latest": decision(psi=0.9)}, "approval_void"),
        ({"statements_valid": {}}, "signature_invalid"),
    ],
)
def test_each_thing_that_is_wrong_denies_and_is_named(changes: dict[str, Any], code: str) -> None:
    answer = asked(**changes)
    assert answer.outcome == "deny"
    assert not answer.allowed
    assert answer.expires_at is None
    assert code in codes(answer)


@pytest.mark.parametrize("statement", ["decision", "approval", "s-vera", "s-rita", "doc"])
@pytest.mark.parametrize("word", [False, None, "true", 1])
def test_a_statement_that_is_not_literally_verified_denies(statement: str, word: object) -> None:
    answer = asked(statements_valid={**dict.fromkeys(GENUINE, True), statement: word})
    assert answer.outcome == "deny"


def test_every_reason_is_given_not_only_the_first() -> None:
    answer = asked(
        decision=decision(auc=0.6, psi=0.3),
        signoffs=(),
        documents=[],
        findings=[FindingFact(id="1", title="F", severity="critical", state="open")],
    )
    assert set(codes(answer)) == {
        "gate_failed", "mandatory_gate", "signoff_missing", "document_missing", "open_finding",
    }  # fmt: skip
    assert codes(answer).count("signoff_missing") == 2


# Waivers -------------------------------------------------------------------------------------------


def waived(**changes: Any) -> Admission:
    return asked(decision=decision(auc=0.6), waivers=[replace(WAIVER, **changes)])


def test_a_waiver_allows_with_its_end_and_the_real_result() -> None:
    answer = waived()
    assert (answer.outcome, answer.expires_at) == ("allow_with_limits", NOW + DAY)
    assert "The AUC is 0.60" in answer.reasons[0].message
    assert "waived until 2026-11-22" in answer.reasons[0].message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"until": NOW}, "ended at"),
        ({"start": NOW + timedelta(seconds=1)}, "begins at"),
        ({"digest": "sha256:other"}, "another version or use"),
        ({"use": "pricing"}, "another version or use"),
        ({"statement": "forged"}, "not verified"),
        ({"granted_by": "dora"}, "independent"),
        ({"start": NOW - 90 * DAY}, "longer than the policy allows"),
        ({"renewal": 2}, "more often"),
    ],
)
def test_a_waiver_that_does_not_cover_denies_and_says_why(changes: dict[str, Any], words: str) -> None:
    answer = waived(**changes)
    assert (answer.outcome, codes(answer)) == ("deny", ["waiver_not_valid"])
    assert words in answer.reasons[0].message


def test_a_waiver_covers_until_its_last_second_and_no_longer() -> None:
    assert waived(until=NOW + timedelta(microseconds=1)).allowed
    assert not waived(until=NOW).allowed


# People --------------------------------------------------------------------------------------------


def test_missing_signatures_of_an_open_approval_are_awaited() -> None:
    live = replace(APPROVAL, state="open", granted_at=None, expires_at=None, statement="")
    answer = asked(approval=live, signoffs=SIGNOFFS[:1])
    assert (answer.outcome, answer.allowed) == ("pending", False)
    assert codes(answer) == ["approval_open", "signoff_missing"]


def test_an_open_approval_with_something_wrong_besides_is_denied() -> None:
    live = replace(APPROVAL, state="open", granted_at=None, expires_at=None)
    assert asked(approval=live, signoffs=(), decision=decision(psi=0.9)).outcome == "deny"


@pytest.mark.parametrize(
    "other",
    [
        signoff("risk", "risk-officer", "rita", statement="s-rolf"),
        signoff("risk", "risk-officer", "vera", statement="s-rolf"),
        signoff("risk", "risk-officer", "dora"),
        signoff("risk", "validator", "rolf"),
        signoff("risk", "risk-officer", "rolf", decision="older"),
        signoff("risk", "risk-officer", "rolf", meaning="return"),
        signoff("risk", "risk-officer", "rolf", signed_at=NOW + DAY),
    ],
)
def test_a_signature_counts_once_for_one_independent_person_of_the_role(other: SignOffFact) -> None:
    answer = asked(signoffs=(*SIGNOFFS[:2], other))
    assert answer.outcome == "deny"
    assert codes(answer) == ["signoff_missing"]


def test_one_genuine_no_denies() -> None:
    extra = signoff("risk", "risk-officer", "ruth", meaning="reject", statement="s-dora")
    assert "rejected" in codes(asked(signoffs=(*SIGNOFFS, extra)))


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ({"population": "new customers"}, "allow_with_limits"),
        ({"environments": ["production", "staging"]}, "allow_with_limits"),
        ({"environments": ["staging"]}, "deny"),
        ({"until": "2026-11-22"}, "allow_with_limits"),
        ({"until": "2026-11-21T12:00:00+00:00"}, "deny"),
        ({"max_exposure_eur": "1000"}, "allow_with_limits"),
        ({"max_exposure_eur": "999.99"}, "deny"),
    ],
)
def test_limits_are_enforced_and_told(limits: dict[str, Any], outcome: str) -> None:
    answer = asked(signoffs=(*SIGNOFFS[:2], replace(SIGNOFFS[2], limits=limits)))
    assert answer.outcome == outcome
    assert answer.limits == limits


def test_the_narrowest_of_several_limits_holds() -> None:
    one = replace(SIGNOFFS[0], limits={"environments": ["production", "staging"], "max_exposure_eur": "5000"})
    two = replace(SIGNOFFS[1], limits={"environments": ["production"], "max_exposure_eur": "2000"})
    answer = asked(signoffs=(one, two, SIGNOFFS[2]))
    assert answer.limits == {"environments": ["production"], "max_exposure_eur": "2000"}


# Policies ------------------------------------------------------------------------------------------


def test_an_older_major_is_good_until_its_grace_ends() -> None:
    old = policy(POLICY.replace("2.0.0", "1.9.0"))
    facts = {"decision": decision(one=old), "approval": replace(APPROVAL, majors={"p": 1})}
    assert asked(**facts).allowed
    late = asked(**facts, now=datetime(2026, 12, 1, tzinfo=UTC))
    assert late.outcome == "deny"
    assert {"policy_changed", "approval_void"} <= set(codes(late))


def test_a_policy_in_force_that_did_not_decide_denies() -> None:
    other = policy(POLICY.replace("id: p,", "id: q,"))
    assert "policy_not_decided" in codes(asked(policies=[policy(), other]))


def test_a_decision_that_leaves_out_a_gate_of_its_own_policy_denies() -> None:
    short = decision()
    document = {**short.document, "gates": list(short.document["gates"])[:1]}
    assert codes(asked(decision=replace(short, document=document))) == ["gate_missing"]


def test_gates_of_a_policy_for_another_environment_do_not_count_here() -> None:
    other = policy(POLICY.replace("id: p,", "id: q,").replace("id: psi", "id: drift"))
    base = {"check": "performance.auc", "check_version": "1", "status": "measured", "provenance": "governed"}
    found = MeasuredGate(measurement={**base, "value": 0.8}, measured_at=NOW)
    steady = MeasuredGate(measurement={**base, "check": "stability.psi", "value": 0.1}, measured_at=NOW)
    made = decide(
        policies=[policy(), other],
        measurements={"auc": found, "psi": steady},
        now=NOW,
        subject=SubjectFacts(model="m", version="1", digest=DIGEST),
    )
    fact = DecisionFact(document=made.as_json(), statement="decision")
    assert made.outcome == "insufficient"
    assert asked(decision=fact).allowed
    assert not asked(decision=fact, policies=[policy(), other]).allowed


def test_whatever_goes_wrong_is_a_deny_with_its_reason() -> None:
    answer = asked(approval=replace(APPROVAL, limits={"until": "soon"}))
    assert (answer.outcome, codes(answer)) == ("deny", ["error"])


def test_the_same_question_of_march_has_marchs_answer() -> None:
    answer = asked(approval=replace(APPROVAL, expires_at=NOW + DAY), now=NOW + 2 * DAY)
    assert "expired" in codes(answer)
    assert asked(approval=replace(APPROVAL, expires_at=NOW + DAY), now=NOW).allowed


# Windows and grace ---------------------------------------------------------------------------------

DECIDED = datetime(2026, 11, 20, 9, tzinfo=UTC)
TERMS = """apiVersion: governance/v1
kind: Policy
metadata: {{id: p, version: {version}, title: P}}
effective: {{from: {start}, grace: {grace}}}
gates: [{{id: auc, title: The AUC, check: performance.auc, pass: {{min: 0.70}}}}]
evidence: [{{id: report, type: report, signed_by: validator, required: {report}}}]
approvals:
  steps: [{{id: validation, role: validator, quorum: 1}}, {{id: risk, role: risk-officer, quorum: {risk}}}]
  void_on: [policy_major]
validity: {{approval: {span}, conditional: P1D}}
"""


def worded(version: str, start: str = "2026-11-01", **changes: str) -> Policy:
    words = {"grace": "P0D", "report": "false", "risk": "2", "span": "P90D"} | changes
    return policy(TERMS.format(version=version, start=start, **words))


OLD = worded("1.2.0")
STRICT = {"report": "true", "risk": "5", "span": "P1D"}


def approved_under(old: Policy, new: Policy, now: datetime, *more: Policy) -> Admission:
    """The answer at a time, of an approval given under one version where another is in force."""
    base = {"check": "performance.auc", "check_version": "1", "status": "measured", "provenance": "governed"}
    found = MeasuredGate(measurement={**base, "value": 0.8}, measured_at=DECIDED)
    subject = SubjectFacts(model="m", version="1", digest=DIGEST)
    made = decide(policies=[old], measurements={"auc": found}, now=DECIDED, subject=subject)
    granted = replace(APPROVAL, majors={old.id: old.major}, expires_at=None, granted_at=DECIDED)
    return asked(
        now=now, policies=[new], earlier=[old, *more], approval=granted, documents=(),
        decision=DecisionFact(document=made.as_json(), statement="decision"),
    )  # fmt: skip


def at(day: str, clock: str = "00:00:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


@pytest.mark.parametrize("number", ["1.2.1", "1.3.0"])
def test_a_patch_or_a_minor_asks_for_nothing_before_the_next_submission(number: str) -> None:
    assert approved_under(OLD, worded(number, "2026-12-01", **STRICT), at("2026-12-05")).allowed


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        (at("2026-12-01"), True),
        (at("2026-12-30", "23:59:59"), True),
        (at("2026-12-31"), False),
        (datetime.fromisoformat("2026-12-30T23:30:00-01:00"), False),
        (datetime.fromisoformat("2026-12-31T00:30:00+01:00"), True),
    ],
)
def test_a_major_takes_the_approval_away_on_the_day_its_grace_ends(now: datetime, allowed: bool) -> None:
    new = worded("2.0.0", "2026-12-01", grace="P30D", **STRICT)
    answer = approved_under(OLD, new, now)
    assert answer.allowed == allowed
    assert allowed or {"policy_changed", "approval_void", "signoff_missing"} <= set(codes(answer))


def test_without_grace_a_major_takes_it_away_on_its_first_day() -> None:
    assert not approved_under(OLD, worded("2.0.0", "2026-12-01"), at("2026-12-01")).allowed


def test_an_answer_given_in_grace_ends_with_it() -> None:
    new = worded("2.0.0", "2026-12-01", grace="P30D")
    assert approved_under(OLD, new, at("2026-12-30")).expires_at == at("2026-12-31")


def test_a_later_minor_does_not_begin_the_grace_anew() -> None:
    first = worded("2.0.0", "2026-12-01", grace="P10D")
    second = worded("2.1.0", "2026-12-15", grace="P60D")
    assert "policy_changed" in codes(approved_under(OLD, second, at("2026-12-16"), first))
    assert approved_under(OLD, second, at("2026-12-16")).allowed


def test_a_later_major_does_not_revive_what_an_earlier_one_ended() -> None:
    between = worded("2.0.0", "2026-12-01")
    assert not approved_under(
        OLD, worded("3.0.0", "2026-12-10", grace="P90D"), at("2026-12-11"), between
    ).allowed


def test_a_policy_that_is_new_altogether_spares_what_was_approved_before_it() -> None:
    new = replace(worded("1.0.0", "2026-12-01", grace="P30D", **STRICT), id="q")
    both = {"policies": [OLD, new]}
    early, late = (_with(both, now) for now in (at("2026-12-30"), at("2026-12-31")))
    assert early.allowed
    assert "policy_not_decided" in codes(late)


def _with(changes: dict[str, Any], now: datetime) -> Admission:
    base = {"check": "performance.auc", "check_version": "1", "status": "measured", "provenance": "governed"}
    found = MeasuredGate(measurement={**base, "value": 0.8}, measured_at=DECIDED)
    subject = SubjectFacts(model="m", version="1", digest=DIGEST)
    made = decide(policies=[OLD], measurements={"auc": found}, now=DECIDED, subject=subject)
    granted = replace(APPROVAL, majors={"p": 1}, expires_at=None, granted_at=DECIDED)
    fact = DecisionFact(document=made.as_json(), statement="decision")
    return asked(now=now, decision=fact, approval=granted, documents=(), **changes)


def test_a_policy_that_was_there_and_did_not_decide_spares_nothing() -> None:
    """The model came into its scope after the decision; grace is for what came before the policy."""
    new = replace(worded("1.0.0", "2026-11-01", grace="P90D"), id="q")
    assert "policy_not_decided" in codes(_with({"policies": [OLD, new]}, at("2026-11-22")))
