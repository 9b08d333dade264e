"""The same attacks on every address: fields that nobody may give, other media, overridden methods, strings
that mean something to SQL, things of two parents, markup that comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from apps.api.endpoints import describe
from tests.laws.routes import Try, clients, place, tries
from tests.laws.test_routes import FOR_EVERYBODY, expected
from tests.standing import Standing

# Nobody gives these: they follow from what is done, or are decided by somebody else.
PROTECTED = ("granted_by", "is_superuser", "created_at", "statement_digest", "signed_at", "allowed")
# Nor refused by a receiver of another standard's events: OpenLineage leaves its objects open
# (additionalProperties), so that producers send more than it names; nothing of that is read.
OPEN = frozenset({"POST /api/v1/lineage"})
HOSTILE = (
    "' OR 1=1 --", "%", "\0", "9" * 400, "NaN", "2026-99-99", "<script>alert(1)</script>",
    "\r\nX-Injected: yes",
)  # fmt: skip


def writing(world: Standing) -> Iterator[tuple[Try, str]]:
    """Each endpoint that takes a body, with somebody who may."""
    table = expected()
    for attempt in tries(world):
        if attempt.method == "POST" and attempt.is_api and attempt.body and attempt.name not in FOR_EVERYBODY:
            may = [role for role, status in table.get(attempt.name, {}).items() if 200 <= status < 300]
            if may:
                yield attempt, may[0]


def posted(client: Client, address: str, body: Any, **more: Any) -> Any:
    """The answer to a body whose effect is undone."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with transaction.atomic():
        answer = client.generic("POST", address, raw, **{"content_type": "application/json", **more})
        transaction.set_rollback(True)
    return answer


@pytest.mark.slow
def test_no_endpoint_takes_a_field_that_nobody_may_give(world: Standing) -> None:
    people, wrong = clients(world), []
    for attempt, role in writing(world):
        for name in PROTECTED:
            address = place(attempt.route, world)
            answer = posted(people[role], address, {**attempt.body, name: "x"})
            if attempt.name in OPEN:
                plain = posted(people[role], address, attempt.body)
                same = {**answer.json(), "event": ""} == {**plain.json(), "event": ""}
                if not (same and answer.status_code == plain.status_code):
                    wrong.append((attempt.name, name, answer.status_code))
            elif answer.status_code not in (400, 422) or name not in answer.content.decode():
                wrong.append((attempt.name, name, answer.status_code))
    assert not wrong


@pytest.mark.slow
def test_no_endpoint_reads_what_a_form_of_another_site_could_send(world: Standing) -> None:
    people, wrong = clients(world), []
    for attempt, role in writing(world):
        for media in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ):
            answer = posted(people[role], place(attempt.route, world), attempt.body, content_type=media)
            if answer.status_code != 415:
                wrong.append((attempt.name, media, answer.status_code))
    assert not wrong


@pytest.mark.slow
def test_no_body_breaks_an_endpoint(world: Standing) -> None:
    bodies: list[Any] = [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000, b'{"a":NaN}']
    people, wrong = clients(world), []
    for attempt, role in writing(world):
        twisted = [
            {**attempt.body, name: value} for name in attempt.body for value in (None, [], {}, 1e308, "\0")
        ]
        for body in [*bodies, *twisted]:
            answer = posted(people[role], place(attempt.route, world), body)
            if answer.status_code >= 500:
                wrong.append((attempt.name, str(body)[:60], answer.status_code))
    assert not wrong


@pytest.mark.slow
def test_a_method_is_what_it_is(world: Standing) -> None:
    """No header and no field turns a GET into a write, or a POST into another method."""
    people, table = clients(world), expected()
    override = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "POST", "X-Method-Override": "PUT"}
    for attempt in tries(world):
        status = table.get(attempt.name, {}).get("developer")
        if attempt.method == "GET" and status == 200 and "digest" not in attempt.route:
            address = place(attempt.route, world)
            answer = people["developer"].get(f"{address}?_method=POST", headers=override)
            list(answer) if answer.streaming else None
            assert answer.status_code in (200, 400, 422), (attempt.name, answer.status_code)


def listed() -> Iterator[tuple[str, str]]:
    """Each question that an endpoint takes in its address."""
    for pattern in get_resolver("apps.api.urls").url_patterns:
        if hasattr(pattern.callback, "endpoint"):
            found = describe(pattern.callback).operations.get("GET")
            for name in found.query if found else ():
                yield f"/api/v1/{pattern.pattern}", name


@pytest.mark.slow
def test_no_question_in_an_address_is_read_as_anything_else(world: Standing) -> None:
    people, wrong = clients(world), []
    for route, name in listed():
        for text in HOSTILE:
            asked = {"wait": "0", name: text}
            answer = people["auditor"].get(place(route, world), asked)
            body = b"".join(answer) if answer.streaming else answer.content
            if answer.status_code >= 500 or "X-Injected" in answer or b"psycopg" in body:
                wrong.append((route, name, text[:30], answer.status_code))
    assert not wrong


@pytest.mark.slow
def test_no_question_on_a_page_breaks_it_or_comes_back_as_markup(world: Standing) -> None:
    people, wrong = clients(world), []
    pages = [a for a in tries(world) if a.method == "GET" and not a.is_api and "<" not in a.route]
    names = (
        "q",
        "page",
        "after",
        "sort",
        "state",
        "at",
        "unit",
        "kind",
        "model",
        "next",
        "tab",
        "from",
        "to",
    )
    for attempt in pages:
        for text in HOSTILE:
            answer = people["auditor"].get(attempt.route, dict.fromkeys(names, text))
            body = b"".join(answer) if answer.streaming else answer.content
            if answer.status_code >= 500 or b"<script>alert(1)" in body or "X-Injected" in answer:
                wrong.append((attempt.route, text[:30], answer.status_code))
    assert not wrong


def test_a_thing_of_another_parent_is_not_there(world: Standing) -> None:
    """The second version of one model is no version of another, for whoever may see both."""
    people, wrong = clients(world), []
    for attempt in tries(world):
        if "<str:key>" not in attempt.route or "<str:label>" not in attempt.route:
            continue
        address = place(attempt.route, world).replace("/credit-pd/", "/card-limit/")
        address = address.replace("/versions/1", "/versions/2")
        for role in ("developer", "owner", "auditor"):
            send = people[role].get if attempt.method == "GET" else people[role].post
            answer = send(address)
            if answer.status_code not in (404, 405, 403):
                wrong.append((attempt.name, role, answer.status_code))
    assert not wrong
