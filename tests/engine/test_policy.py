from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.errors import BadInput
from apps.engine.policy import Library, Policy, gates_for, policy_of, read_policy, select
from apps.engine.policy.form import Fault
from apps.engine.policy.inherit import merged
from apps.engine.policy.match import holds

HEAD = """apiVersion: governance/v1
kind: Policy
metadata: {id: house, version: 1.2.3, title: The house}
effective: {from: 2026-01-01, until: 2027-01-01}
"""
GATES = """gates:
  - id: auc
    check: performance.auc
    pass: {min: 0.70}
    enforcement: waivable
"""
PARENT = """apiVersion: governance/v1
kind: Policy
metadata: {id: base, version: 2.4.0, title: Base}
effective: {from: 2026-01-01}
gates:
  - {id: drift.psi, check: stability.psi, pass: {max: 0.25}, enforcement: waivable, max_age: P30D}
  - {id: auc, check: performance.auc, pass: {min: 0.70}, basis: interval}
evidence: [{id: report, max_age: P90D, signed_by: validator}]
approvals:
  steps: [{id: validation, role: validator, quorum: 2}]
  void_on: [artifact_digest, critical_finding]
validity: {approval: P180D}
waivers: {max_duration: P60D, max_renewals: 1}
"""
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def read(text: str, *others: str) -> Policy:
    library = Library({f"{i}.yaml": other.encode() for i, other in enumerate(others)})
    return read_policy(text.encode(), name="p.yaml", library=library)


def refusal(text: str, *others: str) -> str:
    with pytest.raises(BadInput) as problem:
        read(text, *others)
    return str(problem.value)


def test_a_policy_reads_with_its_defaults_on_the_strict_side() -> None:
    policy = read(HEAD + "gates: [{id: auc, check: performance.auc, pass: {min: 0.70}}]\n")
    gate = policy.gates[0]
    assert (gate.enforcement, gate.accept, gate.on_missing, gate.source) == (
        "mandatory", "governed", "fail", "firm",
    )  # fmt: skip
    assert gate.bound.min == Decimal("0.70")


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (("enforcement:", "enforcment:"), "line 9, column 5", 'Did you mean "enforcement"?'),
        (("waivable", "waiveable"), "line 9, column 18", 'Did you mean "waivable"?'),
        (("performance.auc", "performance.auk"), "line 7, column 12", 'Did you mean "performance.auc"?'),
        (("min: 0.70", "min: no"), "line 8, column 17", 'must be a number, not "no"'),
        (("min: 0.70", "min: .nan"), "line 8, column 17", 'must be a number, not ".nan"'),
        (("min: 0.70", "min: true"), "line 8, column 17", "must be a number, not true"),
        (("min: 0.70", "max: 0.70"), "line 8, column 17", "higher is better, so pass needs min, not max"),
        (("2027-01-01", "2025-01-01"), "line 4, column 38", "not after it begins"),
        (("2027-01-01", "2026-02-30"), "line 4, column 38", "must be a day"),
        (("version: 1.2.3", "version: 1.2"), "line 3, column 32", "must be a version"),
        (
            ("enforcement: waivable", "with: {confidnce: 0.9}"),
            "line 9, column 12",
            'Did you mean "confidence"?',
        ),
        (("enforcement: waivable", "with: {confidence: much}"), "line 9, column 24", "confidence must be"),
        (("enforcement: waivable", "with: {confidence: $much}"), "line 9, column 24", 'no parameter "much"'),
        (("enforcement: waivable", "warn: {min: 0.60}"), "line 9, column 17", "can never be reached"),
        (("enforcement: waivable", "on_review: warn"), "line 9, column 5", "never answers"),
        (("enforcement: waivable", "max_age: P1M"), "line 9, column 14", "a duration in days such as P90D"),
    ],
)
def test_what_a_policy_may_not_say_is_refused_where_it_stands(
    change: tuple[str, str], where: str, what: str
) -> None:
    sentence = refusal((HEAD + GATES).replace(*change))
    assert where in sentence
    assert what in sentence


@pytest.mark.parametrize(
    ("match", "what"),
    [
        ("{model.teir: [1]}", 'Did you mean "model.tier"?'),
        ("{model.tier: {gtee: 1}}", 'Did you mean "gte"?'),
        ("{model.tier: [high]}", 'a number, so it cannot be "high"'),
        ("{model.domain: {gte: 1}}", "compares numbers"),
        ("{model.vendor: [yes]}", 'true or false, so it cannot be "yes"'),
        ("{model.jurisdictions: {any_of: US}}", "any_of needs a list"),
        ("{model.tier: []}", "needs 1 to 200 values"),
        ("[model.tier]", "must be a mapping"),
        ("{model.tier: [" + "1," * 300 + "1]}", "needs 1 to 200 values"),
    ],
)
def test_match_refuses_unknown_fields_operators_and_types(match: str, what: str) -> None:
    assert what in refusal(HEAD + GATES + f"applies_to: {{match: {match}}}\n")


