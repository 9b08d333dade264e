from __future__ import annotations

import pytest

from apps.audit.commands import record
from apps.audit.differences import Difference, differences
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.audit.trail import event_line, event_page
from tests.audit.people import ADA, MODEL, RELAY


def test_a_change_is_told_field_by_field_with_what_stood_there():
    doc = {
        "before": {"tier": 2, "title": "same", "limits": {"eur": 5}, "gone": True},
        "after": {"tier": 1, "title": "same", "limits": {"eur": 7}, "new": ["a", "b"]},
    }
    assert differences(doc) == [
        Difference("gone", "yes", None),
        Difference("limits.eur", "5", "7"),
        Difference("new", None, "a, b"),
        Difference("tier", "2", "1"),
    ]


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ({}, []),
        ({"after": "sha256:1"}, [Difference("digest", None, "sha256:1")]),
        ({"after": {"x": []}}, [Difference("x", None, "–")]),
        ({"before": {"x": None}, "after": {"x": False}}, [Difference("x", None, "no")]),
    ],
)
def test_what_only_is_there_now_is_new(doc, expected):
    assert differences(doc) == expected


def test_a_long_value_is_cut():
    (found,) = differences({"after": {"text": "x" * 5000}})
    assert len(found.new or "") == 401


@pytest.mark.django_db
def test_the_trail_is_read_by_thing_by_noun_and_by_the_beginning_of_a_name():
    first = record(by=ADA, action=EventName.MODEL_REGISTERED, subject=MODEL, after={"tier": 1})
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=Ref("model", "2", "Other 100%_model"))
    record(by=RELAY, action=EventName.USE_ADDED, subject=Ref("use", MODEL.audit_ref().id, "use"))
    thing = {"type": "model", "object": MODEL.audit_ref().id}
    assert [e.action for e in event_page(thing, None).rows] == ["model.registered"]
    assert [e.action for e in event_page({"action": "model."}, None).rows] == [
        "model.changed",
        "model.registered",
    ]
    assert len(event_page({"object": "other 100%_"}, None).rows) == 1
    assert event_page({"object": "ther"}, None).rows == []
    assert [e.id for e in event_page({"actor": "7"}, None).rows] == [first.pk]
    assert event_line(first.pk).differences == [Difference("tier", None, "1")]


@pytest.mark.django_db
def test_pages_follow_each_other_without_gap_or_double():
    made = [record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL).pk for _ in range(7)]
    seen, after = [], None
    for _ in range(4):
        found = event_page({}, after, size=2)
        seen += [e.id for e in found.rows]
        after = found.next
    assert seen == made[::-1]
    assert after is None
