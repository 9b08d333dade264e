"""A month of use, played with its own clock: whichever way it is added up it is what was used, at its rates.

What each attempt cost is worked out here a second time, from the seconds alone.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from apps.access.models import Person
from apps.audit.models import Event
from apps.audit.states import system
from apps.costs.commands import allow_excess, quote_run, raise_alerts, set_budget, set_exchange_rate, set_rate
from apps.costs.exchanging import in_one_currency
from apps.costs.focus import read_csv
from apps.costs.focus_export import focus_csv
from apps.costs.models import Budget, BudgetAlert, CostEntry, Quote
from apps.costs.queries import standing
from apps.costs.quoting import accuracy
from apps.costs.statements import (
    broken_down,
    broken_down_by_line,
    standing_charges,
    statement,
    statement_rows,
    total,
    unit_bills,
)
from apps.costs.states import FIRST_RATES, LEVELS
from apps.gates import commands, pacing
from apps.gates.clock import database_now
from apps.gates.measuring import Found, Usage
from apps.gates.models import Partition, Run
from apps.gates.states import Failure, RunState, WaitsFor
from apps.inventory.models import ModelVersion
from tests import factories
from tests.costs.test_bills import bill, row, taken
from tests.gates import rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]

WORKER, RELAY = system("worker"), system("relay")
OCTOBER, LAST = date(2026, 10, 1), datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
RUNS, BUDGET = 120, Decimal("2.00")
MICRO, CENT = Decimal("0.000001"), Decimal("0.01")
UNITS = {"credit-pd": "retail", "cards": "retail", "var": "markets", "fraud": "payments"}
# Cancelled, lost and failed attempts are billed to the unit that asked for them like all others.
ENDS = ("decided",) * 6 + ("lost", "failed", "returned", "errored", "cancelled", "parts")
HELD_S = 40


@dataclass
class Played:
    """The month as it was played: the clock, what a second costs now, what each attempt should cost."""

    clock: datetime = datetime(2026, 10, 1, tzinfo=UTC)
    rates: dict[str, Decimal] = field(default_factory=lambda: {k: Decimal(v) for k, v in FIRST_RATES.items()})
    owed: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    of_run: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    attempts: int = 0
    share: Decimal = Decimal(0)
    stopped: list[Run] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def owes(self, run: Run, used: Usage) -> None:
        """By hand: processor, GPU and held memory, each at the rate of this moment."""
        kind = "memory" if run.lane == "heavy" else "cpu"
        seconds = [Decimal(str(value)).quantize(MICRO) for value in (used.cpu_seconds, used.gpu_seconds)]
        wall = Decimal(str(used.wall_seconds)).quantize(MICRO)
        gib = (wall * used.peak_memory_bytes / (1 << 30)).quantize(MICRO)
        exact = seconds[0] * self.rates[kind] + seconds[1] * self.rates["gpu"] + gib * self.rates["gib"]
        amount = exact.quantize(MICRO)
        self.owed[run.version.model.unit.key] += amount
        self.of_run[str(run.pk)] += amount
        self.attempts += 1


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    month = Played()
    monkeypatch.setattr("django.utils.timezone.now", lambda: month.clock)
    head, dev = factories.head(), factories.developer()
    models = {key: factories.model(key, of=factories.unit(unit)) for key, unit in UNITS.items()}
    versions = [rows.version(dev, of=model) for model in models.values()]
    budget = set_budget(by=head, unit=factories.unit("markets"), month=OCTOBER, amount=str(BUDGET))
    drawn = random.Random(31)  # noqa: S311 - a schedule, no secret
    for number in range(RUNS):
        month.clock += timedelta(seconds=drawn.randrange(60, 32_000))
        days_of_change(month, number, head)
        play(month, drawn, dev, drawn.choice(versions))
    assert month.clock < LAST
    go_on(month, drawn, budget, dev)
    return month


def days_of_change(month: Played, number: int, head: Person) -> None:
    """In the course of the month rates and exchange rates change, and budgets tell how far they are."""
    if number == RUNS // 2:
        for name, price in (("cpu", "0.0040000001"), ("gpu", "0.0123456789"), ("gib", "0.0000031")):
            set_rate(by=head, hardware=name, per_second=price)
            month.rates[name] = Decimal(price)
    if number in (RUNS // 4, RUNS - 1):
        rate = "0.91" if number < RUNS // 2 else "0.8875"
        set_exchange_rate(
            by=head, currency_of="USD", rate=rate, day=month.clock.date(), source="the central bank"
        )
    raise_alerts(by=WORKER)
    month.share = month.owed["markets"] * 100 / BUDGET


def play(month: Played, drawn: random.Random, dev: Person, version: ModelVersion) -> None:
    """A run is asked for and quoted, begins where its budget lets it, and ends in one of all ways."""
    lane = drawn.choice(["quick", "quick", "heavy", "gpu"])
    progress = [
        {"gate": g, "policies": p, "seconds": drawn.random()} for g, p in (("a", ["x", "y"]), ("b", ["x"]))
    ]
    run = rows.run(dev, of=version, lane=lane, progress=progress)
    quote_run(by=WORKER, run=run)
    if claimed(run) is None:
        month.stopped.append(run)
    else:
        finish(month, drawn, run, drawn.choice(ENDS))


def go_on(month: Played, drawn: random.Random, budget: Budget, dev: Person) -> None:
    """What was stopped begins as soon as a person lets it, and not before."""
    assert month.stopped
    for run in month.stopped:
        run.refresh_from_db()
        assert (run.state, run.cause[:17]) == (RunState.QUEUED, "Waits: the budget")
        assert not CostEntry.objects.filter(run=run.pk).exists()
    allow_excess(
        by=factories.risk_officer(),
        unit=factories.unit("markets"),
        budget=budget,
        amount="1000",
        until=datetime(2026, 11, 1, tzinfo=UTC),
        reason="The desk closes without it.",
    )
    for run in month.stopped:
        month.clock += timedelta(seconds=1)
        assert claimed(run) is not None
        finish(month, drawn, run, "decided")


def claimed(run: Run) -> Run | None:
    Run.objects.filter(pk=run.pk).update(not_before=None)
    return commands.claim(by=WORKER, run_id=run.pk, owner="host:1:2")


def used(drawn: random.Random, lane: str) -> Usage:
    wall = round(drawn.expovariate(1 / 40), 6)
    gpu = wall if lane == "gpu" else 0.0
    return Usage(
        cpu_seconds=round(wall * drawn.uniform(0.5, 2), 6),
        wall_seconds=wall,
        gpu_seconds=gpu,
        peak_memory_bytes=drawn.randrange(1 << 33),
    )


def finish(month: Played, drawn: random.Random, run: Run, how: str) -> None:
    month.ends[how] += 1
    held = Run.objects.select_related("version__model__unit").get(pk=run.pk)
    ending = {"lost": lose, "failed": fail, "returned": give_back, "cancelled": cancel, "parts": in_parts}
    if how in ending:
        ending[how](month, drawn, held)
    if how in ("lost", "failed", "returned", "parts"):
        assert claimed(run) is not None
        held = Run.objects.select_related("version__model__unit").get(pk=run.pk)
    usage = used(drawn, held.lane)
    if how == "errored":
        cause = "There is no such column."
        commands.fail(by=WORKER, run=held, failure=Failure.INPUT, cause=cause, usage=usage)
    elif how != "cancelled":
        found = Found(measurements={}, measured_at=database_now(), usage=usage)
        commands.decide_and_seal(by=WORKER, run=held, policies=[], gates=[], found=found)
    else:
        return
    month.owes(held, usage)


def silent(row: Run | Partition) -> None:
    """Its worker was heard of last forty seconds after it began."""
    until = database_now() - timedelta(seconds=1)
    began = until - pacing.lease() - timedelta(seconds=HELD_S)
    type(row).objects.filter(pk=row.pk).update(lease_until=until, started_at=began)


def held_for(seconds: float, lane: str) -> Usage:
    return Usage(
        cpu_seconds=seconds,
        wall_seconds=seconds,
        gpu_seconds=seconds if lane == "gpu" else 0.0,
        peak_memory_bytes=0,
    )


def lose(month: Played, drawn: random.Random, run: Run) -> None:
    silent(run)
    assert commands.take_back(by=RELAY) == 1
    month.owes(run, held_for(HELD_S, run.lane))


def fail(month: Played, drawn: random.Random, run: Run) -> None:
    usage = used(drawn, run.lane)
    commands.fail(by=WORKER, run=run, failure=Failure.CRASH, cause="It fell over.", usage=usage)
    month.owes(run, usage)


def give_back(month: Played, drawn: random.Random, run: Run) -> None:
    assert commands.give_back(by=WORKER, owner="host:1") == 1
    _unmeasured(month, run)


def cancel(month: Played, drawn: random.Random, run: Run) -> None:
    commands.cancel(by=run.requested_by, run=run)
    _unmeasured(month, run)


def _unmeasured(month: Played, run: Run) -> None:
    """How long it was held only the entry knows."""
    entry = CostEntry.objects.filter(run=run.pk).latest("pk")
    assert not entry.measured
    month.owes(run, held_for(float(entry.wall_seconds), run.lane))


def in_parts(month: Played, drawn: random.Random, run: Run) -> None:
    """The run waits again, for a partition whose first worker is lost and whose second one does its work."""
    commands.give_back(by=WORKER, owner="host:1")
    _unmeasured(month, run)
    Run.objects.filter(pk=run.pk).update(waits_for=WaitsFor.PARTITIONS)
    part = Partition.objects.create(run=run, dataset="holdout", number=0, parts={}, lane=run.lane)
    taken_up = commands.claim_partition(by=WORKER, partition_id=part.pk, owner="host:1:2")
    assert taken_up is not None
    silent(taken_up)
    assert commands.take_back_partitions(by=RELAY) == 1
    month.owes(run, held_for(HELD_S, run.lane))
    again = commands.claim_partition(by=WORKER, partition_id=part.pk, owner="host:1:2")
    usage = used(drawn, run.lane)
    commands.fail_partition(
        by=WORKER, partition=again, failure=Failure.CRASH, cause="It fell over.", usage=usage
    )
    month.owes(run, usage)
    Run.objects.filter(pk=run.pk).update(waits_for="", not_before=None)


def test_the_bill_of_a_month_is_what_was_used_whichever_way_it_is_added_up(played: Played) -> None:
    assert set(played.ends) == set(ENDS)
    entries = CostEntry.objects.all()
    assert entries.count() == played.attempts > RUNS
    everything = sum(played.owed.values())
    assert {b.unit_key: b.exact for b in unit_bills(OCTOBER)} == dict(played.owed)
    assert {b.unit_key: b.amount for b in unit_bills(OCTOBER)} == in_cents(played.owed)
    assert {r["unit_key"]: r["amount"] for r in statement(OCTOBER)} == dict(played.owed)
    for by in ("model", "unit", "tier", "purpose", "outcome"):
        assert total(broken_down(by, OCTOBER)) == everything
    for by in ("gate", "policy"):
        assert total(broken_down_by_line(by, OCTOBER)) == everything
    assert total(broken_down("tier")) == everything  # what the portfolio says of all time
    of_run = {str(e.run): Decimal(0) for e in entries}
    for entry in entries:
        of_run[str(entry.run)] += entry.amount
    assert of_run == dict(played.of_run)
    brought_in_elsewhere(played)
    budgets_held(played)
    quotes_were_judged(played)
    several_currencies(played)


def in_cents(owed: dict[str, Decimal]) -> dict[str, Decimal]:
    return {unit: amount.quantize(CENT, rounding="ROUND_HALF_EVEN") for unit, amount in owed.items()}


def brought_in_elsewhere(played: Played) -> None:
    """The month's export, read as any other bill, comes to the same for each unit."""
    data = b"".join(focus_csv(OCTOBER))
    with transaction.atomic():
        told = taken(data, rows=read_csv(data), name="october.csv")
        assert told.counts == {**dict.fromkeys(told.counts, 0), "new": played.attempts}
        found: dict[str, Decimal] = defaultdict(Decimal)
        for charge in standing_charges():
            found[charge.unit_key] += charge.amount
        assert dict(found) == dict(played.owed)
        assert taken(data, rows=read_csv(data)).counts["unchanged"] == played.attempts
        transaction.set_rollback(True)


