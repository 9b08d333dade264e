"""Deliveries in parallel, and to addresses that nobody set up: one effect, the same words for all."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from apps.audit.models import Event
from apps.deploys.models import Inbound, Question
from tests.database import FreshDatabase
from tests.integrations.site import Site, made


def body(site: Site) -> dict[str, str]:
    return {
        "id": "job#1",
        "job": "job",
        "environment": "production",
        "hook": "https://ci.example/webhook-step/0d4c5c51-90c3",
    }


@pytest.mark.slow
def test_the_same_delivery_100_times_at_once_has_one_effect(fresh_database: FreshDatabase) -> None:
    site = made("jenkins", hosts="ci.example")
    headers = {"Authorization": f"Bearer {site.secrets['webhook']}"}

    def call(_: int) -> tuple[int, float]:
        began = time.monotonic()
        try:
            return site.deliver(body(site), headers).status_code, time.monotonic() - began
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(call, range(100)))

    assert sorted({status for status, _ in found}) == [200, 202]
    assert [status for status, _ in found].count(202) == 1
    assert (Inbound.objects.count(), Question.objects.count()) == (1, 1)
    assert Event.objects.filter(action="inbound.taken").count() == 1


@pytest.mark.usefixtures("world")
def test_an_address_that_nobody_set_up_answers_as_a_wrong_secret_does() -> None:
    site = made("jenkins", hosts="ci.example")
    wrong = site.deliver(body(site), {"Authorization": "Bearer x"})
    for kind, key in (("jenkins", uuid.uuid4()), ("github", site.row.pk), ("nothing", site.row.pk)):
        nobody = Client().post(f"/hooks/{kind}/{key}", b"{}", content_type="application/json")
        assert (nobody.status_code, nobody.json()) == (wrong.status_code, wrong.json())
    assert wrong.status_code == 401


@pytest.mark.usefixtures("world")
def test_other_methods_and_bodies_without_a_length_are_refused() -> None:
    site = made("jenkins", hosts="ci.example")
    assert Client().get(site.address).status_code == 405
    answer = Client().post(
        site.address, b"", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )
    assert answer.status_code in (401, 411)


@pytest.mark.usefixtures("world")
def test_a_body_that_is_no_object_is_refused_once_it_is_proved() -> None:
    site = made("jenkins", hosts="ci.example")
    headers = {"Authorization": f"Bearer {site.secrets['webhook']}"}
    for raw in (b"[]", b"{", b"[" * 5000, b"null", b'{"job": "a\\u0000"}'):
        assert site.deliver(raw, headers).status_code == 422, raw[:20]
