"""A month of use: whatever way it is added up, the bill is the sum of its entries."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.costs.commands import Held, set_rate
from apps.costs.focus import read_csv
from apps.costs.focus_export import MANDATORY, focus_csv
from apps.costs.models import CostEntry
from apps.costs.queries import month_of
from apps.costs.statements import broken_down, broken_down_by_line, by_version, months, total, unit_bills
from apps.costs.states import Outcome
from tests import factories
from tests.costs.runs import Run, Usage, entered
from tests.costs.test_bills import bill, row, taken

pytestmark = pytest.mark.django_db

NOVEMBER = date(2026, 11, 1)
CENT = Decimal("0.01")


@pytest.fixture
def month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety attempts at runs of three models of two units, all of November, a new rate in between."""
    drawn, clock = random.Random(6), [datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)]  # noqa: S311
    versions = [factories.version(label=label) for label in ("1", "2")]
    versions += [_other("limits", "retail"), _other("var", "markets")]
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock[0])
    for number in range(90):
        clock[0] += timedelta(seconds=drawn.randrange(1, 56_000))
        if number == 45:
            set_rate(by=factories.head(), hardware="cpu", per_second="0.0123456789")
        seconds = drawn.expovariate(0.05)
        run = Run(drawn.choice(versions), lane=drawn.choice(["quick", "heavy", "gpu"]))
        run.pinned = {"fields": {"model.tier": drawn.choice([1, 2, None])}}
        gates = [("a.1", ["a", "base"]), ("b.2", ["b", "base"])]
        run.progress = [{"gate": g, "policies": p, "seconds": seconds / 7} for g, p in gates]
        usage = Usage(seconds, seconds / 3, drawn.random(), drawn.randrange(1 << 31))
        entered(run, Held(seconds) if number % 9 == 0 else usage, drawn.choice(list(Outcome)))


def _other(key: str, unit: str):
    factories.model(key, of=factories.unit(unit))
    return factories.version(key, unit=unit)


def by_hand(field: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for entry in CostEntry.objects.filter(entered_at__month=11):
        found[getattr(entry, field)] += entry.amount
    return found


@pytest.mark.slow
def test_the_bill_of_a_month_adds_up(month) -> None:
    expected = by_hand("unit_key")
    bills = {b.unit_key: b for b in unit_bills(NOVEMBER)}
    assert {unit: b.exact for unit, b in bills.items()} == expected
    assert {unit: b.amount for unit, b in bills.items()} == {
        unit: amount.quantize(CENT) for unit, amount in expected.items()
    }
    assert {part.name: part.amount for part in broken_down("model", NOVEMBER)} == by_hand("model_key")
    everything = sum(expected.values())
    for name in ("unit", "tier", "purpose", "outcome"):
        assert total(broken_down(name, NOVEMBER)) == everything
    for name in ("gate", "policy"):
        assert total(broken_down_by_line(name, NOVEMBER)) == everything
    assert all(sum(line.amount for line in e.lines.all()) == e.amount for e in CostEntry.objects.all())
    _as_focus(everything)
    assert [v.first for v in by_version("credit-pd")] == [True, False]
    assert NOVEMBER in months()


def _as_focus(everything: Decimal) -> None:
    """The export by the rules of the format's columns, and read again by our own reader."""
    data = b"".join(focus_csv(NOVEMBER))
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert sum(Decimal(r["BilledCost"]) for r in rows) == everything
    for each in rows:
        assert set(MANDATORY) <= each.keys()
        assert all(each[name] for name in MANDATORY if name != "ChargeClass")
        for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each[name])
        assert each["BillingPeriodStart"] <= each["ChargePeriodStart"] < each["ChargePeriodEnd"]
        assert each["ChargePeriodEnd"] <= each["BillingPeriodEnd"] == "2026-12-01T00:00:00Z"
        assert each["ChargeCategory"] == "Usage"
        assert re.fullmatch(r"\d+(\.\d+)?", each["ListCost"])
        assert each["ListCost"] == each["ContractedCost"] == each["EffectiveCost"]
        assert re.fullmatch(r"[A-Z]{3}", each["BillingCurrency"])
    assert len({r["ResourceId"] for r in rows}) == len(rows)
    assert len(list(read_csv(data))) == len(rows)


def test_charges_of_others_stand_on_the_bill_beside_runs_each_currency_apart() -> None:
    entered()
    factories.model()
    taken(bill(row(ChargePeriodStart="2026-11-01T00:00:00Z"), row(BillingCurrency="USD")))
    euro, dollar = unit_bills(NOVEMBER, "retail")[-2:]
    assert (euro.currency, dollar.currency) == ("EUR", "USD")
    assert (dollar.amount, [line.source for line in dollar.lines]) == (Decimal("11.10"), ["focus"])


def test_no_cell_of_the_export_is_a_formula() -> None:
    entry = entered(Run(factories.version(), purpose="=cmd()"))
    text = b"".join(focus_csv(month_of(entry.entered_at))).decode()
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
