"""Answers of the deploy gate where the service is not."""

from __future__ import annotations

import pytest

from tests.bench.goals import Goal, versus
from tests.bench.measuring import in_turns, job
from tests.bench.table import Line, Table

pytestmark = pytest.mark.bench


def test_an_answer_verified_offline(table: Table) -> None:
    found = in_turns(
        5,
        ours=lambda: job("offline_ours", 2000),
        signature=lambda: job("offline_signature", 2000),
    )
    assert found["ours"][0].said["allowed"] is True
    seconds = found.seconds("ours")
    table.add(
        Line(
            part="Deploy gate",
            what="signed answers verified without the service, one core",
            ours=f"{1 / seconds:,.0f} a second",
            goal="≥ 1,000 a second",
            met="yes" if seconds <= 1e-3 else "no",
        )
    )
    versus(
        table,
        found,
        part="Deploy gate",
        what="a signed answer verified without the service: everything that `countersign verify` asks of it",
        peer="signature",
        goal=Goal(seconds=1e-3),
        note="the Ed25519 signature alone, by the same library",
    )
