"""A02: neither how much is asked of the database nor how long an answer takes tells what exists elsewhere."""

from __future__ import annotations

import os
import random
import re
import time
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.laws.routes import _PARAMETER, clients, place, tries
from tests.laws.test_routes import expected
from tests.standing import Standing

ABSENT = {
    "key": "no-such-model",
    "digest": "sha256:" + "0" * 64,
    "label": "1",
    "version": "9.9.9",
    "policy": "no-such-policy",
}
TIMED = ("/api/v1/models/<str:key>", "/api/v1/runs/<uuid:run_id>", "/models/<str:key>", "/runs/<uuid:run_id>")
ROUNDS = 400


def nowhere(route: str) -> str:
    """The same address of a thing that nobody ever made: its first name is of nothing."""

    def name(found: re.Match[str]) -> str:
        default = str(uuid.uuid4()) if "uuid" in found[0] else "999999999"
        return ABSENT.get(found[1], default)

    return _PARAMETER.sub(name, route)


def hidden(world: Standing) -> Iterator[tuple[str, str]]:
    """Each address of a thing that is not there for another unit, with one of a thing that is nowhere."""
    table = expected()
    for attempt in tries(world):
        told = table.get(attempt.name, {}).get("elsewhere")
        if attempt.method == "GET" and told == 404 and "<" in attempt.route:
            yield attempt.route, nowhere(attempt.route)


def asked(client: Client, address: str) -> tuple[int, int]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    return answer.status_code, len(queries)


def test_what_is_elsewhere_costs_the_questions_of_what_is_nowhere(world: Standing) -> None:
    client, wrong = clients(world)["elsewhere"], []
    pairs = list(hidden(world))
    assert len(pairs) > 30
    asked(client, pairs[0][1])  # the first request of a session notes that it was used
    for route, absent in pairs:
        for _ in range(2):  # what is looked at every ten seconds may fall due between the two, but not twice
            there, gone = asked(client, place(route, world)), asked(client, absent)
            if there == gone:
                break
        else:
            wrong.append((route, there, gone))
    assert not wrong


@pytest.mark.slow
@pytest.mark.skipif("COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all")
@pytest.mark.parametrize("route", TIMED)
def test_what_is_elsewhere_takes_the_time_of_what_is_nowhere(world: Standing, route: str) -> None:
    """In turns of random order; who guesses by the time is right about as often as who tosses a coin."""
    client, order = clients(world)["elsewhere"], random.Random(7)  # noqa: S311 - an order, no secret
    addresses = {"there": place(route, world), "nowhere": nowhere(route)}
    taken: dict[str, list[float]] = {name: [] for name in addresses}
    for number in range(ROUNDS + 20):
        for name in order.sample(sorted(addresses), 2):
            began = time.perf_counter()
            assert client.get(addresses[name]).status_code == 404
            if number >= 20:
                taken[name].append(time.perf_counter() - began)
    there, gone = (np.array(taken[name]) for name in ("there", "nowhere"))
    right = float((there[:, None] > gone[None, :]).mean())
    assert 0.4 < right < 0.6, (right, np.median(there), np.median(gone))
