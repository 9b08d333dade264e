"""People and groups as a directory keeps them: the conformance tester, and what it does not try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client

from apps.access import commands
from apps.access.models import Person, RoleGrant
from apps.access.queries import authenticate_token
from apps.audit.models import Event
from governance.pace import paced
from tests import factories

pytestmark = pytest.mark.django_db
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Directory:
    """A directory with its token."""

    def __init__(self, name: str = "entra") -> None:
        self.account = factories.service(name, "directory")
        _, raw = commands.issue_token(
            by=factories.administrator(), person=self.account, name="scim", scopes=["person.provision"]
        )
        self.raw, self.client = raw, Client(headers={"Authorization": f"Bearer {raw}"})

    def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self.client.generic(
            method, f"/scim/v2/{path}", raw, content_type="application/scim+json", headers=headers
        )
        assert answer.status_code == expect, answer.content.decode()
        return json.loads(answer.content) if answer.content else {}

    def make(self, user: str = "Vera@bank.example", **more: Any) -> Any:
        body = {"schemas": [USER], "userName": user, "displayName": "Vera", **more}
        return self.ask("POST", "Users", body, expect=201)

    def group(self, name: str, *members: Any, **more: Any) -> Any:
        rows = [{"value": one["id"]} for one in members]
        body = {"schemas": [GROUP], "displayName": name, "members": rows, **more}
        return self.ask("POST", "Groups", body, expect=201)

    def patch(self, thing: Any, *operations: Any, expect: int = 200, **headers: str) -> Any:
        kind = f"{thing['meta']['resourceType']}s"
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return self.ask("PATCH", f"{kind}/{thing['id']}", body, expect=expect, **headers)


@pytest.fixture
def entra() -> Directory:
    return Directory()


def vera() -> Person:
    return Person.objects.get(username="vera")


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """The service is called in this process: its requests leave the connection of the test open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.usefixtures("_one_connection")
def test_the_conformance_tester_finds_nothing(entra: Directory) -> None:
    from scim2_client.engines.wsgi import WSGISCIMClient
    from scim2_tester import Status, check_server

    # As `governance.wsgi` makes it, but without naming the folder where processes of the web count together.
    client = WSGISCIMClient(
        paced(get_wsgi_application()),
        base_url="http://127.0.0.1:8000/scim/v2",
        headers={"Authorization": f"Bearer {entra.raw}"},
    )
    results = check_server(client)
    bad = [f"{one.title}: {one.reason}" for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    assert bad == []
    assert len(results) > 50


def test_a_person_is_made_without_password_and_without_any_right(entra: Directory) -> None:
    made = entra.make(emails=[{"value": "v@bank.example", "primary": True}], externalId="e-1")
    assert (made["userName"], made["externalId"], made["active"]) == ("Vera@bank.example", "e-1", True)
    assert not vera().has_usable_password()
    assert not vera().grants.exists()
    assert Event.objects.filter(action="person.created", actor_id=str(entra.account.pk)).count() == 1


@pytest.mark.parametrize("how", ["patch", "words", "put", "delete"])
def test_whoever_is_disabled_is_out_at_once_everywhere(entra: Directory, how: str) -> None:
    made = entra.make()
    factories.grant(vera(), "developer")
    _, raw = commands.issue_token(by=vera(), person=vera(), name="laptop", scopes=["model.see"])
    client = Client()
    client.force_login(vera())
    assert client.get("/models").status_code == 200
    if how == "patch":
        entra.patch(made, {"op": "replace", "path": "active", "value": False})
    elif how == "words":
        entra.patch(made, {"op": "Replace", "value": {"active": "False"}})
    elif how == "put":
        entra.ask("PUT", f"Users/{made['id']}", {**made, "active": False})
    else:
        entra.ask("DELETE", f"Users/{made['id']}", expect=204)
    assert client.get("/models").status_code == 302
    assert authenticate_token(raw) is None
    assert Event.objects.filter(action="person.disabled").count() == 1


def test_who_was_removed_is_unknown_and_comes_back_as_the_same_person(entra: Directory) -> None:
    made = entra.make()
    former = vera().pk
    entra.ask("DELETE", f"Users/{made['id']}", expect=204)
    entra.ask("GET", f"Users/{made['id']}", expect=404)
    entra.ask("DELETE", f"Users/{made['id']}", expect=404)
    again = entra.make("vera@BANK.example")
    assert (again["active"], vera().pk) == (True, former)


def test_groups_are_worth_roles_while_somebody_is_in_them(entra: Directory) -> None:
    made = entra.make()
    group = entra.group("officers", made)
    admin = factories.administrator()
    commands.map_group(by=admin, source="scim:entra", group="officers", role="risk-officer", reason="x")
    assert RoleGrant.objects.get(person=vera(), valid_to=None).role == "risk-officer"
    entra.patch(group, {"op": "remove", "path": f'members[value eq "{made["id"]}"]'})
    assert not RoleGrant.objects.filter(person=vera(), valid_to=None).exists()
    entra.patch(group, {"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    entra.patch(made, {"op": "replace", "path": "active", "value": False})
    entra.patch(made, {"op": "replace", "path": "active", "value": True})
    assert RoleGrant.objects.filter(person=vera(), valid_to=None).count() == 1
    entra.ask("DELETE", f"Groups/{group['id']}", expect=204)
    told = Event.objects.filter(object_type="group").values_list("action", flat=True)
    assert set(told) == {"group.created", "group.changed", "group.removed"}
    assert not RoleGrant.objects.filter(person=vera(), valid_to=None).exists()


def test_a_group_gives_nobody_a_role_that_is_apart_from_theirs(entra: Directory) -> None:
    made = entra.make()
    factories.grant(vera(), "developer")
    commands.map_group(
        by=factories.administrator(), source="scim:entra", group="v", role="validator", reason="x"
    )
    entra.group("v", made)
    assert not RoleGrant.objects.filter(person=vera(), role="validator").exists()
    assert Event.objects.filter(action="mapping.refused").count() == 1


def test_a_directory_neither_sees_nor_changes_what_is_not_its_own(entra: Directory) -> None:
    made, other = entra.make(), Directory("okta")
    factories.developer()
    for method in ("GET", "DELETE"):
        other.ask(method, f"Users/{made['id']}", expect=404)
    assert other.ask("GET", "Users")["totalResults"] == 0
    assert other.ask("GET", 'Users?filter=userName eq "dev"')["totalResults"] == 0
    other.ask(
        "POST",
        "Groups",
        {"schemas": [GROUP], "displayName": "g", "members": [{"value": made["id"]}]},
        expect=400,
    )


def test_an_account_made_here_is_handed_over_by_an_administrator_alone(entra: Directory) -> None:
    dev, admin = factories.developer(), factories.administrator()
    taken = entra.ask("POST", "Users", {"schemas": [USER], "userName": "dev@bank.example"}, expect=409)
    assert taken["scimType"] == "uniqueness"
    commands.hand_over_account(
        by=admin, person=dev, directory=entra.account, user_name="dev@bank.example", reason="HR keeps it"
    )
    assert Event.objects.filter(action="person.handed_over").count() == 1
    found = entra.ask("GET", 'Users?filter=userName eq "DEV@bank.example"')["Resources"][0]
    entra.patch(found, {"op": "replace", "path": "active", "value": False})
    assert not Person.objects.get(pk=dev.pk).is_active


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('userName eq "VERA@bank.example"', 1),
        ('userName ne "vera@bank.example"', 1),
        ('userName sw "v" and active eq true', 1),
        ('externalId eq "e-1"', 1),
        ('externalId eq "E-1"', 0),
        ('not (userName co "vera")', 1),
        ('userName ew "example" or displayName pr', 2),
        ('emails[type eq "work"] or userName pr', 2),
        ('emails.value eq "v@bank.example"', 1),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "n"', 1),
        ('meta.lastModified gt "2020-01-01T00:00:00Z"', 2),
        ('id eq "x"', 0),
    ],
)
def test_people_are_found_by_filters(entra: Directory, text: str, count: int) -> None:
    entra.make(externalId="e-1", emails=[{"value": "v@bank.example"}])
    entra.make("nora@bank.example")
    assert entra.ask("GET", f"Users?filter={text}".replace(" ", "%20"))["totalResults"] == count


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        'userName eq "a',
        'password eq "x"',
        'userName zz "x"',
        "userName eq true",
        "(" * 40 + 'userName eq "x"' + ")" * 40,
        " or ".join(['userName eq "x"'] * 60),
        'userName eq "x" userName',
        'meta.created gt "yesterday"',
        'userName eq "\\u0000"',
        "x" * 3000,
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_in_the_form_of_the_protocol(
    entra: Directory, text: str
) -> None:
    from urllib.parse import quote

    told = entra.ask("GET", f"Users?filter={quote(text)}", expect=400)
    assert (told["status"], told["scimType"]) == ("400", "invalidFilter")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"schemas": [], "schemas": []}', 400),
        (b'{"a": NaN}', 400),
        (b"[" * 200_000, 400),
        (b"\xff\xfe", 400),
        (json.dumps({"userName": "x"}).encode(), 400),
        (json.dumps({"schemas": [USER]}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": 7}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "a\x00b"}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "\u202eevil"}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "x" * 300}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "x", "active": "maybe"}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "x", "name": []}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "x", "emails": ["a"]}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "x", "emails": [{"value": "no"}]}).encode(), 400),
        (json.dumps({"schemas": [USER], "userName": "@@@"}).encode(), 400),
        (b" " * (5 * 1024 * 1024), 413),
    ],
)
def test_hostile_bodies_end_in_one_sentence(entra: Directory, body: bytes, status: int) -> None:
    told = entra.ask("POST", "Users", body, expect=status)
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert told["detail"]
    assert not Person.objects.filter(is_service=False).exclude(username="admin").exists()


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "burn", "path": "active"}, "invalidSyntax"),
        ({"op": "replace", "path": "shoeSize", "value": 1}, "invalidPath"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "groups", "value": []}, "mutability"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ""}, "invalidValue"),
        ({"op": "replace", "path": 'emails[type gt "work"].value', "value": "x"}, "invalidFilter"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ("x", "invalidSyntax"),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(entra: Directory, operation: Any, kind: str) -> None:
    made = entra.make()
    first = {"op": "replace", "path": "displayName", "value": "Changed"}
    assert entra.patch(made, first, operation, expect=400)["scimType"] == kind
    assert entra.ask("GET", f"Users/{made['id']}") == made


def test_changes_as_directories_send_them(entra: Directory) -> None:
    made = entra.make()
    changed = entra.patch(
        made,
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "v@bank.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Vera"},
        {"op": "Add", "value": {"name.familyName": "Vogel", "title": "Ms", "externalId": "e-2"}},
        {
            "op": "Add",
            "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "value": "Risk",
        },
    )
    assert changed["emails"] == [{"value": "v@bank.example", "type": "work"}]
    assert (changed["name"]["familyName"], changed["externalId"]) == ("Vogel", "e-2")
    assert vera().email == "v@bank.example"
    event = Event.objects.get(action="person.changed")
    assert b"v@bank.example" not in bytes(event.body)


