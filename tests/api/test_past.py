"""Answers as of a second: what was exported then is what is answered now for then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.audit.models import Event
from apps.deploys.commands import admit
from apps.inventory import commands as inventory
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing

LISTS = (
    "/models",
    "/approvals",
    "/findings",
    "/waivers",
    "/admissions",
    "/runs",
    "/policies",
    "/environments",
)


@pytest.fixture
def reader(world: Standing) -> Asker:
    return seen_by(world.people["head-of-model-risk"])


def seen_by(person: Person) -> Asker:
    asker = Asker()
    asker.client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return asker


def records(world: Standing) -> tuple[str, ...]:
    return (
        "/models/credit-pd",
        "/models/credit-pd/versions/1",
        f"/approvals/{world.granted.pk}",
        f"/approvals/{world.waiting.pk}",
        f"/approvals/{world.waiting.pk}/comments",
        f"/findings/{world.finding.pk}",
        f"/decisions/{world.failed.statement_digest}",
        "/answers?model=credit-pd&version=1&environment=production",
    )


def exported(reader: Asker, paths: tuple[str, ...], at: str = "") -> dict[str, Any]:
    found = {}
    for path in paths:
        answer = reader.get(path + (("&" if "?" in path else "?") + f"at={at}" if at else ""))
        assert answer.status_code == 200, (path, answer.content)
        found[path] = {k: v for k, v in answer.json().items() if k != "asked_at"}
    return found


def changed(world: Standing) -> None:
    """Much happens: entries mended, reviews signed, findings remediated, waivers given, answers asked."""
    people = world.people
    model = world.granted.version.model
    inventory.change_model(
        by=people["developer"], model=model, title="Renamed", exposure_eur="7000000", reason="for a test"
    )
    bank.signed(world.waiting, people["validator"])
    bank.signed(world.waiting, people["risk-officer"], max_exposure_eur="5000000")
    approvals.comment(by=people["validator"], approval=world.waiting, text="Seen.")
    approvals.revoke(by=people["head-of-model-risk"], approval=world.granted, reason="for a test")
    approvals.remediate_finding(by=factories.owner(), finding=world.finding, plan="Another threshold.")
    approvals.grant_waiver(
        by=people["head-of-model-risk"], request=world.waiver, reauthenticated_at=timezone.now()
    )
    admit(by=people["pipeline"], model="credit-pd", version="1", environment="production")
    factories.model("another-model")
    bank.finding(world.failed.version, title="Another")


def test_what_was_exported_then_is_answered_now_for_then(world: Standing, reader: Asker) -> None:
    at = timezone.now()
    paths = (*LISTS, *records(world))
    then = exported(reader, paths)
    changed(world)
    now = exported(reader, paths)
    assert {path for path in paths if now[path] == then[path]} <= {
        "/runs",
        "/policies",
        "/environments",
        f"/decisions/{world.failed.statement_digest}",
        "/models/credit-pd/versions/1",
    }
    again = exported(reader, paths, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    for path in paths:
        assert again[path] == then[path], path


def test_filters_look_at_what_was_true_then(world: Standing, reader: Asker) -> None:
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    changed(world)
    waiting = str(world.waiting.pk)

    def found(path: str) -> list[str]:
        return [row["id"] for row in reader.get(path).json()["approvals"]]

    assert waiting not in found("/approvals?state=open")
    assert waiting in found(f"/approvals?state=open&at={at}")
    assert waiting not in found(f"/approvals?state=granted&at={at}")


def test_why_it_was_allowed_is_one_call(world: Standing, reader: Asker) -> None:
    question = "/answers?model=credit-pd&version=1&environment=production"
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    approvals.revoke(by=world.people["head-of-model-risk"], approval=world.granted, reason="for a test")
    now, then = reader.get(question).json(), reader.get(f"{question}&at={at}").json()
    assert (now["allowed"], then["allowed"]) == (False, True)
    assert then["asked_at"] == at
    before = Event.objects.filter(action="approval.granted", object_id=world.granted.pk).get().occurred_at
    early = (before - timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert reader.get(f"{question}&at={early}").json()["allowed"] is False


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/models?at=March", "is no time"),
        ("/models?at=2026-03-01", "names no second"),
        ("/models?at=9999-01-01T00:00:00Z", "still to come"),
        ("/keys?at=2026-03-01T12:00:00Z", "today only"),
    ],
)
def test_a_time_that_cannot_be_answered_for_is_refused(reader: Asker, path: str, sentence: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]


def test_the_answer_says_which_second_it_is_of(reader: Asker) -> None:
    answer = reader.get("/models?at=2026-03-01T12:00:00%2B01:00")
    assert answer.headers["Countersign-As-Of"] == "2026-03-01T11:00:00.000000Z"
    assert answer.json()["models"] == []


def test_whoever_may_not_see_it_today_does_not_see_it_as_of_then(world: Standing) -> None:
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    elsewhere = seen_by(world.people["elsewhere"])
    assert elsewhere.get(f"/models/credit-pd?at={at}").status_code == 404
    assert elsewhere.get(f"/approvals?at={at}").json()["approvals"] == []
    assert Asker().get(f"/models?at={at}").status_code == 401
