"""Every address, every method, everybody: the expected status stands in one table."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve

from apps.access.states import ROLES as SHIPPED
from tests.laws.routes import ROLES, Try, clients, place, tries
from tests.standing import Standing

TABLE = Path(__file__).with_name("routes.txt")
WRITING = ("POST", "PUT")

# They write nothing and know of nobody: a report is held against what was sealed.
# A month is no thing that somebody could hide; to sign in is for everybody; the edge that is tried here joins
# two data sets, which are no model's, so that other units see it, too.
EVERYBODYS = (
    "costs/months",
    "statements/<str:month>",
    "costs/focus",
    " /sign-in/with/",
    "lineage/edges/<int:edge_id>",
)
FOR_EVERYBODY = frozenset({"POST /verify", "POST /api/v1/verify"})


def expected() -> dict[str, dict[str, int]]:
    """By method and route, the status for each role."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    heads = lines[0][2:]
    return {
        f"{words[0]} {words[1]}": dict(zip(heads, map(int, words[2:]), strict=True)) for words in lines[1:]
    }


def asked(client: Client, attempt: Try, world: Standing) -> int:
    """The status of one request, whose effect is undone."""
    address, cookies = place(attempt.route, world), client.cookies.copy()
    with transaction.atomic():
        if attempt.method not in WRITING:
            answer = client.generic(attempt.method, address)
        elif attempt.is_api:
            raw = json.dumps(attempt.body).encode()
            answer = client.generic(attempt.method, address, raw, content_type="application/json")
        else:
            answer = client.post(address, dict(attempt.body))
        transaction.set_rollback(True)
    client.cookies = cookies
    if answer.streaming:
        list(answer)  # read to its end, else its file stays open
    return int(answer.status_code)


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_every_role_as_the_table_says(world: Standing, role: str) -> None:
    table, client = expected(), clients(world)[role]
    found = {attempt.name: asked(client, attempt, world) for attempt in tries(world)}

    assert set(found) == set(table), f"lines missing or left over: {sorted(set(found) ^ set(table))}"
    wrong = {name: (found[name], "expected", line[role]) for name, line in table.items()}
    assert not {name: told for name, told in wrong.items() if told[0] != told[2]}


def test_the_table_knows_every_shipped_role() -> None:
    assert set(SHIPPED) <= set(ROLES)
    assert all(list(line) == list(ROLES) for line in expected().values())


def test_nobody_breaks_anything() -> None:
    """No address answers anybody with a server's error, and visitors see only what is for everybody."""
    for name, line in expected().items():
        assert not [role for role, status in line.items() if status >= 500], name
        assert line["anonymous"] == line["expired"] or "/api/" not in name, name
        if name.startswith(WRITING) and "sign-in" not in name and name not in FOR_EVERYBODY:
            assert line["anonymous"] in (302, 401, 403, 405), name


def test_out_of_scope_is_not_found(world: Standing) -> None:
    """Whoever works elsewhere is told that a thing is not there, never that it is forbidden."""
    for name, line in expected().items():
        about_a_thing = "<" in name and not any(
            word in name
            for word in (*EVERYBODYS, "policies", "scorecard", "checks", "coverage", "events", "blobs")
        )
        if about_a_thing and line["developer"] != 405:
            assert line["elsewhere"] == 404, name


@pytest.mark.usefixtures("world")
def test_unsafe_requests_of_a_session_need_its_anti_forgery_token(world: Standing) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.people["developer"], backend="django.contrib.auth.backends.ModelBackend")
    for attempt in tries(world):
        if attempt.method not in WRITING or expected()[attempt.name]["developer"] == 405:
            continue
        if attempt.name in FOR_EVERYBODY:
            continue
        address = place(attempt.route, world)
        media = "application/json" if attempt.is_api else "application/x-www-form-urlencoded"
        answer = client.generic(attempt.method, address, b"{}", content_type=media)
        assert answer.status_code == 403, (attempt.name, answer.status_code)


def test_every_address_leads_to_one_view(world: Standing) -> None:
    for attempt in tries(world):
        match = resolve(place(attempt.route, world))
        assert match.route.lstrip("^") == attempt.route[1:] or attempt.route == "/admin/"


def test_every_address_stands_once(world: Standing) -> None:
    names = [attempt.name for attempt in tries(world)]
    assert [name for name, times in Counter(names).items() if times > 1] == []
