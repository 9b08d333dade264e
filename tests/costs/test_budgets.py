from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.costs.commands import allow_excess, raise_alerts, set_budget, set_rate
from apps.costs.guards import within_budget
from apps.costs.models import Budget, BudgetExcess
from apps.costs.queries import alerts, begin, next_month, standing
from tests import factories
from tests.costs.runs import WORKER, spent

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    set_rate(by=factories.head(), hardware="cpu", per_second="1")
    return factories.version()


def budget(amount: str = "10", **changes) -> Budget:
    month = timezone.now().date()
    return set_budget(by=factories.head(), unit=factories.unit(), month=month, amount=amount, **changes)


def excess(on: Budget, **changes) -> BudgetExcess:
    given = {
        "by": factories.risk_officer(),
        "unit": factories.unit(),
        "budget": on,
        "amount": "5",
        "until": min(timezone.now() + timedelta(hours=1), begin(next_month(on.month))),
        "reason": "The regulator waits.",
    }
    return allow_excess(**{**given, **changes})


def test_a_model_has_a_budget_beside_that_of_its_unit(version) -> None:
    budget("100")
    budget("3", model=version.model)
    spent(version, 3)
    with pytest.raises(Refused, match=r"The budget of credit-pd for .* is used up: 3\.00 of 3\.00 EUR"):
        within_budget(version.model)
    within_budget(factories.model("other"))


def test_a_budget_names_no_model_of_another_unit(version) -> None:
    elsewhere = factories.model("elsewhere", of=factories.unit("markets"))
    with pytest.raises(Refused, match="belongs to Markets, not to Retail"):
        budget(model=elsewhere)


def test_each_level_is_told_once(version) -> None:
    budget("10")
    raise_alerts(by=WORKER)
    told = []
    for seconds in (4.9, 0.1, 3, 2):
        spent(version, seconds)
        told.append(raise_alerts(by=WORKER))
    assert told == [0, 1, 1, 1]
    assert raise_alerts(by=WORKER) == 0
    assert [alert.level for alert in alerts()] == [100, 80, 50]
    assert Event.objects.filter(action="budget.reached").count() == 3


def test_a_leap_over_several_levels_tells_each(version) -> None:
    budget("10")
    spent(version, 50)
    assert raise_alerts(by=WORKER) == 3


def test_a_person_may_let_runs_go_on_for_a_time(version) -> None:
    limited = budget("10")
    spent(version, 12)
    granted = excess(limited)
    within_budget(version.model)
    assert standing(limited).ceiling == Decimal(15)
    assert standing(limited, granted.until).ceiling == Decimal(10)
    spent(version, 3)
    with pytest.raises(Refused, match=r"15\.00 of 15\.00"):
        within_budget(version.model)
    told = Event.objects.get(action="budget.exceeded").doc
    assert (told["reason"], told["after"]["amount"]) == ("The regulator waits.", "5.00")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"amount": "0"}, "amount"),
        ({"until": timezone.now() - timedelta(hours=1)}, "until"),
        ({"until": timezone.now() + timedelta(days=40)}, "until"),
    ],
)
def test_the_permission_needs_an_amount_an_end_and_a_reason(version, changes, field) -> None:
    with pytest.raises(Invalid) as refused:
        excess(budget(), **changes)
    assert refused.value.field == field
    assert not BudgetExcess.objects.exists()


@pytest.mark.parametrize("who", [factories.head, factories.developer, factories.administrator])
def test_who_sets_budgets_or_runs_jobs_goes_beyond_none(version, who) -> None:
    with pytest.raises(Forbidden):
        excess(budget(), by=who())
