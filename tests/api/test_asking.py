"""Who asks: tokens, sessions, addresses; and what every answer carries."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.models import ApiToken
from apps.audit.models import Event
from governance.logs import JsonFormatter
from tests import factories
from tests.api.asking import Asker
from tests.standing import Standing, token

pytestmark = pytest.mark.usefixtures("world")
BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_nobody_gets_401_with_the_way_to_do_better() -> None:
    answer = Asker().get("/models")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "Send a token: Authorization: Bearer …"


@pytest.mark.parametrize("raw", ["cs_" + "A" * 43, "nothing", "", "cs_short", "cs_" + "A" * 43 + " x"])
def test_a_wrong_token_gets_401(world: Standing, raw: str) -> None:
    assert Asker().get("/models", Authorization=f"Bearer {raw}").status_code == 401


def test_a_truncated_token_and_another_scheme_get_401(world: Standing) -> None:
    raw = world.tokens["pipeline"]

    assert Asker(raw[:-1]).get("/models").status_code == 401
    assert Asker().get("/models", Authorization=f"Basic {raw}").status_code == 401


def test_expired_and_revoked_tokens_get_401(world: Standing) -> None:
    raw = token(world.people["developer"])
    row = ApiToken.objects.latest("created_at")
    assert Asker(raw).get("/models").status_code == 200

    row.revoked_at = timezone.now()
    row.save()

    assert Asker(raw).get("/models").status_code == 401


def test_a_token_does_only_what_it_carries(world: Standing) -> None:
    raw = world.tokens["pipeline"]

    answer = Asker(raw).post(
        "/findings", {"model": "credit-pd", "title": "x", "severity": "low", "due": "2099-01-01"}
    )

    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/forbidden")


@pytest.mark.parametrize("where", ["/models?token={raw}", "/models?q={raw}", "/models/{raw}", "/{raw}/x"])
def test_a_token_in_the_address_is_refused_and_not_logged(
    world: Standing, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = world.tokens["pipeline"]
    answer = Asker(raw).get(where.format(raw=raw))

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/token_in_url")
    assert raw not in answer.content.decode()
    written = [JsonFormatter().format(record) for record in caplog.records]
    assert written
    assert not [line for line in written if raw in line]


def test_a_session_may_read_and_must_show_its_anti_forgery_token_to_write(world: Standing) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["developer"], backend=BACKEND)
    asker = Asker(client=client)

    assert asker.get("/models").status_code == 200
    refused = asker.post("/runs", {"model": "card-limit", "version": "1"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "csrf")


def test_events_say_how_the_caller_proved_who_it_is(world: Standing) -> None:
    asked = {"model": "credit-pd", "version": "1", "environment": "production"}
    Asker(world.tokens["pipeline"]).post("/admissions", asked)

    event = Event.objects.filter(action="admission.answered").latest("occurred_at")
    assert event.doc["actor"]["auth"]["method"] == "token"
    assert event.doc["request_id"]


def test_a_disabled_person_is_out_at_once(world: Standing) -> None:
    somebody = factories.person("leaver", "developer")
    raw = token(somebody)
    assert Asker(raw).get("/models").status_code == 200

    type(somebody).objects.filter(pk=somebody.pk).update(is_active=False)

    assert Asker(raw).get("/models").status_code == 401


def test_answers_are_not_kept_by_anybody_unless_they_are_facts(world: Standing) -> None:
    asker = Asker(world.tokens["developer"])
    digest = world.failed.statement_digest

    assert asker.get("/models")["Cache-Control"] == "private, no-store"
    fact = asker.get(f"/decisions/{digest}")
    assert fact["ETag"] == f'"{digest}"'
    assert "immutable" in fact["Cache-Control"]
    assert asker.get(f"/decisions/{digest}", **{"If-None-Match": fact["ETag"]}).status_code == 304
    assert Asker().get("/keys")["Cache-Control"] == "public, max-age=60"


def test_an_unknown_address_and_an_unknown_method_are_problem_documents(world: Standing) -> None:
    asker = Asker(world.tokens["developer"])

    assert asker.get("/nothing/here").json()["status"] == 404
    wrong = asker.post("/events")
    assert (wrong.status_code, wrong["Allow"]) == (405, "GET")
    assert asker.get("/decisions/%00").status_code == 404
    assert asker.get("/models?q=%00").status_code == 404
