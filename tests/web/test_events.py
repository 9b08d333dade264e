from __future__ import annotations

import pytest

from apps.audit.models import Event
from tests.api.asking import Asker
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def auditor(world: Standing) -> Browser:
    return Browser(world.people["auditor"])


def test_a_list_shows_what_each_event_changed(auditor: Browser) -> None:
    shown = plain(auditor.get("/events?action=approval."))
    assert "state: consolidating → granted" in shown
    assert "signoff.given Val" not in shown


def test_the_record_of_an_approval_shows_old_and_new_and_its_timeline(
    auditor: Browser, world: Standing
) -> None:
    event = Event.objects.filter(action="approval.granted", object_id=world.granted.pk).get()
    shown = plain(auditor.get(f"/events/{event.pk}"))
    assert "state consolidating granted" in shown
    for word in ("approval.opened", "approval.consolidating", "What changed", "as the one before it"):
        assert word in shown


def test_a_decision_names_its_policies(auditor: Browser) -> None:
    event = Event.objects.filter(action="decision.sealed").latest("occurred_at")
    assert "Policies sha256:" in plain(auditor.get(f"/events/{event.pk}"))


def test_events_are_found_by_who_acted(auditor: Browser, world: Standing) -> None:
    validator = world.people["validator"]
    shown = plain(auditor.get(f"/events?actor={validator.username}"))
    assert "signoff.given" in shown
    assert "No event matches" in auditor.get("/events?actor=nobody-of-that-name")


def test_the_api_tells_the_changes_too(world: Standing) -> None:
    asker = Asker()
    asker.client.force_login(world.people["auditor"], backend="django.contrib.auth.backends.ModelBackend")
    found = asker.get("/events?action=approval.granted").json()["events"][0]
    assert {"field": "state", "old": "consolidating", "new": "granted"} in found["changes"]
