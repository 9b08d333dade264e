"""F25 and F26: clocks that disagree are told; due dates are UTC whatever the machine and the calendar do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.approvals.guards import grant_ends
from apps.audit import clocks
from apps.audit.anchoring.standing import Colour, standing
from apps.gates.clock import database_now
from apps.gates.commands import request_due, set_schedule
from apps.gates.models import Run, Schedule
from tests import factories
from tests.flows import bank


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "word"), [(10, "600 seconds ahead of"), (-10, "600 seconds behind")])
def test_a_clock_that_is_wrong_is_red_by_name(monkeypatch, minutes: int, word: str) -> None:
    right = timezone.now
    assert clocks.disagreement() == ""
    monkeypatch.setattr(clocks.timezone, "now", lambda: right() + timedelta(minutes=minutes))
    found = standing(right())
    assert found.colour == Colour.RED
    assert word in found.sentence


@pytest.mark.django_db
def test_leases_go_by_the_database(monkeypatch) -> None:
    before = database_now()
    monkeypatch.setattr(timezone, "now", lambda: datetime(2031, 1, 1, tzinfo=UTC))
    assert database_now() - before < timedelta(minutes=1)


@pytest.fixture
def berlin() -> Iterator[None]:
    """A machine whose zone has summer time."""
    former = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if former is not None:
        os.environ["TZ"] = former
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("granted", "ends"),
    [
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)),  # summer time ends
        (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 29, 12, tzinfo=UTC)),  # it begins
        (datetime(2028, 2, 28, 12, tzinfo=UTC), datetime(2028, 3, 1, 12, tzinfo=UTC)),  # over a leap day
        (datetime(2028, 2, 27, 23, 30, tzinfo=UTC), datetime(2028, 2, 29, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_grant_ends_so_many_days_of_24_hours_later(granted: datetime, ends: datetime) -> None:
    assert grant_ends(now=granted, span=timedelta(days=2), limits={}) == ends


@pytest.mark.usefixtures("small_bank", "berlin")
@pytest.mark.parametrize(
    "due", [datetime(2026, 3, 28, 1, 30, tzinfo=UTC), datetime(2024, 2, 28, 1, 30, tzinfo=UTC)]
)
def test_a_schedule_keeps_its_time_of_day_in_utc(due: datetime) -> None:
    version = bank.version()
    set_schedule(
        by=factories.developer(),
        version=version,
        use=bank.use_of(version),
        dataset="production",
        every_days=1,
        first_due=due,
    )
    request_due(by=bank.WORKER)
    found = Schedule.objects.get()
    assert (found.next_due - due) % timedelta(days=1) == timedelta(0)
    assert found.next_due > timezone.now()
    assert Run.objects.filter(schedule=found).count() == 1


@pytest.mark.django_db
def test_service_and_database_speak_utc() -> None:
    assert (settings.USE_TZ, settings.TIME_ZONE) == (True, "UTC")
    with connection.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == ("UTC",)
