"""Answers as of a second: what was exported then is what is answered now for then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.audit.models import Event
from apps.deploys.commands import admit, ask_to_break_glass, begin_experiment
from apps.deploys.commands.experiments import Plan
from apps.deploys.models import Environment
from apps.inventory import commands as inventory
from apps.inventory.lineage import thing
from apps.inventory.models import LineageEdge
from apps.reports.challenges import find_about
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
    "/experiments",
    "/break-glass",
    "/deployments",
    "/attestations/rounds",
    "/lineage/edges",
)
STAYS = {"/runs", "/policies", "/environments", "/attestations/rounds", "/deployments", "/experiments"}


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
        "/models/credit-pd/uses",
        "/models/credit-pd/documents",
        "/models/credit-pd/tier",
        "/models/credit-pd/regimes",
        "/models/credit-pd/determination",
        "/models/credit-pd/completeness",
        "/challenges",
        "/lineage/graph?kind=model_version&name=credit-pd&label=1",
    )


def feeds(by: Person, name: str) -> LineageEdge:
    first = thing("model_version", "credit-pd", label="1")
    return inventory.state_edge(by=by, kind="trains", upstream=thing("dataset", name), downstream=first)


def now() -> str:
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
    _newer(world)


def _newer(world: Standing) -> None:
    """What later releases brought: edges, questions, an emergency, a use ended."""
    people = world.people
    for edge in LineageEdge.objects.all():
        inventory.end_edge(by=people["developer"], edge=edge, reason="It reads another table.")
    feeds(people["developer"], "other")
    about = find_about(people["validator"], "decision", world.failed.statement_digest)
    approvals.challenge(by=people["validator"], about=about, text="Why this sample?")
    ask_to_break_glass(
        by=people["risk-officer"],
        version=world.granted.version,
        use=bank.use_of(world.granted.version),
        environment=bank.production(),
        minutes=30,
        reason="Payments stand still.",
        ticket="INC-7",
        reauthenticated_at=timezone.now(),
    )


def test_what_was_exported_then_is_answered_now_for_then(world: Standing, reader: Asker) -> None:
    feeds(world.people["developer"], "loans")
    at = timezone.now()
    paths = (*LISTS, *records(world))
    then = exported(reader, paths)
    changed(world)
    today = exported(reader, paths)
    assert {path for path in paths if today[path] == then[path]} <= STAYS | {
        f"/decisions/{world.failed.statement_digest}",
        *(f"/models/credit-pd/{part}" for part in ("documents", "regimes", "determination")),
        *(f"/models/credit-pd/{part}" for part in ("tier", "completeness", "versions/1", "uses")),
    }
    again = exported(reader, paths, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    for path in paths:
        assert again[path] == then[path], path


def test_an_experiment_that_is_to_begin_was_there_from_when_it_was_asked_for(
    world: Standing, reader: Asker
) -> None:
    before, versions = now(), (world.granted.version, bank.granted(world.waiting).version)
    begins = timezone.now() + timedelta(days=7)
    plan = Plan(
        title="Newer data",
        environment=Environment.objects.get(key="production"),
        slot="scoring/credit-pd",
        share="20",
        begins=begins,
        ends=begins + timedelta(days=7),
        stops=[],
        reason="Does the newer one decide better?",
    )
    use = bank.use_of(versions[0])
    begin_experiment(by=factories.owner(), use=use, champion=versions[0], challenger=versions[1], plan=plan)
    paths = ("/experiments",)
    assert exported(reader, paths, now()) == exported(reader, paths)
    assert exported(reader, paths)["/experiments"]["experiments"][0]["stands"] == "to come"
    assert exported(reader, paths, before)["/experiments"]["experiments"] == []


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
    today, then = reader.get(question).json(), reader.get(f"{question}&at={at}").json()
    assert (today["allowed"], then["allowed"]) == (False, True)
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
        ("/notices?at=2026-03-01T12:00:00Z", "today only"),
        ("/models/credit-pd/versions/1/registries?at=2026-03-01T12:00:00Z", "today only"),
        ("/models/credit-pd/quote?at=2026-03-01T12:00:00Z", "today only"),
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
