from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.canonical import canonical
from apps.engine.decide import Decision, MeasuredGate, SubjectFacts, decide
from apps.engine.policy import Library, Policy, read_policy
from apps.engine.policy.model import Bound
from apps.engine.policy.numbers import exactly, shown

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ABOUT = SubjectFacts(
    model="credit-pd",
    version="3",
    digest="sha256:v",
    artifact_digest="sha256:a",
    dataset_digests={"holdout": "sha256:h", "development": "sha256:d"},
    facts={"model.tier": 1},
)
HEAD = """apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P}
effective: {from: 2026-01-01}
"""


def policy(*gates: str, more: str = "") -> Policy:
    lines = "".join(f"  - {{{gate}}}\n" for gate in gates)
    text = HEAD + more + ("gates:\n" + lines if gates else "gates: []\n")
    return read_policy(text.encode(), name="p.yaml", library=Library({}))


RATIO = "id: ratio, title: Approval rates, check: fairness.selection_rate_ratio, pass: {min: 0.80}"
AUC = "id: auc, title: The AUC, check: performance.auc, pass: {min: 0.70}"


def measurement(
    check: str = "fairness.selection_rate_ratio", value: Any = 0.9, **parts: Any
) -> dict[str, Any]:
    base = {
        "check": check,
        "check_version": "1",
        "status": "measured",
        "provenance": "governed",
        "value": value,
    }
    return {**base, "interval": None, "parameters": {}, "groups": [], "tables": {}, "notes": [], **parts}


def measured(found: Mapping[str, Any], **changes: Any) -> MeasuredGate:
    one = MeasuredGate(
        measurement=found,
        measured_at=NOW,
        artifact_digest="sha256:a",
        dataset_digests={"holdout": "sha256:h"},
    )
    return replace(one, **changes)


def decided(one: Policy, found: MeasuredGate | None, gate: str = "ratio") -> Decision:
    return decide(policies=[one], measurements={gate: found} if found else {}, now=NOW, subject=ABOUT)


def outcome(gate: str, found: MeasuredGate | None) -> tuple[str, str]:
    decision = decided(policy(gate), found)
    return decision.outcome, decision.gates[0].outcome


def test_four_fifths_exactly_passes() -> None:
    found = measurement(value=4 / 25 / (5 / 25), exact={"numerator": "4", "denominator": "5"})
    assert outcome(RATIO, measured(found)) == ("pass", "pass")


def test_a_ratio_a_hair_below_four_fifths_fails_even_where_its_float_does_not() -> None:
    below = Fraction(4, 5) - Fraction(1, 10**18)
    exact = {"numerator": str(below.numerator), "denominator": str(below.denominator)}
    assert float(below) == 0.8
    assert outcome(RATIO, measured(measurement(value=0.8, exact=exact))) == ("fail", "fail")


def test_a_value_that_is_not_its_exact_ratio_fails() -> None:
    found = measurement(value=0.9, exact={"numerator": "4", "denominator": "5"})
    decision = decided(policy(RATIO), measured(found))
    assert decision.outcome == "fail"
    assert "not the same number" in decision.gates[0].why


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None, True, "0.9", [0.9]])
def test_what_is_no_number_fails(value: object) -> None:
    assert outcome(RATIO, measured(measurement(value=value))) == ("fail", "fail")


@pytest.mark.parametrize("status", ["insufficient", "undefined"])
def test_what_cannot_be_measured_is_insufficient_with_its_reason(status: str) -> None:
    found = measurement(value=None, status=status, notes=["the group B has 12 rows"])
    decision = decided(policy(RATIO), measured(found))
    assert (decision.outcome, decision.gates[0].outcome) == ("insufficient", "insufficient")
    assert "The group B has 12 rows." in decision.gates[0].why


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ([0.80, 0.95], ("pass", "pass")),
        ([0.7999, 0.95], ("fail", "fail")),
        ([None, 0.95], ("fail", "fail")),
        (None, ("insufficient", "insufficient")),
    ],
)
def test_with_basis_interval_the_whole_interval_must_pass(interval: Any, answer: tuple[str, str]) -> None:
    gate = RATIO + ", basis: interval"
    assert outcome(gate, measured(measurement(interval=interval))) == answer


