"""Sessions: what ends them, what never opens one, what every answer carries."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from governance.middleware import SEEN
from tests import factories
from tests.standing import Standing
from tests.web.browsing import BACKEND

pytestmark = pytest.mark.usefixtures("world")


def signed_in(world: Standing, role: str = "validator") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.people[role], backend=BACKEND)
    return client


def unused_for(client: Client, seconds: float) -> None:
    session = client.session
    session[SEEN] = time.time() - seconds
    session.save()


def test_a_session_that_nobody_uses_ends(world: Standing) -> None:
    client = signed_in(world)
    unused_for(client, 14 * 60)
    assert client.get("/models").status_code == 200
    unused_for(client, 15 * 60 + 1)
    assert client.get("/models")["Location"].startswith("/sign-in")
    assert client.get("/api/v1/models").status_code == 401


def test_a_page_that_asks_by_itself_keeps_no_session_open(world: Standing) -> None:
    client = signed_in(world)
    unused_for(client, 10 * 60)
    assert client.get(f"/runs/{world.queued.pk}", headers={"HX-Request": "true"}).status_code == 200
    assert time.time() - client.session[SEEN] >= 10 * 60
    client.get("/models")
    assert time.time() - client.session[SEEN] < 60


def test_the_administration_has_no_door_of_its_own(world: Standing) -> None:
    given = {"username": world.people["administrator"].username, "password": factories.PASSWORD}
    client = Client()
    answer = client.post("/admin/login/?next=//evil.example", given)
    assert answer["Location"] == "/sign-in?next=%2Fadmin%2F"
    assert not client.session.get("_auth_user_id")


def test_no_password_changes_past_the_command(world: Standing) -> None:
    client = signed_in(world, "administrator")
    for page in ("password_change", "password_change/done"):
        assert client.get(f"/admin/{page}/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/nothing", "/sign-out", "/admin/", "/admin/nothing/", "/api/v1/x"])
def test_every_answer_carries_its_headers_and_is_not_stored(world: Standing, path: str) -> None:
    answer = signed_in(world, "administrator").get(path)
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_wrong_method_is_refused_on_a_page(world: Standing) -> None:
    answer = signed_in(world).get("/sign-out")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "This address takes POST requests only." in answer.content.decode()


def test_a_role_that_ends_ends_in_the_middle_of_a_session(world: Standing) -> None:
    from apps.access.commands import disable_person, end_grant
    from apps.access.models import RoleGrant

    client, by = signed_in(world), world.people["administrator"]
    assert client.get("/models/credit-pd").status_code == 200
    for grant in RoleGrant.objects.filter(person=world.people["validator"]):
        end_grant(by=by, grant=grant, reason="left the team")
    assert client.get("/models/credit-pd").status_code == 404
    disable_person(by=by, person=world.people["validator"], reason="left the bank")
    assert client.get("/models").status_code == 302