def test_a_gate_twice_and_a_file_of_another_kind_are_refused() -> None:
    twice = HEAD + "gates: [{id: a, check: performance.auc, pass: {min: 1}}, {id: a}]\n"
    assert 'gates has "a" a second time' in refusal(twice)
    assert 'not "Cases"' in refusal("kind: Cases\n")


def test_a_parameter_takes_its_value_and_its_digest_follows() -> None:
    text = HEAD + "parameters: {least: 0.70}\n" + GATES.replace("0.70", "$least")
    assert read(text).gates[0].bound.min == Decimal("0.70")
    assert read(text).digest != read(text.replace("0.70", "0.71")).digest


def test_the_resolved_document_gives_the_same_policy_again() -> None:
    child = HEAD + "extends: [base@2]\n" + GATES.replace("waivable", "mandatory")
    policy = read(child, PARENT)
    assert policy_of(policy.document) == policy
    assert [g.id for g in policy.gates] == ["drift.psi", "auc"]
    assert read(child, PARENT.replace("0.25", "0.20")).digest != policy.digest


# Inheritance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (
            "gates: [{id: drift.psi, pass: {max: 0.30}}]",
            "drift.psi: max 0.30 is looser than 0.25 in base@2.4.0.",
        ),
        ("gates: [{id: auc, pass: {min: 0.6}}]", "auc: min 0.6 is looser than 0.70 in base@2.4.0."),
        ("gates: [{id: auc, basis: estimate}]", "auc: basis estimate is looser than interval"),
        ("gates: [{id: drift.psi, enforcement: advisory}]", "enforcement advisory is looser than waivable"),
        ("gates: [{id: drift.psi, severity: low}]", "severity low is looser than high"),
        ("gates: [{id: drift.psi, max_age: P31D}]", "max_age P31D is longer than P30D"),
        ("gates: [{id: drift.psi, check: stability.csi}]", "drift.psi: check differs from that"),
        ("gates: [{id: drift.psi, with: {count: 5}}]", "drift.psi: with differs from that"),
        ("gates: [{id: drift.psi, accept: supplied}]", "accept supplied is looser than governed"),
        ("gates: [{id: drift.psi, match: {model.tier: [1]}}]", "drift.psi: match differs from that"),
        ("gates: []\non_missing: pending", "on_missing pending is looser than fail"),
        ("gates: []\nevidence: [{id: report, required: false}]", "report is no longer required"),
        ("gates: []\nevidence: [{id: report, max_age: P91D}]", "max_age P91D is longer than P90D"),
        ("gates: []\napprovals: {steps: [{id: validation, quorum: 1}]}", "quorum 1 is lower than 2"),
        ("gates: []\napprovals: {void_on: [artifact_digest]}", "void_on leaves out critical_finding"),
        ("gates: []\nvalidity: {approval: P181D}", "approval P181D is longer than P180D"),
        ("gates: []\nwaivers: {max_duration: P61D}", "max_duration P61D is longer than P60D"),
        ("gates: []\nwaivers: {max_renewals: 2}", "max_renewals 2 is more than 1"),
    ],
)
def test_a_child_that_loosens_is_refused_with_both_values(line: str, what: str) -> None:
    assert what in refusal(f"{HEAD}extends: [base@2]\n{line}\n", PARENT)


def test_a_child_may_tighten_and_add() -> None:
    lines = """gates:
  - {id: drift.psi, pass: {max: 0.10}, enforcement: mandatory, max_age: P7D}
  - {id: ks, check: performance.ks, pass: {min: 0.2}}
approvals: {steps: [{id: validation, quorum: 3}, {id: risk, role: risk-officer, after: [validation]}]}
"""
    policy = read(f"{HEAD}extends: [base@2]\n{lines}", PARENT)
    drift, auc, ks = policy.gates
    assert (drift.bound.max, drift.enforcement, drift.max_age) == (Decimal("0.10"), "mandatory", timedelta(7))
    assert (auc.basis, ks.id) == ("interval", "ks")
    assert [(s.id, s.quorum) for s in policy.approvals.steps] == [("validation", 3), ("risk", 1)]


def test_extends_refuses_circles_depth_and_what_is_not_there() -> None:
    def small(name: str, parent: str) -> str:
        return HEAD.replace("house", name) + f"extends: [{parent}@1]\ngates: []\n"

    assert "round in a circle: house → a → house" in refusal(small("house", "a"), small("a", "house"))
    assert "house@1 extends itself" in refusal(small("house", "house"))
    chain = (small("a", "b"), small("b", "c"), small("c", "d"))
    assert "more than 3 policies deep: house → a → b → c" in refusal(small("house", "a"), *chain)
    assert 'There is no policy "bose" to extend. Did you mean "base"?' in refusal(
        small("house", "bose"), PARENT
    )
    assert "base has no version 1.x.y; there is 2.4.0" in refusal(small("house", "base"), PARENT)


