"""Deciding: a policy of twelve gates, a portfolio under ten policies; reading policy files."""

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


def test_portfolio(table: Table) -> None:
    found = in_turns(
        3,
        ours=lambda: job("portfolio_ours", 3),
        cel=lambda: peer_job("portfolio_cel", 3),
    )
    versus(
        table,
        found,
        part="Deciding",
        what="1,000 models under 10 policies of 12 gates each, a sentence for each gate (rows are models)",
        peer="cel",
        goal=Goal(ratio=3),
        note="120 compiled conditions a model, no reasons",
    )


def test_reading(table: Table) -> None:
    found = in_turns(
        3,
        ours=lambda: job("reading_ours", 5),
        schema=lambda: peer_job("reading_schema", 5),
    )
    assert found["ours"][0].said["faults"] == 0
    versus(
        table,
        found,
        part="Deciding",
        what="load and lint every policy that ships (rows are policies), line and column of each fault",
        peer="schema",
        note="load and a JSON Schema of the outer form: no lines, no catalogue, no inheritance",
    )
