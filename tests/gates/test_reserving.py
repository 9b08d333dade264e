"""Runs that begin together cannot pass a budget: what is at work is reserved, what does not fit waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from apps.access.models import Person
from apps.audit.states import system
from apps.costs.models import Budget, CostEntry, Quote
from apps.costs.queries import currency
from apps.gates import commands
from apps.gates.models import Run
from apps.gates.reserving import whole_standing
from apps.gates.states import RunState
from tests.database import FreshDatabase
from tests.gates import rows

WORKER = system("worker")


@pytest.fixture
def dora(db: None) -> Person:
    return rows.person("dora", "developer")


def budget(by: Person, amount: str, model_key: str = "") -> Budget:
    month = timezone.now().date().replace(day=1)
    return Budget.objects.create(
        unit_key="retail",
        model_key=model_key,
        month=month,
        amount=Decimal(amount),
        currency=currency(),
        set_by=by,
    )


def quoted(by: Person, high: str | None, of: Run | None = None) -> Run:
    run = of or rows.run(by)
    amounts = dict.fromkeys(("low", "median", "high"), None if high is None else Decimal(high))
    key = run.version.model.key
    told = {"currency": currency(), "sample": 0 if high is None else 5, "basis": "model"}
    Quote.objects.create(run=run.pk, model_key=key, unit_key="retail", **amounts, **told)
    return run


def claim(run: Run) -> Run | None:
    return commands.claim(by=WORKER, run_id=run.pk, owner="h:1:2")


def test_what_is_at_work_is_reserved_and_what_does_not_fit_waits(dora: Person) -> None:
    limit, runs = budget(dora, "10"), [quoted(dora, "4") for _ in range(3)]
    assert [claim(run) is not None for run in runs] == [True, True, False]
    runs[2].refresh_from_db()
    assert runs[2].cause.endswith(
        "has no room for this run: it may cost 4.00 EUR; 0.00 of 10.00 EUR are used, and 8.00 are reserved "
        "for runs at work."
    )
    found = whole_standing(limit)
    assert (found.reserved.amount, found.reserved.runs) == (Decimal(8), 2)
    assert (found.waiting.amount, found.waiting.runs) == (Decimal(4), 1)


def test_the_reserve_of_a_run_ends_with_its_entry(dora: Person) -> None:
    limit, first, second = budget(dora, "5"), quoted(dora, "4"), quoted(dora, "4")
    taken = claim(first)
    assert claim(second) is None
    commands.cancel(by=dora, run=taken)
    assert CostEntry.objects.filter(run=first.pk).exists()
    assert whole_standing(limit).reserved.runs == 0
    Run.objects.filter(pk=second.pk).update(not_before=None)
    assert claim(second).state == RunState.RUNNING


def test_runs_that_nobody_can_quote_begin_one_after_the_other(dora: Person) -> None:
    budget(dora, "100")
    first, second, third = quoted(dora, None), quoted(dora, None), quoted(dora, "1")
    assert claim(first) is not None
    assert (claim(second), claim(third)) == (None, None)
    third.refresh_from_db()
    assert third.cause.endswith("they begin one after the other.")


def test_a_models_own_budget_counts_its_own_runs_alone(dora: Person) -> None:
    one, other = quoted(dora, "4"), quoted(dora, "4")
    budget(dora, "4", one.version.model.key)
    assert claim(other) is not None
    assert claim(one) is not None
    assert claim(quoted(dora, "4", rows.run(dora, of=one.version))) is None


def test_without_a_budget_nothing_is_asked(dora: Person) -> None:
    assert all(claim(quoted(dora, None)) for _ in range(3))


@pytest.mark.slow
def test_ten_that_begin_at_the_same_moment_keep_within_it(fresh_database: FreshDatabase) -> None:
    dora = rows.person("dora", "developer")
    limit, runs = budget(dora, "10"), [quoted(dora, "3") for _ in range(10)]
    together = threading.Barrier(10)

    def begin(run: Run) -> None:
        try:
            together.wait()
            claim(run)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(begin, runs))
    assert Run.objects.filter(state=RunState.RUNNING).count() == 3
    assert whole_standing(limit).left == Decimal(1)
