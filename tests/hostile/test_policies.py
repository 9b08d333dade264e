"""Policy files that are broken, too large, contradict themselves or point nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.hostile.conftest import Refused

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P}
effective: {from: 2026-01-01}
gates:
  - {id: a, title: A, check: performance.auc, pass: {min: 0.7}}
"""
END = POLICY.count("\n") + 1


def with_bound(text: str) -> str:
    return POLICY.replace("0.7", text)


def with_line(text: str) -> str:
    return POLICY + text + "\n"


def with_argument(text: str) -> str:
    return POLICY.replace("pass:", f"with: {text}, pass:")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "is empty"),
        ("- a\n", 1, "a mapping with kind: Policy"),
        ("kind: ModelVersion\n", 1, "kind: Policy"),
        (with_line("x: &a [1]\ny: *a"), END, 'the anchor "&a"'),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 1, 'the anchor "&a"'),
        (with_line("parameters: " + "[" * 5000 + "]" * 5000), END, "more than 50 levels"),
        (with_bound("!!python/object:os.system 0.7"), 6, "the tag"),
        (POLICY + "---\n" + POLICY, END, "a second document"),
        (POLICY.replace("  - {id", "\t- {id"), 6, "a tab cannot indent"),
        ("\ufeff" + POLICY, 1, "a byte order mark"),
        (POLICY + "\0", END, "U+0000"),
        (POLICY.replace("title: A", "title: A\u202eB"), 6, "U+202E"),
        (POLICY.replace("title: A", "title: A\u200bB"), 6, "U+200B"),
        (with_line("#" + "x" * 300_000), 0, "more than 262,144 bytes"),
        (with_bound("0.7, min: 0.9"), 6, 'the key "min" stands here a second time'),
        (POLICY.replace("title: A", "titel: A"), 6, 'Did you mean "title"?'),
        (POLICY.replace("performance.auc", "performance.ack"), 6, 'Did you mean "performance.auc"?'),
        (POLICY.replace("min: 0.7", "max: 0.7"), 6, "higher is better"),
        (with_bound("-0.7"), 6, "everything passes"),
        (with_bound("1.2"), 6, "nothing can pass"),
        (with_bound("0.9, max: 0.8"), 6, "nothing can pass"),
        (with_bound(".nan"), 6, 'a number, not ".nan"'),
        (with_bound(".inf"), 6, 'a number, not ".inf"'),
        (with_bound("1e999"), 6, "of a usual size"),
        (with_bound("1e-999"), 6, "of a usual size"),
        (with_bound("9" * 39), 6, "of a usual size"),
        (with_bound("9" * 5000), 6, "5000 digits"),
        (with_bound('"0.7"'), 6, 'a number, not "0.7"'),
        (with_bound("true"), 6, "a number, not true"),
        (with_bound("$floor"), 6, 'no parameter "floor"'),
        (with_bound("0.7}, warn: {min: 0.6"), 6, "can never be reached"),
        (POLICY.replace("{min: 0.7}", "{}"), 6, 'needs the field "pass"'),
        (with_argument("{confidance: 0.9}"), 6, 'Did you mean "confidence"?'),
        (with_argument("{confidence: high}"), 6, "a number from 0.5 to 0.9999"),
        (with_argument("{confidence: .nan}"), 6, "a number from 0.5 to 0.9999"),
        (with_argument("{confidence: 2}"), 6, "a number from 0.5 to 0.9999"),
        (POLICY.replace("pass:", "max_age: 30 days, pass:"), 6, "such as P90D"),
        (POLICY.replace("2026-01-01", "20260101"), 4, "a day such as"),
        (POLICY.replace("2026-01-01", "2026-02-30"), 4, "a day such as"),
        (POLICY.replace("2026-01-01", "2026-W01-1"), 4, "a day such as"),
        (POLICY.replace("2026-01-01", "2026-01-01, until: 2025-01-01"), 4, "not after it begins"),
        (POLICY.replace("1.0.0", "1.0"), 3, "a version such as"),
        (with_line("applies_to: {match: {model.teir: [1]}}"), END, 'Did you mean "model.tier"?'),
        (with_line("applies_to: {match: {model.tier: {gtee: 1}}}"), END, 'Did you mean "gte"?'),
        (with_line("applies_to: {match: {model.tier: ['1']}}"), END, 'cannot be "1"'),
        (with_line("applies_to: {match: {model.tier: []}}"), END, "needs 1 to 200 values"),
        (with_bound("70"), 6, "nothing can pass"),
        (with_bound("70%"), 6, 'a number, not "70%"'),
        (with_bound("0x1"), 6, 'a number, not "0x1"'),
        (with_bound("010"), 6, 'a number, not "010"'),
        (with_bound("1_0"), 6, 'a number, not "1_0"'),
        (with_bound("NO"), 6, 'a number, not "NO"'),
        (with_bound("null"), 6, "a number, not null"),
        (with_bound("1:30"), 6, 'a number, not "1:30"'),
        (with_bound("!!float 0.7"), 6, "the tag"),
        (with_line("  - {id: a, title: A, check: performance.auc, pass: {min: 0.8}}"), END, "a second time"),
        (POLICY.replace("gates:", "<<: {a: 1}\ngates:"), 5, 'no field "<<"'),
        (with_line("? [a]\n: b"), END, "a key must be text"),
        (POLICY.replace("title: A", 'title: "a\\x1b[2J"'), 6, "U+001B"),
        (with_line("applies_to: {match: {model.tier: {gte: 1e300}}}"), END, "a number"),
        (with_line(f"applies_to: {{match: {{model.domain: [{'x, ' * 5000}x]}}}}"), END, "1 to 200"),
        (with_line("approvals: {steps: [{id: v, role: validator, quorum: 0}]}"), END, "at least 1"),
        (with_line("approvals: {steps: [{id: v, role: validator, quorum: 99}]}"), END, "at most 50"),
        (with_line("approvals: {steps: [{id: v, role: valdator}]}"), END, 'Did you mean "validator"?'),
        (with_line("approvals: {steps: [{id: v, role: validator, after: [v]}]}"), END, "after itself"),
        (with_line("evidence: [{id: d, required: yes}]"), END, "true or false"),
        (with_line("on_missing: pass"), END, "on_missing"),
        (with_line("extends: [p@1]"), END, "extends itself"),
        (with_line("extends: [nope@1]"), END, 'no policy "nope"'),
        (with_line("extends: [baseline-all@99]"), END, "no version 99"),
        (with_line("extends: [baseline-all]"), END, "its major version"),
    ],
)  # fmt: skip
def test_a_broken_policy_is_refused_with_line_and_cause(
    here: Path, program: Program, refused: Refused, text: str, line: int, words: str
) -> None:
    Path("bad.yaml").write_text(text)
    code, out, _ = program("policy", "lint", "bad.yaml")
    assert code == 1
    assert words in out.splitlines()[0]
    if line:
        assert f"bad.yaml, line {line}" in out
    assert words in refused("evaluate", "model.yaml", "--policy", "bad.yaml")


