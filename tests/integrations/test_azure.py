"""The check of Azure DevOps: a live credential comes in, goes only where it may, and is forgotten."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.cli.loopback import Asked, Told
from tests.integrations.site import Elsewhere, Site, made
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")

GUIDS = {
    name: f"{place}0000000-1111-2222-3333-444444444444"
    for place, name in enumerate(("ProjectId", "PlanId", "JobId", "TimelineId", "TaskInstanceId"), start=1)
}
BODY = {"environment": "production", "version": "1"}
TOKEN = "eyJ-the-job-access-token"


@pytest.fixture
def site(elsewhere: Elsewhere) -> Site:
    found = made("azure", hosts=elsewhere.host)
    found.bind(source=GUIDS["ProjectId"], version_from="asked")
    return found


def call(site: Site, url: str, body: Any = BODY, **changes: str) -> HttpResponse:
    headers = {
        "Authorization": f"Bearer {site.secrets['webhook']}",
        "PlanUrl": f"{url}/fabrikam/",
        "HubName": "checks",
        "AuthToken": TOKEN,
        **GUIDS,
    }
    return site.deliver(body, {**headers, **changes})


def accepts(asked: Asked) -> Told:
    """The events of a plan, as they are documented."""
    path = (
        f"/fabrikam/{GUIDS['ProjectId']}/_apis/distributedtask/hubs/checks/plans/{GUIDS['PlanId']}"
        "/events?api-version=7.1-preview.1"
    )
    right = asked.path == path and asked.headers["authorization"] == f"Bearer {TOKEN}"
    return Told(200 if right else 404, {})


@pytest.mark.parametrize(("version", "result"), [("1", "succeeded"), ("9", "failed")])
def test_the_check_is_completed(site: Site, elsewhere: Elsewhere, version: str, result: str) -> None:
    elsewhere.answers = accepts
    assert call(site, elsewhere.url, {**BODY, "version": version}).status_code == 202

    question = site.worked()

    (sent,) = elsewhere.told()
    assert sent.json == {
        "name": "TaskCompleted",
        "taskId": GUIDS["TaskInstanceId"],
        "jobId": GUIDS["JobId"],
        "result": result,
    }
    assert question.told_at
    assert question.locked is None, "the credential is forgotten"


def test_while_people_sign_the_check_waits(site: Site, elsewhere: Elsewhere) -> None:
    call(site, elsewhere.url, {**BODY, "version": "2"})
    assert site.worked().told_at is None
    assert elsewhere.told() == []


def test_the_credential_lies_locked_until_it_is_used(site: Site, elsewhere: Elsewhere) -> None:
    call(site, elsewhere.url)
    question = site.question()
    assert question.locked
    assert TOKEN.encode() not in bytes(question.locked) + json.dumps(question.where).encode()


def test_basic_credentials_carry_the_secret_too(site: Site, elsewhere: Elsewhere) -> None:
    pair = base64.b64encode(f"azure:{site.secrets['webhook']}".encode()).decode()
    assert call(site, elsewhere.url, Authorization=f"Basic {pair}").status_code == 202


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic !!", "Basic eDp5", "Digest x"])
def test_what_proves_nothing_is_refused(site: Site, elsewhere: Elsewhere, header: str) -> None:
    assert call(site, elsewhere.url, Authorization=header).status_code == 401
    assert site.taken() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/fabrikam",
        "https://dev.azure.com.evil.example",
        "{url}@evil.example/fabrikam",
        "{url}/a/../b?x=1",
        "http://169.254.169.254/fabrikam",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_plan_that_lies_elsewhere_is_refused(site: Site, elsewhere: Elsewhere, url: str) -> None:
    answer = call(site, elsewhere.url, PlanUrl=url.format(url=elsewhere.url))
    assert answer.status_code == 422
    assert TOKEN not in answer.content.decode()
    assert site.taken() == []


@pytest.mark.parametrize("changes", [{"PlanId": "../x"}, {"HubName": "a/b"}, {"AuthToken": ""}])
def test_ids_that_are_none_are_refused(site: Site, elsewhere: Elsewhere, changes: dict[str, str]) -> None:
    assert call(site, elsewhere.url, **changes).status_code == 422


def test_the_same_check_is_taken_in_once(site: Site, elsewhere: Elsewhere) -> None:
    elsewhere.answers = accepts
    assert [call(site, elsewhere.url).status_code for _ in range(2)] == [202, 200]
    site.worked()
    assert len(elsewhere.told()) == 1


# The check that polls -------------------------------------------------------------------------------------


def polled(token: str, version: str, *, tries: int = 10) -> tuple[str, int]:
    """The check in its mode ApiResponse: the same request at most ten times, until the criterion holds."""
    body = {"model": "credit-pd", "version": version, "environment": "production"}
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(1, tries + 1):
        answer = Client().post(
            "/api/v1/admissions", json.dumps(body), content_type="application/json", headers=headers
        )
        if answer.status_code == 200 and answer.json()["allowed"] is True:  # eq(root['allowed'], true)
            return "approved", number
    return "rejected", tries


@pytest.mark.parametrize(
    ("version", "found"), [("1", ("approved", 1)), ("9", ("rejected", 10)), ("2", ("rejected", 10))]
)
def test_a_check_that_polls(world: Standing, version: str, found: tuple[str, int]) -> None:
    assert polled(world.tokens["pipeline"], version) == found


def test_a_check_that_polls_without_a_right_token_is_rejected() -> None:
    assert polled("cs_wrong", "1", tries=2) == ("rejected", 2)