def budgets_held(played: Played) -> None:
    """Nothing began beyond the budget, each refusal and each level was told once, and the record says so."""
    budget = Budget.objects.get()
    assert Event.objects.filter(action="budget.refused").count() == len(played.stopped)
    assert played.share > 50
    reached = {level for level in LEVELS if played.share >= level}
    assert set(BudgetAlert.objects.values_list("level", flat=True)) == reached
    assert Event.objects.filter(action="budget.reached").count() == BudgetAlert.objects.count()
    assert standing(budget, LAST).used == played.owed["markets"]
    assert standing(budget, LAST).ceiling == BUDGET + 1000


def quotes_were_judged(played: Played) -> None:
    """How far the quotes missed, worked out from the runs."""
    quoted = {str(q.run): q for q in Quote.objects.filter(median__gt=0)}
    decided = set(map(str, CostEntry.objects.filter(outcome="decided").values_list("run", flat=True)))
    missed = sorted(
        abs(played.of_run[run] - quoted[run].median) / quoted[run].median for run in decided & set(quoted)
    )
    found = accuracy()
    assert found.runs == len(missed) > RUNS // 2
    middle = len(missed) // 2
    expected = missed[middle] if len(missed) % 2 else (missed[middle - 1] + missed[middle]) / 2
    assert found.median_error is not None
    assert abs(found.median_error - expected) <= 2 * MICRO
    inside = [
        run for run in decided & set(quoted) if quoted[run].low <= played.of_run[run] <= quoted[run].high
    ]
    assert found.within == len(inside)


def several_currencies(played: Played) -> None:
    """A cloud's bill in dollars stands beside it, and is added up at the newest rate of the month."""
    period = {"ChargePeriodStart": "2026-10-07T00:00:00Z", "ChargePeriodEnd": "2026-10-08T00:00:00Z"}
    tags = [json.dumps({"model": key}) for key in ("credit-pd", "var")]
    dollars = [row(Tags=tag, BillingCurrency="USD", EffectiveCost="10.005", **period) for tag in tags]
    assert taken(bill(*dollars)).counts["new"] == 2
    bills = unit_bills(OCTOBER)
    found = in_one_currency(bills, OCTOBER)
    euros = sum(in_cents(played.owed).values())
    dollar = next(part for part in found.parts if part.currency == "USD")
    assert dollar.rate.rate == Decimal("0.8875")
    assert (dollar.amount, dollar.into) == (Decimal("20.00"), Decimal("17.75"))
    assert found.amount == euros + dollar.into
    cells = [line[6] for line in statement_rows(OCTOBER) if line[5] == "EUR"]
    assert sum(cells) == euros
