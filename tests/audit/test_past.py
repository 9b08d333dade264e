"""What is read as of a second: every table of the house, and nothing written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from apps.audit import past
from apps.audit.commands import record
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.models import Event
from apps.audit.past import AS_THEY_ARE, CHANGING, GOVERNED, born, clock, moment, reading
from apps.inventory import commands as inventory
from apps.inventory.listing import model_page
from apps.inventory.models import RegisteredModel, Use
from tests import factories
from tests.audit.people import MODEL, RELAY

pytestmark = pytest.mark.django_db


def governed():
    return [m for m in apps.get_models() if m._meta.app_label in GOVERNED]


@pytest.mark.parametrize("model", governed(), ids=lambda model: model._meta.label)
def test_every_table_has_a_past_or_is_named_as_having_none(model):
    assert model._meta.label in AS_THEY_ARE or born(model), (
        f"{model._meta.label} has no time at which its rows came to be: name it in apps/audit/past.py"
    )


def test_no_table_is_born_when_it_was_only_planned_to_begin():
    planned = {"begins", "begins_at", "due", "ends_at", "period_start", "until", "valid_to"}
    columns = {m._meta.label: born(m).removeprefix("r.") for m in governed()}
    assert {label for label, column in columns.items() if column in planned} == set()


@pytest.mark.parametrize("model", governed(), ids=lambda model: model._meta.label)
def test_whatever_moves_has_older_values_in_the_trail(model):
    if hasattr(model, "MOVES"):
        assert model._meta.label in CHANGING


def test_a_model_is_as_it_was_before_each_change(as_role):
    model, head = factories.model(title="First", purpose="old words"), factories.head()
    times = [timezone.now()]
    for title in ("Second", "Third"):
        inventory.change_model(
            by=factories.developer(), model=model, title=title, purpose=title, reason="for a test"
        )
        times.append(timezone.now())
    seen = []
    for at in times:
        with reading(at):
            seen.append(RegisteredModel.objects.get(pk=model.pk).title)
    assert seen == ["First", "Second", "Third"]
    with reading(times[0]):
        assert [m.key for m in model_page(head, {"q": "old words"}).rows] == [model.key]
        assert model_page(head, {"q": "third"}).rows == []
    assert [m.key for m in model_page(head, {"q": "third"}).rows] == [model.key]


def test_what_was_not_there_yet_is_not_there():
    before = timezone.now()
    model = factories.model()
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
    with reading(before):
        assert not RegisteredModel.objects.exists()
        assert not Use.objects.exists()
        assert not Event.objects.exists()
        assert clock() == before
    assert RegisteredModel.objects.get() == model
    assert clock() > before


def test_a_use_that_was_retired_later_is_not_retired():
    model, owner = factories.model(), factories.owner()
    use = inventory.add_use(by=factories.developer(), model=model, key="scoring", title="Scoring")
    before = timezone.now()
    inventory.retire_use(by=owner, use=use, reason="for a test")
    with reading(before):
        found = Use.objects.get()
        assert (found.retired_at, found.retired_by_id) == (None, None)
    assert Use.objects.get().retired_at is not None


def test_nothing_is_written_in_the_past():
    factories.model()
    with pytest.raises(Refused, match="only read"), reading(timezone.now()):
        record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("off",)
        cursor.execute("SELECT count(*) FROM pg_views WHERE schemaname LIKE 'pg_temp%%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-03-01", "2026-13-01T00:00:00Z", "9999-01-01T00:00:00Z"]
)
def test_a_second_that_is_none_is_refused(text):
    with pytest.raises(Invalid):
        moment(text)


def test_a_second_without_a_zone_is_utc():
    assert moment("2026-03-01T12:00") == moment("2026-03-01T13:00:00+01:00")
    assert past.as_of() is None
    assert timezone.now() - clock() < timedelta(seconds=1)