def test_between_pass_and_warn_is_a_warning_and_no_failure() -> None:
    gate = RATIO + ", warn: {min: 0.85}"
    decision = decided(policy(gate), measured(measurement(value=0.82)))
    assert (decision.outcome, decision.gates[0].outcome) == ("pass", "warn")
    assert "at least 0.85 to pass without a warning" in decision.gates[0].why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"measured_at": NOW - timedelta(days=31)}, "31 days old; at most 30"),
        ({"measured_at": NOW + timedelta(seconds=1)}, "later than the decision"),
        ({"artifact_digest": "sha256:x"}, "of another artifact"),
        ({"dataset_digests": {"holdout": "sha256:x"}}, 'of another data set "holdout"'),
        ({"dataset_digests": {}}, 'does not say on which data set "holdout"'),
        ({"arguments": {"min_group_size": 1}}, "with other arguments"),
        ({"measurement": measurement(check_version="0")}, "version 0 of the check"),
        ({"measurement": measurement(check="performance.auc")}, "of the check performance.auc"),
    ],
)
def test_a_result_that_rests_on_something_else_counts_as_missing(changes: dict[str, Any], why: str) -> None:
    decision = decided(policy(RATIO + ", max_age: P30D"), measured(measurement(), **changes))
    assert (decision.outcome, decision.gates[0].outcome) == ("insufficient", "missing")
    assert why in decision.gates[0].why


def test_thirty_days_old_is_still_fresh_and_nothing_at_all_is_missing() -> None:
    gate = RATIO + ", max_age: P30D"
    assert outcome(gate, measured(measurement(), measured_at=NOW - timedelta(days=30))) == ("pass", "pass")
    assert outcome(gate, None) == ("insufficient", "missing")


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        (", enforcement: mandatory", ("insufficient", "missing")),
        (", enforcement: mandatory, accept: supplied", ("pass", "pass")),
        (", enforcement: waivable", ("pass", "pass")),
    ],
)
def test_a_supplied_number_never_satisfies_a_mandatory_gate(more: str, answer: tuple[str, str]) -> None:
    assert outcome(RATIO + more, measured(measurement(provenance="supplied"))) == answer


def test_a_supplied_number_is_named_as_one() -> None:
    decision = decided(
        policy(RATIO + ", enforcement: waivable"), measured(measurement(provenance="supplied"))
    )
    assert decision.gates[0].why.endswith("The number was supplied, not measured here.")


def test_an_advisory_failure_does_not_fail_the_whole() -> None:
    assert outcome(RATIO + ", enforcement: advisory", measured(measurement(value=0.1))) == ("pass", "fail")


def test_failure_outweighs_what_is_missing() -> None:
    decision = decide(
        policies=[policy(RATIO, AUC)],
        measurements={"ratio": measured(measurement(value=0.1))},
        now=NOW,
        subject=ABOUT,
    )
    assert decision.outcome == "fail"
    assert len(decision.reasons) == 2


def test_no_policy_no_gate_and_no_gate_that_is_asked_are_no_yes() -> None:
    assert decide(policies=[], measurements={}, now=NOW, subject=ABOUT).outcome == "no_policy"
    assert decided(policy(), None).outcome == "error"
    gate = RATIO + ", match: {model.tier: [2]}"
    assert outcome(gate, measured(measurement())) == ("error", "not_applicable")


def test_whatever_goes_wrong_is_an_error_and_says_what() -> None:
    broken = replace(policy(RATIO), gates=(replace(policy(RATIO).gates[0], check="no.such"),))
    decision = decided(broken, measured(measurement()))
    assert decision.outcome == "error"
    assert 'no check "no.such"' in decision.reasons[0]


@pytest.mark.parametrize(("mapped", "answer"), [("warn", "warn"), ("fail", "fail")])
def test_a_review_is_what_the_gate_says(mapped: str, answer: str) -> None:
    gate = f"id: ratio, check: fairness.adverse_impact, pass: {{max: 0}}, on_review: {mapped}"
    assert outcome(gate, measured(measurement("fairness.adverse_impact", 1)))[1] == answer
    assert outcome(gate, measured(measurement("fairness.adverse_impact", 2)))[1] == "fail"
    assert outcome(gate, measured(measurement("fairness.adverse_impact", 0)))[1] == "pass"


def test_the_sentence_is_one_that_a_risk_officer_would_write() -> None:
    found = measurement(
        value=0.588,
        interval=[0.5662, 0.6107],
        parameters={
            "worst": {"attribute": "race", "group": "African-American"},
            "reference_groups": {"race": "Caucasian"},
        },
    )
    assert decided(policy(RATIO), measured(found)).gates[0].why == (
        "The selection rate of race = African-American is 0.59 (0.57 to 0.61) of that of race = Caucasian; "
        "at least 0.80 is needed."
    )


