"""The deploy gate over HTTP: an answer is 200, with `strict` the status is the answer."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from apps.access.models import Person
from apps.api.views import admissions
from apps.deploys.models import Admission
from tests.api.asking import Asker
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def pipeline(world: Standing) -> Asker:
    return Asker(world.tokens["pipeline"])


def asked(**changes: str) -> dict[str, str]:
    return {"model": "credit-pd", "version": "1", "environment": "production", **changes}


@pytest.mark.parametrize(
    ("changes", "outcome", "status"),
    [
        ({}, "allow", 200),
        ({"version": "2"}, "pending", 409),
        ({"model": "card-limit"}, "deny", 403),
        ({"model": "nothing"}, "deny", 403),
        ({"digest": "sha256:" + "0" * 64}, "deny", 403),
        ({"environment": "nowhere"}, "deny", 403),
    ],
)
def test_every_outcome_is_an_answer_and_strict_says_it_by_status(
    pipeline: Asker, changes: dict[str, str], outcome: str, status: int
) -> None:
    plain = pipeline.post("/admissions", asked(**changes))
    strict = pipeline.post("/admissions?strict=1", asked(**changes))

    assert (plain.status_code, strict.status_code) == (200, status)
    told: dict[str, Any] = plain.json()
    assert told["outcome"] == outcome
    assert told["allowed"] is (outcome == "allow")
    assert told["statement"]["payloadType"] == "application/vnd.in-toto+json"
    assert told["allowed"] or all(reason["message"] for reason in told["reasons"])
    assert pipeline.get(plain["Location"].removeprefix("/api/v1")).content == plain.content


@pytest.mark.parametrize("query", ["strict=2", "strict=yes"])
def test_an_unknown_strictness_is_refused(pipeline: Asker, query: str) -> None:
    before = Admission.objects.count()
    assert pipeline.post(f"/admissions?{query}", asked()).status_code == 422
    assert Admission.objects.count() == before


def test_a_misspelt_field_is_refused_before_anything_is_answered(pipeline: Asker) -> None:
    before = Admission.objects.count()
    refused = pipeline.post("/admissions", asked(popluation="EU"))
    assert (refused.status_code, "popluation" in refused.text) == (422, True)
    assert Admission.objects.count() == before


@pytest.mark.parametrize("wait", ["31", "-1", "x", "１"])
def test_an_impossible_wait_is_refused(world: Standing, pipeline: Asker, wait: str) -> None:
    assert pipeline.get(f"/admissions/{world.admission.pk}?wait={wait}").status_code == 422


def test_a_settled_answer_is_not_waited_for(world: Standing, pipeline: Asker) -> None:
    began = time.monotonic()

    assert pipeline.get(f"/admissions/{world.admission.pk}?wait=30").status_code == 200
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_pending_answer_is_waited_for_and_stays_pending(pipeline: Asker) -> None:
    place = pipeline.post("/admissions", asked(version="2"))["Location"].removeprefix("/api/v1")
    began = time.monotonic()

    answer = pipeline.get(f"{place}?wait=1")

    assert answer.json()["outcome"] == "pending"
    assert 0.9 < time.monotonic() - began < 10


def test_too_many_who_wait_are_answered_at_once(pipeline: Asker) -> None:
    place = pipeline.post("/admissions", asked(version="2"))["Location"].removeprefix("/api/v1")
    taken = [admissions._PATIENT.acquire(blocking=False) for _ in range(2)]
    try:
        began = time.monotonic()
        assert pipeline.get(f"{place}?wait=20").json()["outcome"] == "pending"
        assert time.monotonic() - began < 5
    finally:
        for _ in filter(None, taken):
            admissions._PATIENT.release()


def test_the_feed_is_narrowed_and_paged(pipeline: Asker) -> None:
    for _ in range(3):
        pipeline.post("/admissions", asked(model="nothing"))

    found = pipeline.get("/admissions?model=nothing&outcome=deny").json()

    assert len(found["admissions"]) == 3
    assert found["next"] is None
    assert pipeline.get("/admissions?cursor=rubbish").status_code == 422


def forged(admission: Admission, by: Person, *, keep_id: bool = False, **changes: Any) -> Admission:
    """A row as raw SQL would write it: the fields say what it likes, the statement is another's."""
    key = uuid.uuid4()
    told = {**json.loads(bytes(admission.answer)), "id": str(admission.pk if keep_id else key), **changes}
    row = Admission.objects.get(pk=admission.pk)
    row.pk, row._state.adding = key, True
    row.asked_by, row.answer = by, json.dumps(told).encode()
    row.outcome, row.allowed = "allow", True
    row.statement_digest = f"sha256:{key.hex}{key.hex}"
    row.save(force_insert=True)
    return row


def test_a_forged_row_is_never_served_as_an_answer(world: Standing, pipeline: Asker) -> None:
    pipeline.post("/admissions", asked(version="2"))
    pending, by = Admission.objects.latest("asked_at"), Admission.objects.latest("asked_at").asked_by
    for row in (
        forged(pending, by),
        forged(pending, by, outcome="allow", allowed=True),
        forged(pending, by, keep_id=True),
        forged(pending, by, statement={"payload": "AAAA", "payloadType": "x", "signatures": []}),
    ):
        answer = pipeline.get(f"/admissions/{row.pk}")
        assert answer.status_code == 503, row.answer
        assert "not the one that was signed" in answer.json()["detail"]
        assert "nothing is allowed by it" in answer.json()["detail"]


def test_the_status_follows_the_statement_not_the_column(world: Standing, pipeline: Asker) -> None:
    made = pipeline.post("/admissions", asked(model="card-limit"))
    key = made.json()["id"]
    by = Admission.objects.get(pk=key).asked_by
    row = forged(Admission.objects.get(pk=key), by, keep_id=True)
    assert pipeline.get(f"/admissions/{row.pk}?strict=1").status_code == 503
    assert pipeline.get(f"/admissions/{key}?strict=1").status_code == 403
