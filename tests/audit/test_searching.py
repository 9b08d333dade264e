from __future__ import annotations

from itertools import product

import pytest

from apps.audit import searching
from apps.audit.commands import record
from apps.audit.context import Context, surrounded
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.models import Event
from apps.audit.states import Ref
from apps.audit.trail import event_page
from tests.audit.people import ADA, GRACE, MODEL, RELAY

pytestmark = pytest.mark.django_db

ACTIONS = (EventName.RUN_REQUESTED, EventName.RUN_CLAIMED, EventName.MODEL_CHANGED)
THINGS = (MODEL, Ref("model", "2", "Probability of loss"), Ref("run", "credit-pd", "run 1"))
# What a filter may say, and whether an event fits it.
FITS = {
    "action": {"run.": lambda e: e.action.startswith("run."), "model.changed": lambda e: e.action[0] == "m"},
    "actor": {"7": lambda e: e.actor_id == "7", "nobody": lambda e: False},
    "type": {"model": lambda e: e.object_type == "model"},
    "object": {
        "credit-pd": lambda e: e.object_id == "credit-pd",
        "probability": lambda e: e.doc["object"]["name"].startswith("Prob"),
    },
    "request": {"r-1": lambda e: e.doc.get("request_id") == "r-1"},
}


@pytest.fixture
def trail() -> list[Event]:
    """Sixty events of three people about three things in two requests, newest first."""
    made = []
    for n in range(60):
        with surrounded(Context(request_id=f"r-{n % 7 // 4}")):
            by, subject = (ADA, GRACE, RELAY)[n % 5 % 3], THINGS[n // 3 % 3]
            made.append(record(by=by, action=ACTIONS[n % 3], subject=subject).pk)
    return list(Event.objects.filter(pk__in=made).order_by("-occurred_at", "-pk"))


def _all_pages(filters: dict[str, str], size: int) -> list[object]:
    found, after = [], None
    for _ in range(100):
        page = event_page(filters, after, size=size)
        found += [line.id for line in page.rows]
        after = page.next
        if after is None:
            return found
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("looked", [(1_000, 8_000), (3, 5), (1,)])
@pytest.mark.parametrize("names", [60, 1])
def test_any_filters_find_what_fits_all_of_them(trail, monkeypatch, looked, names):
    monkeypatch.setattr(searching, "LOOKED", looked)
    monkeypatch.setattr(searching, "NAMES", names)
    for chosen in product(*([None, *values] for values in FITS.values())):
        filters = {name: text for name, text in zip(FITS, chosen, strict=True) if text}
        if len(filters) > 3:
            continue
        fit = [e.pk for e in trail if all(FITS[name][text](e) for name, text in filters.items())]
        assert _all_pages(filters, 7) == fit, filters


def test_a_page_that_found_nothing_yet_goes_on(monkeypatch):
    monkeypatch.setattr(searching, "LOOKED", (2,))
    monkeypatch.setattr(searching, "NAMES", 0)
    old = record(by=ADA, action=EventName.MODEL_CHANGED, subject=Ref("model", "2", "Old thing"))
    for _ in range(3):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)
    first = event_page({"object": "old"}, None, size=1)
    assert (first.rows, first.next is None) == ([], False)
    assert [e.id for e in event_page({"object": "old"}, first.next, size=1).rows] == [old.pk]


def test_signs_of_patterns_in_a_name_are_letters():
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=Ref("model", "2", "100%_\\model"))
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=Ref("model", "3", "100 models"))
    assert [e.object_id for e in event_page({"object": "100%_\\"}, None).rows] == ["2"]


@pytest.mark.parametrize(
    ("filters", "after"), [({"from": "soon"}, None), ({"to": "2026-02-30"}, None), ({}, "x~y")]
)
def test_what_is_no_day_and_no_place_is_refused(filters, after):
    with pytest.raises(Invalid):
        event_page(filters, after)
