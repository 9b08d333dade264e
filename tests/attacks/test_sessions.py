"""Sessions: what ends them, what never opens one, what every answer carries."""

from __future__ import annotations

import time

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
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


def test_a_planted_session_becomes_nobodys(world: Standing) -> None:
    """Whoever knows the name of a session before it is signed in knows nothing of it afterwards."""
    client, thief = Client(), Client()
    session = client.session
    session["planted"] = "yes"
    session.save()
    planted = client.cookies["sessionid"].value
    client.post("/sign-in", {"username": "val", "password": factories.PASSWORD})
    assert client.cookies["sessionid"].value != planted
    for old in (planted, "a" * 32, ""):
        thief.cookies["sessionid"] = old
        assert thief.get("/models").status_code == 302
    assert client.get("/models").status_code == 200


ELSEWHERE = (
    "//evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/\\evil.example",
    "\thttps://evil.example",
)


@pytest.mark.parametrize("onward", ELSEWHERE)
def test_no_way_on_leads_elsewhere(world: Standing, onward: str) -> None:
    client = signed_in(world)
    answer = client.post("/reauthenticate", {"password": factories.PASSWORD, "next": onward})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert onward not in client.get("/reauthenticate", {"next": onward}).content.decode()
    told = client.post("/reauthenticate", {"password": "wrong", "next": onward}).content.decode()
    assert "evil.example" not in told
    back = client.post(
        f"/findings/{world.finding.pk}/close", {"closure": "", "back": onward}, headers={"Referer": onward}
    )
    assert "evil.example" not in back.get("Location", "") + str(back.headers)


def test_nobody_is_made_a_superuser_not_even_by_raw_sql(world: Standing) -> None:
    person = world.people["administrator"]
    with pytest.raises(IntegrityError, match="person_is_no_superuser"), transaction.atomic():
        type(person).objects.filter(pk=person.pk).update(is_superuser=True)


@pytest.mark.parametrize("place", ["access/person", "access/rolegrant", "access/apitoken"])
def test_the_look_up_tables_are_only_read(world: Standing, place: str) -> None:
    client, model = signed_in(world, "administrator"), apps.get_model(*place.split("/"))
    row = model.objects.order_by("pk").values().first()
    assert row is not None
    for act in (f"{row['id']}/change/", f"{row['id']}/delete/"):
        assert client.post(f"/admin/{place}/{act}", {"post": "yes", "username": "x"}).status_code == 403
    assert model.objects.filter(pk=row["id"]).values().get() == row
