"""The page of conversions: an administrator opens, the uploader converts, both see what came of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.access.models import Person
from apps.audit.states import system
from apps.inventory.commands import conversions as lane
from apps.inventory.commands import execute_conversion, store_blob
from apps.inventory.models import ConversionJob
from tests.gates import rows
from tests.inventory.test_conversions import FOUND
from tests.laws.pickled import pickled_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("django.conf.settings.STATE", tmp_path)
    monkeypatch.setattr(lane, "examined", lambda _: ["m is a <b>pickle</b>."])
    monkeypatch.setattr(lane, "converted", lambda _: FOUND)


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_one_opens_the_other_converts_and_both_see_it() -> None:
    dora, adam = rows.person("dora", "developer"), rows.person("adam", "administrator")
    digest = store_blob(by=dora, stream=pickled_model()).digest
    opening = {"digest": digest, "reason": "the vendor <i>has</i> no other", "hours": "2"}
    assert signed_in(adam).post("/conversions/open", opening).status_code == 302
    page = signed_in(dora).get("/conversions").content.decode()
    assert "open until" in page
    assert "<b>pickle</b>" not in page
    assert "<i>has</i>" not in page
    assert signed_in(dora).post("/conversions/convert", {"digest": digest}).status_code == 302
    page = signed_in(dora).get("/conversions", headers={"HX-Request": "true"}).content.decode()
    assert "waits for a worker" in page
    assert "hx-trigger" in page
    job = ConversionJob.objects.get()
    execute_conversion(by=system("worker"), job_id=job.pk, owner="w")
    assert "differ by 0 at most" in signed_in(dora).get("/conversions").content.decode()


def test_who_handed_in_nothing_sees_nothing() -> None:
    dora, adam = rows.person("dora", "developer"), rows.person("adam", "administrator")
    digest = store_blob(by=dora, stream=pickled_model()).digest
    signed_in(adam).post("/conversions/open", {"digest": digest, "reason": "x", "hours": "2"})
    page = signed_in(rows.person("eve", "developer")).get("/conversions").content.decode()
    assert "No conversion was opened" in page
    assert digest[:19] not in page