def named(name: str, *more: str) -> None:
    Path(f"{name}.yaml").write_text("\n".join([POLICY.replace("id: p,", f"id: {name},"), *more]) + "\n")


def test_policies_that_extend_each_other_are_refused(here: Path, refused: Refused) -> None:
    named("one", "extends: [two@1]")
    named("two", "extends: [three@1]")
    named("three", "extends: [one@1]")
    assert "one → two → three → one" in refused("evaluate", "model.yaml", "--policy", "one.yaml")


def test_a_chain_of_more_than_three_is_refused(here: Path, refused: Refused) -> None:
    for name, parent in (("one", "two"), ("two", "three"), ("three", "four")):
        named(name, f"extends: [{parent}@1]")
    named("four")
    assert "more than 3 policies deep" in refused("evaluate", "model.yaml", "--policy", "one.yaml")


def test_what_is_extended_lies_beside_the_file_and_what_is_broken_there_hides_nothing(
    here: Path, program: Program
) -> None:
    named("parent")
    named("child", "extends: [parent@1]")
    Path("broken.yaml").write_text("a: [")
    Path("folder.yaml").mkdir()
    Path("nowhere.yaml").symlink_to("absent")
    os.mkfifo("pipe.yaml")
    code, out, err = program("evaluate", "model.yaml", "--policy", "child.yaml")
    assert (code, err) == (0, "")
    assert "against child 1.0.0" in out


