from __future__ import annotations

from decimal import Decimal

import pytest

from apps.audit.models import Event
from apps.costs.commands import quote_run, set_rate
from apps.costs.models import Quote
from apps.costs.quoting import accuracy, quantile, quote, quote_of
from apps.costs.states import Outcome
from tests import factories
from tests.costs.runs import WORKER, Run, Usage, entered, spent

pytestmark = pytest.mark.django_db


def priced(price: str = "1") -> None:
    set_rate(by=factories.head(), hardware="cpu", per_second=price)


def test_without_history_there_is_no_quote() -> None:
    found = quote(factories.model())
    assert (found.median, found.sample, found.basis) == (None, 0, "none")
    assert found.sentence.startswith("No quote")


def test_a_quote_is_the_median_and_the_range_of_four_in_five() -> None:
    priced()
    version = factories.version()
    for seconds in range(1, 12):
        spent(version, seconds)
    found = quote(version.model)
    assert (found.low, found.median, found.high) == (Decimal(2), Decimal(6), Decimal(10))
    assert (found.sample, found.basis) == (11, "model")
    assert "About 6.0000 EUR, four in five between 2.0000 and 10.0000" in found.sentence


def test_failed_attempts_belong_to_what_a_run_costs_and_todays_rates_count() -> None:
    version, run = factories.version(), Run(factories.version())
    entered(run, Usage(1, 1, 0, 0), Outcome.RETRIED)
    run.fence = 2
    entered(run, Usage(2, 2, 0, 0))
    priced("10")
    assert quote(version.model).median == 30


def test_a_model_without_enough_runs_is_compared_with_all() -> None:
    priced()
    for _ in range(3):
        spent(factories.version(), 4)
    found = quote(factories.model("untried"))
    assert (found.basis, found.sample, found.median) == ("all", 3, Decimal(4))
    assert "of all models" in found.sentence


def test_a_quote_is_kept_and_held_against_what_the_run_cost() -> None:
    priced()
    version = factories.version()
    for seconds in (2, 2, 2):
        spent(version, seconds)
    within, beyond = Run(version), Run(version)
    for run, seconds in ((within, 2), (beyond, 3)):
        quote_run(by=WORKER, run=run)
        entered(run, Usage(seconds, seconds, 0, 0))
    found = accuracy()
    assert (found.runs, found.within, found.share_within) == (2, 1, Decimal("50.0"))
    assert found.median_error == Decimal("0.25")
    assert accuracy("nobody").median_error is None
    assert quote_of(within.pk).median == Decimal(2)


def test_no_history_is_kept_as_no_quote() -> None:
    row = quote_run(by=WORKER, run=Run(factories.version()))
    assert Event.objects.get(action="cost.quoted").doc["after"]["sample"] == 0
    assert (row.low, row.median, row.high, row.sample) == (None, None, None, 0)
    assert Quote.objects.count() == 1


@pytest.mark.parametrize(("share", "value"), [("0", "1"), ("0.5", "1.5"), ("1", "2"), ("0.9", "1.9")])
def test_quantiles_lie_between_neighbours(share: str, value: str) -> None:
    assert quantile([Decimal(1), Decimal(2)], Decimal(share)) == Decimal(value)
