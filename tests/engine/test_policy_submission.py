"""What a policy asks of an entry before submission: read strictly, only tightened, told when it changes."""

from __future__ import annotations

import pytest

from apps.engine.errors import Problem
from apps.engine.policy import Policy, read_policy
from apps.engine.policy.diff import diff
from apps.engine.policy.inherit import merged

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: whole, version: 1.0.0, title: Whole entries}}
effective: {{from: 2026-01-01, until: null}}
submission: {0}
gates: []
"""


def policy(submission: str) -> Policy:
    return read_policy(POLICY.format(submission).encode(), name="whole.yaml")


def test_it_is_read() -> None:
    found = policy("{completeness: 80, parts: [owner, document.user-guide]}")
    assert (found.completeness, found.entry_parts) == (80, ("owner", "document.user-guide"))
    assert (policy("{}").completeness, policy("{}").entry_parts) == (0, ())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{completeness: 101}", "submission.completeness must be at most 100, not 101"),
        ("{completeness: 0}", "at least 1"),
        ("{parts: [ownr]}", 'does not know "ownr". Did you mean "owner"?'),
        ("{parts: []}", "a list of 1 to"),
        ("{part: [owner]}", 'no field "part"'),
    ],
)
def test_what_it_does_not_know_is_refused(wrong: str, said: str) -> None:
    with pytest.raises(Problem) as refused:
        policy(wrong)
    assert said in str(refused.value)


def test_a_child_only_tightens() -> None:
    parent = policy("{completeness: 80, parts: [owner]}").document
    faults: list[object] = []
    loose = policy("{completeness: 70, parts: [purpose]}").document
    merged(loose, parent, faults)  # type: ignore[arg-type]
    assert [fault.sentence for fault in faults] == [  # type: ignore[attr-defined]
        "70 is less complete than 80 in whole@1.0.0.",
        "parts leaves out owner, which is asked for in whole@1.0.0.",
    ]
    kept = merged(policy("{completeness: 90}").document, parent, [])
    assert kept["submission"] == {"completeness": 90, "parts": ["owner"]}


def test_a_change_is_told_with_what_it_does() -> None:
    loose, strict = policy("{completeness: 50}"), policy("{completeness: 80, parts: [owner]}")
    assert [change.effect for change in diff(loose, strict)] == ["stricter", "stricter"]
    assert [change.effect for change in diff(strict, loose)] == ["looser", "looser"]