def test_two_files_that_claim_one_version_are_refused_and_a_broken_one_hides_nothing() -> None:
    child = f"{HEAD}extends: [base@2]\ngates: []\n"
    assert "both claim to be base@2.4.0" in refusal(child, PARENT, PARENT.replace("0.25", "0.2"))
    library = Library({"bad.yaml": b"a: [", "good.yaml": PARENT.encode()})
    assert list(library.broken) == ["bad.yaml"]
    assert read_policy(child.encode(), name="p.yaml", library=library).gates


@given(low=st.decimals("0", "1", places=3), high=st.decimals("0", "1", places=3), value=st.fractions(0, 1))
def test_whatever_a_child_lets_pass_its_parent_lets_pass(low: Decimal, high: Decimal, value: object) -> None:
    def document(bound: Decimal) -> dict[str, object]:
        gate = {"id": "g", "check": "performance.auc", "pass": {"min": bound}}
        return {"metadata": {"id": "p", "version": "1.0.0"}, "gates": [gate]}

    faults: list[Fault] = []
    answer = merged(document(high), document(low), faults)
    assert bool(faults) == (high < low)
    if not faults:
        assert answer["gates"][0]["pass"]["min"] >= low


# Match ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "value", "answer"),
    [
        ([1, 2], 1, True),
        ([1, 2], 3, False),
        (True, True, True),
        ([True], False, False),
        ({"gte": 50}, 50, True),
        ({"gt": 50}, 50, False),
        ({"gte": "50"}, Decimal(49), False),
        ({"gte": 1, "lt": 3}, 3, False),
        ({"ne": 1}, 1, False),
        ({"gte": 50}, None, True),
        ({"gte": 50}, "much", True),
        ({"gte": 50}, float("nan"), True),
    ],
)
def test_one_line_of_match(wanted: object, value: object, answer: bool) -> None:
    name = "model.vendor" if isinstance(value, bool) else "model.tier"
    assert holds({name: wanted}, {}, {name: value}) is answer


@pytest.mark.parametrize(("operator", "answer"), [("any_of", True), ("all_of", False), ("none_of", False)])
def test_operators_on_lists(operator: str, answer: bool) -> None:
    facts = {"model.jurisdictions": ["US", "GB"]}
    assert holds({"model.jurisdictions": {operator: ["US", "EU"]}}, {}, facts) is answer


def test_what_is_not_known_never_takes_a_duty_away() -> None:
    assert holds({"model.domain": ["credit"]}, {"model.vendor": [True]}, {})
    assert not holds({}, {"model.vendor": [True]}, {"model.vendor": True})


# Several policies ----------------------------------------------------------------------------------


def named(name: str, version: str, gate: str, head: str = HEAD) -> Policy:
    return read(head.replace("house", name).replace("1.2.3", version) + f"gates: [{gate}]\n")


def test_the_strictest_of_several_policies_wins_whatever_their_order() -> None:
    one = named(
        "a",
        "1.0.0",
        "{id: auc, check: performance.auc, pass: {min: 0.7}, enforcement: waivable, max_age: P9D}",
    )
    two = named(
        "b",
        "1.0.0",
        "{id: auc, check: performance.auc, pass: {min: 0.6}, basis: interval, severity: critical}",
    )
    (gate,) = gates_for([one, two])
    assert gates_for([two, one]) == [gate]
    assert (gate.bound.min, gate.basis, gate.enforcement) == (Decimal("0.7"), "interval", "mandatory")
    assert (gate.severity, gate.max_age, gate.policies) == ("critical", timedelta(9), ("a", "b"))


def test_one_id_for_two_questions_keeps_both() -> None:
    one = named("a", "1.0.0", "{id: auc, check: performance.auc, pass: {min: 0.7}}")
    two = named("b", "1.0.0", "{id: auc, check: performance.auc, pass: {min: 0.6}, with: {dataset: recent}}")
    assert [gate.id for gate in gates_for([one, two])] == ["auc@a", "auc@b"]


def test_select_takes_the_newest_in_force_that_speaks_of_the_model() -> None:
    gate = "{id: auc, check: performance.auc, pass: {min: 0.7}}"
    old, new = named("a", "1.9.0", gate), named("a", "1.10.0", gate)
    future = named(
        "a", "2.0.0", gate, HEAD.replace("from: 2026", "from: 2027").replace("until: 2027", "until: 2028")
    )
    elsewhere = named("b", "1.0.0", gate, HEAD + "applies_to: {environments: [production]}\n")
    chosen = select([future, old, elsewhere, new], facts={}, now=NOW, environment="staging")
    assert [f"{p.id}@{p.version}" for p in chosen] == ["a@1.10.0"]


@pytest.mark.parametrize(
    ("moment", "answer"),
    [
        ("2025-12-31T23:59:59", False),
        ("2026-01-01T00:00:00", True),
        ("2026-12-31T23:59:59", True),
        ("2027-01-01T00:00:00", False),
    ],
)
def test_a_policy_is_in_force_from_its_first_day_until_its_last(moment: str, answer: bool) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read(HEAD + GATES).effective.covers(at) is answer
