"""Deciding a policy of twelve gates."""

from __future__ import annotations

import pytest

from tests.bench.goals import Goal, versus
from tests.bench.measuring import in_turns, job, peer_job
from tests.bench.table import Table

pytestmark = pytest.mark.bench


def test_twelve_gates(table: Table) -> None:
    found = in_turns(
        3,
        ours=lambda: job("policy_ours", 2000),
        cel=lambda: peer_job("policy_cel", 200),
    )
    assert found["ours"][0].said["outcome"] == "pass"
    versus(
        table,
        found,
        part="Deciding",
        what="a policy of 12 gates: pins, ages, bounds on exact numbers, a sentence for each",
        peer="cel",
        goal=Goal(seconds=50e-6),
        note="12 compiled conditions, no reasons",
    )