def test_two_texts_of_one_policy_are_refused(here: Path, program: Program, refused: Refused) -> None:
    Path("a.yaml").write_text(POLICY)
    Path("b.yaml").write_text(with_bound("0.6"))
    assert "p" in refused("evaluate", "model.yaml", "--policy", "a.yaml", "--policy", "b.yaml")
    code, out, _ = program("policy", "lint", "a.yaml", "b.yaml")
    assert (code, "a.yaml claims to be p@1.0.0 too." in out, "1 of 2 policies" in out) == (1, True, True)


def test_one_broken_file_does_not_stop_the_others(here: Path, program: Program) -> None:
    Path("good.yaml").write_text(POLICY)
    Path("bad.yaml").write_text("a: [")
    code, out, _ = program("policy", "lint", "bad.yaml", "good.yaml", "absent.yaml")
    assert (code, out.splitlines()[-1]) == (1, "1 of 3 policies are right.")
    assert "absent.yaml does not exist" in out


@pytest.mark.parametrize("name", ["absent.yaml", ".", "a\0b", "", "x" * 5000])
def test_a_policy_that_is_no_file_is_named(here: Path, refused: Refused, name: str) -> None:
    told = refused("evaluate", "model.yaml", "--policy", name)
    assert "does not exist" in told or "cannot be read" in told


@pytest.mark.parametrize(
    ("bound", "outcome"),
    [
        ("0.9375", "pass"),
        ("0.93750000000000000000000000000000001", "fail"),
        ("0.93749999999999999999999999999999999", "pass"),
        ("9375e-4", "pass"),
        ("0.93750001", "fail"),
        ("-0.0", "pass"),
    ],
)
def test_a_bound_is_held_to_its_last_digit(here: Path, program: Program, bound: str, outcome: str) -> None:
    rows = [f"0.{9 - i},{int(i in (0, 1, 2, 4))},F,no" for i in range(8)]
    Path("holdout.csv").write_text("\n".join(["score,defaulted,sex,approved", *rows, ""]))
    Path("p.yaml").write_text(with_bound(bound))
    code, out, err = program("evaluate", "model.yaml", "--policy", "p.yaml")
    assert (code, err) == ({"pass": 0, "fail": 1}[outcome], ""), out


@pytest.mark.parametrize(
    "text",
    [
        "match: {model.tier: [9]}",
        "match: {model.tier: [1.5]}",
        "match: {model.tier: {gt: 4}}",
        "match: {model.tier: {eq: 1, ne: 1}}",
        "match: {model.exposure_eur: {gte: 10, lt: 5}}",
        "match: {model.jurisdictions: {all_of: [US], none_of: [US]}}",
        "match: {model.tier: [1]}, unless: {model.tier: [1]}",
        "match: {model.exposure_eur: {gte: 10}}, unless: {model.exposure_eur: {gt: 5}}",
        "match: {model.domain: [credit]}, unless: {model.domain: [credit, markets]}",
    ],
)
def test_a_policy_that_speaks_of_no_model_is_no_good(here: Path, program: Program, text: str) -> None:
    Path("p.yaml").write_text(with_line(f"applies_to: {{{text}}}"))
    code, out, _ = program("policy", "lint", "p.yaml")
    assert (code, "No model can have" in out or "left out again" in out) == (1, True), out


@pytest.mark.parametrize(
    "text",
    [
        "match: {model.tier: {gte: 2, lt: 4}}",
        "match: {model.tier: {gte: 0}}",
        "match: {model.tier: {ne: 1}}",
        "match: {model.exposure_eur: {gte: 5, lte: 5}}",
        "match: {model.exposure_eur: {gt: 5, lt: 6}}",
        "match: {model.jurisdictions: {all_of: [US, EU], none_of: [GB]}}",
        "match: {model.jurisdictions: {none_of: [US]}}",
        "match: {model.jurisdictions: [NO]}, unless: {model.jurisdictions: [US]}",
        "match: {model.domain: {ne: credit}}",
        "match: {model.vendor: {ne: true}}",
        "match: {model.tier: [1, 2]}, unless: {model.tier: [1]}",
    ],
)
def test_a_policy_that_speaks_of_some_is_right(here: Path, program: Program, text: str) -> None:
    Path("p.yaml").write_text(with_line(f"applies_to: {{{text}}}"))
    code, out, _ = program("policy", "lint", "p.yaml")
    assert code == 0, out
