from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.costs.commands import set_budget, set_rate
from apps.costs.guards import within_budget
from apps.costs.models import CostEntry
from apps.costs.queries import cost_of, month_of, next_month, rate_of, spent
from apps.costs.statements import statement
from tests import factories
from tests.costs.runs import Run, Usage, entered

pytestmark = pytest.mark.django_db


def priced(hardware: str, price: str) -> None:
    set_rate(by=factories.head(), hardware=hardware, per_second=price)


def test_a_run_costs_its_processor_seconds_at_the_rate_of_its_hardware():
    priced("cpu", "0.25")
    entry = entered()
    assert (entry.amount, entry.currency, entry.hardware) == (Decimal("0.5"), "EUR", "cpu")
    assert Event.objects.get(action="cost.entered").doc["after"]["amount"] == "0.500000"


def test_a_gpu_run_costs_both_its_processor_and_its_gpu_seconds():
    priced("cpu", "0.25")
    priced("gpu", "4")
    entry = entered(Run(factories.version(), lane="gpu"), Usage(cpu_seconds=2, gpu_seconds=1.5))
    assert entry.amount == Decimal("6.5")


def test_a_heavy_run_costs_the_rate_of_large_machines():
    priced("memory", "1")
    assert entered(Run(factories.version(), lane="heavy")).amount == Decimal(2)


def test_a_run_is_entered_once():
    run = Run(factories.version())
    entered(run)
    with pytest.raises(IntegrityError), transaction.atomic():
        entered(run)
    assert CostEntry.objects.count() == 1


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_mean_nothing_are_refused(seconds):
    with pytest.raises(Invalid, match="no number of seconds"):
        entered(usage=Usage(cpu_seconds=seconds))
    assert not CostEntry.objects.exists()


def test_costs_are_summed_by_model_and_by_unit_and_month():
    priced("cpu", "0.25")
    model = factories.version().model
    entered()
    entered()
    cost = cost_of(model)
    assert (cost.amount, cost.runs, cost.cpu_seconds) == (Decimal(1), 2, Decimal(4))
    assert cost_of(model, since=timezone.now() + timedelta(minutes=1)).runs == 0
    assert cost_of(factories.model("other")).amount == 0
    row = statement(month_of(timezone.now()))[0]
    assert (row["unit_key"], row["runs"], row["amount"], row["budget"]) == ("retail", 2, Decimal(1), None)
    assert statement(date(2001, 1, 1)) == []


def test_a_run_is_refused_once_the_budget_of_the_month_is_used_up():
    priced("cpu", "0.25")
    model, month = factories.version().model, timezone.now().date()
    set_budget(by=factories.head(), unit=model.unit, month=month, amount="1")
    entered()
    within_budget(model)
    entered()
    with pytest.raises(Refused, match=r"is used up: 1\.00 of 1\.00 EUR") as refused:
        within_budget(model)
    assert refused.value.code == "over_budget"
    set_budget(by=factories.head(), unit=model.unit, month=month, amount="1.01")
    within_budget(model)
    assert spent("retail", next_month(month_of(month))) == 0
    assert statement()[0]["budget"] == Decimal("1.01")
    before = Event.objects.filter(action="budget.set").order_by("-occurred_at").first().doc["before"]
    assert before == {"amount": "1.00"}


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "much", "0.001", True, "1e13"])
def test_a_budget_is_an_amount_of_money(amount):
    with pytest.raises(Invalid) as refused:
        set_budget(by=factories.head(), unit=factories.unit(), month=date(2026, 11, 1), amount=amount)
    assert refused.value.field == "amount"


def test_a_rate_holds_from_its_time_on_and_never_backwards():
    later = timezone.now() + timedelta(days=1)
    priced("cpu", "0.25")
    set_rate(by=factories.head(), hardware="cpu", per_second="0.5", valid_from=later)
    assert rate_of("cpu", timezone.now()) == Decimal("0.25")
    assert rate_of("cpu", later) == Decimal("0.5")
    with pytest.raises(Invalid, match="what was priced stays"):
        set_rate(
            by=factories.head(), hardware="cpu", per_second="1", valid_from=datetime(2020, 1, 1, tzinfo=UTC)
        )
    with pytest.raises(Invalid, match="no hardware class"):
        set_rate(by=factories.head(), hardware="abacus", per_second="1")


def test_who_builds_sets_no_budget():
    with pytest.raises(Forbidden):
        set_budget(by=factories.developer(), unit=factories.unit(), month=date(2026, 11, 1), amount="1")


@pytest.mark.parametrize(("day", "after"), [("2026-11-30", "2026-12-01"), ("2026-12-31", "2027-01-01")])
def test_a_month_is_followed_by_the_next(day, after):
    assert next_month(month_of(date.fromisoformat(day))) == date.fromisoformat(after)


@pytest.mark.parametrize("table", ["costs_costentry", "costs_rate"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_entries_and_rates_refuse_every_change(as_role, table, sql):
    priced("cpu", "1")
    entered()
    with as_role("owner"), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table))
