from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.costs.amounts import shared, to_cents
from apps.costs.commands import Held, set_rate
from apps.costs.models import CostEntry, CostLine
from apps.costs.statements import broken_down, broken_down_by_line
from apps.costs.states import Outcome
from tests import factories
from tests.costs.runs import Run, Usage, entered

pytestmark = pytest.mark.django_db

PROGRESS: list[dict[str, Any]] = [
    {"gate": "a", "policies": ["one", "two"], "seconds": 1.0},
    {"gate": "b", "policies": ["one"], "seconds": 1.0},
    {"gate": "c", "policies": ["one"], "state": "waiting"},
]


def test_an_entry_names_the_rates_that_it_was_priced_at() -> None:
    rate = set_rate(by=factories.head(), hardware="cpu", per_second="0.25")
    told = entered().rates
    assert told["cpu"] == {
        "per_second": "0.2500000000",
        "valid_from": rate.valid_from.isoformat(),
        "rate": rate.pk,
    }
    assert told["gib"] == {"per_second": "0.0000015000", "valid_from": None, "rate": None}


def test_memory_costs_what_was_held_for_as_long_as_it_was() -> None:
    set_rate(by=factories.head(), hardware="gib", per_second="1")
    entry = entered(usage=Usage(cpu_seconds=0, wall_seconds=3, peak_memory_bytes=2 << 30))
    assert (entry.gib_seconds, entry.amount) == (Decimal(6), Decimal(6))


def test_each_attempt_at_a_run_is_entered_once() -> None:
    run = Run(factories.version())
    lost = entered(run, Held(wall_seconds=10), Outcome.LOST)
    done = entered(replace(run, fence=2))
    assert (lost.measured, lost.cpu_seconds, lost.outcome) == (False, Decimal(10), "lost")
    assert (done.measured, done.outcome) == (True, "decided")
    with pytest.raises(IntegrityError), transaction.atomic():
        entered(run)
    assert CostEntry.objects.count() == 2


def test_an_entry_is_shared_out_over_gates_and_policies_by_their_time() -> None:
    set_rate(by=factories.head(), hardware="cpu", per_second="1")
    entry = entered(Run(factories.version(), progress=PROGRESS), Usage(4, 4, 0, 0))
    lines = {(line.gate, line.policy): line.amount for line in entry.lines.all()}
    half, one, two = Decimal("0.5"), Decimal(1), Decimal(2)
    assert lines == {("a", "one"): half, ("a", "two"): half, ("b", "one"): one, ("", ""): two}
    assert {p.name: p.amount for p in broken_down_by_line("policy")} == {
        "one": Decimal("1.5"),
        "two": half,
        "": two,
    }


@pytest.mark.parametrize("total", ["0", "0.000001", "0.00001", "123.456789"])
@pytest.mark.parametrize("weights", [[1, 1, 1], [0.1, 0.2, 0.7], [5], [1, 0]])
def test_parts_add_up_to_the_whole(total: str, weights: list[float]) -> None:
    parts = shared(Decimal(total), [Decimal(str(weight)) for weight in weights])
    assert sum(parts) == Decimal(total)
    assert min(parts) >= 0


def test_what_cost_nothing_has_a_line_too() -> None:
    entered(usage=Usage(0, 0, 0, 0), outcome=Outcome.CANCELLED)
    assert [(line.gate, line.amount) for line in CostLine.objects.all()] == [("", Decimal(0))]


def test_costs_are_told_by_tier_and_for_each_decision() -> None:
    set_rate(by=factories.head(), hardware="cpu", per_second="1")
    first = Run(factories.version(), pinned={"fields": {"model.tier": 1}})
    entered(first, Usage(1, 1, 0, 0), Outcome.RETRIED)
    entered(replace(first, fence=2), Usage(2, 2, 0, 0))
    entered(Run(factories.version(), pinned={"fields": {"model.tier": None}}), Usage(1, 1, 0, 0))
    found = {part.name: part for part in broken_down("tier")}
    assert (found["1"].amount, found["1"].runs, found["1"].per_decision) == (Decimal(3), 1, Decimal(3))
    assert found[""].amount == 1


def test_cents_add_up_to_the_rounded_sum() -> None:
    third = Decimal("0.333333")
    assert to_cents([third, third, third]) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert to_cents([Decimal("-0.005"), Decimal("0.015")]) == [Decimal("0.00"), Decimal("0.01")]
    assert to_cents([]) == []