def test_versions_are_told_and_asked_for(entra: Directory) -> None:
    made = entra.make()
    tag = made["meta"]["version"]
    entra.ask("GET", f"Users/{made['id']}", expect=304, **{"If-None-Match": tag})
    change = {"op": "replace", "path": "displayName", "value": "V."}
    entra.patch(made, change, **{"If-Match": tag})
    entra.patch(made, change, expect=412, **{"If-Match": tag})
    entra.patch(made, change, expect=412, **{"If-Match": "nonsense"})


def test_lists_come_in_pages(entra: Directory) -> None:
    for number in range(5):
        entra.make(f"user{number}")
    page = entra.ask("GET", "Users?startIndex=4&count=3&attributes=userName")
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (5, 2, 4)
    assert set(page["Resources"][0]) == {"schemas", "id", "userName"}
    assert entra.ask("GET", "Users?count=0")["Resources"] == []
    entra.ask("GET", "Users?count=many", expect=400)


def test_only_the_token_of_a_directory_opens_these_addresses(entra: Directory) -> None:
    admin = Client()
    admin.force_login(factories.administrator())
    pipeline = Directory.__new__(Directory)
    _, raw = commands.issue_token(
        by=factories.administrator(), person=factories.service(), name="ci", scopes=["model.see"]
    )
    pipeline.client = Client(headers={"Authorization": f"Bearer {raw}"})
    for path in ("Users", "Groups", "Schemas", "nothing"):
        assert Client().get(f"/scim/v2/{path}").status_code == 401
        assert admin.get(f"/scim/v2/{path}").status_code == 401
        pipeline.ask("GET", path, expect=403)
    entra.ask("GET", "nothing", expect=404)
    entra.ask("DELETE", "Users", expect=405)


def test_a_token_that_was_revoked_opens_nothing(entra: Directory) -> None:
    token = entra.account.tokens.get()
    commands.revoke_token(by=factories.administrator(), token=token, reason="rotated")
    entra.ask("GET", "Users", expect=401)


def test_whoever_is_erased_leaves_nothing_of_what_the_directory_said(entra: Directory) -> None:
    entra.make(externalId="e-1", name={"givenName": "Vera", "familyName": "Vogel"})
    person = vera()
    commands.erase_person(by=factories.administrator(), person=person, reason="a request")
    kept = person.kept_by
    kept.refresh_from_db()
    told = (kept.external_id, kept.display_name, kept.given_name, kept.family_name)
    assert told == ("", "", "", "")
    assert "vera" not in kept.user_name
    assert entra.ask("GET", "Users")["totalResults"] == 0
