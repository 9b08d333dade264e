"""Bodies that cannot be used: one sentence that names the field, and nothing written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.api.problems import ApiProblem
from apps.api.reading import Fields, parse
from apps.gates.models import Run
from tests.api.asking import Asker
from tests.standing import Standing


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [
        (b" ", 400, "not JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b'{"model": "a", "model": "b"}', 400, "stands twice"),
        (b'{"model": NaN}', 400, "NaN is not JSON"),
        (b'{"model": 123456789012345678901}', 400, "too large"),
        (b"[" * 200, 400, "nested deeper"),
        (b'"\xff"', 400, "not UTF-8"),
        (b'{"version": "1"}', 422, '"model" is missing'),
        (b'{"model": 5, "version": "1"}', 422, "must be text"),
        (b'{"model": "a\\u0000b", "version": "1"}', 422, "without NUL"),
        (b'{"model": "\\ud800", "version": "1"}', 422, "whole characters"),
        (b'{"model": "card-limit", "version": "1", "modle": "x"}', 422, "is no field here"),
        (b'{"model": "card-limit", "version": "1", "\\ud800": "x"}', 422, "is no field here"),
        (b" " * (1024 * 1024 + 1), 413, "1,048,576 bytes"),
    ],
)
def test_a_bad_body_is_refused(world: Standing, raw: bytes, status: int, words: str) -> None:
    runs = Run.objects.count()

    answer = Asker(world.tokens["developer"]).post("/runs", raw, key="k")

    assert answer.status_code == status, answer.content
    assert words in answer.json()["detail"]
    assert Run.objects.count() == runs


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_json_is_read(world: Standing, media: str) -> None:
    asker = Asker(world.tokens["developer"])

    answer = asker.client.post("/api/v1/runs", b"{}", content_type=media, headers=asker.headers)

    assert answer.status_code == 415


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("field", ["state", "approved_by", "tier", "owner", "created_at", "is_superuser"])
def test_fields_that_nobody_may_give_are_refused(world: Standing, field: str) -> None:
    body = {"model": "card-limit", "version": "1", field: "x"}

    assert Asker(world.tokens["developer"]).post("/runs", body).status_code == 422


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(), st.lists, max_leaves=9
    )
)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_sentence(raw: bytes) -> None:
    refused: ApiProblem | None = None
    try:
        parse(raw)
    except ApiProblem as problem:
        refused = problem
    assert refused is None or (refused.status == 400 and str(refused).endswith("."))


def test_days_and_times_must_be_ones() -> None:
    fields = Fields({"due": "31.12.2027", "at": "2027-12-31T10:00:00"})

    with pytest.raises(ApiProblem, match="a day such as"):
        fields.day("due")
    with pytest.raises(ApiProblem, match="time zone"):
        fields.instant("at")