def test_a_decision_has_the_same_bytes_again_and_holds_no_nan() -> None:
    found = {"ratio": measured(measurement(value=float("nan")))}
    one = decide(policies=[policy(RATIO, AUC)], measurements=found, now=NOW, subject=ABOUT)
    two = decide(policies=[policy(RATIO, AUC)], measurements=found, now=NOW, subject=ABOUT)
    assert canonical(one.as_json()) == canonical(two.as_json())
    assert one.as_json()["gates"][0]["measurement"]["value"] is None
    assert one.as_json()["gates"][0]["bound"] == {"min": 0.8}


numbers = st.decimals("0", "2", places=6)


@given(value=numbers, bound=st.decimals("0", "2", places=2))
def test_a_bound_decides_by_the_decimals_that_were_written(value: Decimal, bound: Decimal) -> None:
    gate = f"id: ratio, check: fairness.selection_rate_ratio, pass: {{min: {bound}}}"
    expected = "pass" if value >= bound else "fail"
    assert outcome(gate, measured(measurement(value=float(value))))[1] == expected


@given(value=st.fractions(-3, 3), bound=st.decimals("-2", "2", places=2))
def test_a_shown_number_lies_on_the_side_of_the_bound_where_the_number_lies(
    value: Fraction, bound: Decimal
) -> None:
    end = Bound(min=bound)
    text = exactly(float(shown(value, end).replace(",", "")))
    assert text is not None
    assert abs(text - value) < Fraction(1, 100)
    if abs(value - Fraction(bound)) > Fraction(1, 10**9):
        assert end.holds(text) == end.holds(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)
    )
)
def test_no_value_whatever_raises_and_only_numbers_pass(value: object) -> None:
    gate = "id: ratio, check: fairness.selection_rate_ratio, pass: {min: 0.8}"
    found = outcome(gate, measured(measurement(value=value)))[1]
    number = exactly(value)
    assert (found == "pass") == (number is not None and number >= Fraction(4, 5))


_values = st.one_of(
    st.floats(), st.none(), st.booleans(), st.integers(0, 2), st.sampled_from([0.8, 0.7, "x"])
)


@given(_values, st.sampled_from(["measured", "undefined", "odd"]), st.sampled_from(["governed", "supplied"]))
def test_leaving_out_the_sentences_changes_no_outcome(value: Any, status: str, provenance: str) -> None:
    """Previews decide thousands of models and tell of few."""
    found = measurement(value=value, status=status, provenance=provenance, interval=[0.75, value])
    given_ = {"ratio": measured(found)}
    for line in (RATIO, RATIO + ", basis: interval", RATIO + ", warn: {min: 0.9}"):
        said, silent = (
            decide(policies=[policy(line)], measurements=given_, now=NOW, subject=ABOUT, words=words)
            for words in (True, False)
        )
        assert (said.outcome, said.gates[0].outcome) == (silent.outcome, silent.gates[0].outcome)


@pytest.mark.parametrize(
    ("said", "accept", "answer"),
    [
        ("governed", "governed", "pass"),
        ("asked", "governed", "missing"),
        ("asked", "asked", "pass"),
        ("asked", "supplied", "pass"),
        ("supplied", "asked", "missing"),
        ("supplied", "supplied", "pass"),
        ("invented", "asked", "missing"),
    ],
)
def test_a_mandatory_gate_says_whose_scores_are_enough(said: str, accept: str, answer: str) -> None:
    found = measured(measurement(provenance=said))
    assert outcome(RATIO + f", enforcement: mandatory, accept: {accept}", found)[1] == answer


_WRITTEN = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-2, 2),
    st.decimals(-5, 5, places=3).map(float),
    st.sampled_from([0.0, -0.0, 0.1, 0.105, 0.615, 0.995, 5e-324, 1.7e308, 1e9, 2.0**53 + 2]),
)
_ENDS = st.one_of(
    st.decimals(-2, 2, places=2),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal("0.3000000000000000166"), Decimal("1E-400"), Decimal("0"), Decimal("1E400")]),
)


@given(number=_WRITTEN, end=st.one_of(_ENDS, _WRITTEN.map(lambda value: Decimal(repr(value)))))
def test_a_float_is_held_and_shown_as_the_decimal_that_writes_it(number: float, end: Decimal) -> None:
    written = Decimal(repr(number))
    for bound in (Bound(min=end), Bound(max=end), Bound(min=end, max=end + 1)):
        assert bound.holds(number) is bound.holds(written)
        if -300 < end.adjusted() < 300:
            assert shown(number, bound) == shown(written, bound)
    assert shown(number) == shown(written)
