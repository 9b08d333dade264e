"""A write that is sent twice happens once, whatever breaks between the two."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from apps.api import endpoints
from apps.audit.models import Event
from apps.gates.models import Run
from tests.access.test_idempotency import held_elsewhere
from tests.api.asking import Asker
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")

ASKED = {"model": "card-limit", "version": "1"}


@pytest.fixture
def developer(world: Standing) -> Asker:
    return Asker(world.tokens["developer"])


def test_the_same_request_again_gets_the_first_answer(developer: Asker) -> None:
    first = developer.post("/runs", ASKED, key="k-1")
    again = developer.post("/runs", ASKED, key="k-1")

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content
    assert first["Location"] == again["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert Run.objects.filter(pk=first.json()["id"]).count() == 1


def test_another_body_under_the_same_key_is_refused(developer: Asker) -> None:
    developer.post("/runs", ASKED, key="k-2")

    assert developer.post("/runs", {**ASKED, "version": "2"}, key="k-2").status_code == 422


def test_a_twin_while_the_first_is_at_work_is_told_to_wait(world: Standing, developer: Asker) -> None:
    with held_elsewhere(world.people["developer"], "k-3"):
        twin = developer.post("/runs", ASKED, key="k-3")

    assert (twin.status_code, twin["Retry-After"]) == (409, "1")
    assert twin.json()["type"].endswith("/in_flight")


def test_keys_of_two_people_are_independent(world: Standing, developer: Asker) -> None:
    body = {"model": "credit-pd", "version": "1", "environment": "production"}
    one = Asker(world.tokens["pipeline"]).post("/admissions", body, key="shared")

    assert one.status_code == 200
    assert developer.post("/runs", ASKED, key="shared").status_code == 202


def test_a_refusal_is_kept_and_given_again(developer: Asker) -> None:
    first = developer.post("/runs", {"model": "nothing", "version": "1"}, key="k-4")
    again = developer.post("/runs", {"model": "nothing", "version": "1"}, key="k-4")

    assert (first.status_code, again.status_code) == (404, 404)
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"


def test_an_error_frees_the_key(developer: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> HttpResponse:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched:
        patched.setattr("apps.gates.commands.request_run", broken)
        assert developer.post("/runs", ASKED, key="k-5").status_code == 500

    assert developer.post("/runs", ASKED, key="k-5").status_code == 202


def test_effect_and_answer_stand_or_fall_together(developer: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies before the answer is kept leaves no effect: the retry is the first write."""
    runs, events = Run.objects.count(), Event.objects.count()

    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(endpoints, "finish_idempotent", die)
        with pytest.raises(KeyboardInterrupt):
            developer.post("/runs", ASKED, key="k-6")

    assert (Run.objects.count(), Event.objects.count()) == (runs, events)
    assert developer.post("/runs", ASKED, key="k-6").status_code == 202
    assert Run.objects.count() == runs + 1


def test_a_key_that_is_too_long_is_refused(developer: Asker) -> None:
    assert developer.post("/runs", ASKED, key="k" * 201).status_code == 422
