"""A Jenkins pipeline that waits at a hook of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from tests.cli.loopback import Asked, Told
from tests.integrations.site import Elsewhere, Site, made

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def site(elsewhere: Elsewhere) -> Site:
    found = made("jenkins", hosts=elsewhere.host)
    found.bind(source="credit/deploy", version_from="asked")
    return found


def call(site: Site, elsewhere: Elsewhere, *, bearer: str = "", **changes: Any) -> HttpResponse:
    body = {
        "id": "credit/deploy#41",
        "job": "credit/deploy",
        "environment": "production",
        "version": "1",
        "hook": f"{elsewhere.url}/jenkins/webhook-step/0d4c5c51-90c3-4a36-8d1f-f5b9b7d7ed8a",
        "hook_token": "let-me-in",
        **changes,
    }
    return site.deliver(body, {"Authorization": f"Bearer {bearer or site.secrets['webhook']}"})


@pytest.mark.parametrize(("version", "outcome"), [("1", "allow"), ("9", "deny")])
def test_the_pipeline_is_told_at_its_hook(
    site: Site, elsewhere: Elsewhere, version: str, outcome: str
) -> None:
    assert call(site, elsewhere, version=version).status_code == 202
    site.worked()

    (sent,) = elsewhere.told()
    assert sent.headers["authorization"] == "let-me-in"
    assert (sent.json["outcome"], sent.json["allowed"]) == (outcome, outcome == "allow")
    assert sent.json["reasons"]


def test_another_digest_than_the_approved_one_is_denied(site: Site, elsewhere: Elsewhere) -> None:
    call(site, elsewhere, digest="sha256:" + "0" * 64)
    assert site.worked().told == "denied"


def test_a_hook_that_redirects_is_not_followed(site: Site, elsewhere: Elsewhere) -> None:
    def moved(_: Asked) -> Told:
        return Told(302, {}, {"Location": f"{elsewhere.url}/elsewhere"})

    elsewhere.answers = moved
    call(site, elsewhere)
    assert site.worked().told_at is None
    assert [asked.path for asked in elsewhere.told()] == [elsewhere.told()[0].path]


@pytest.mark.parametrize(
    "hook",
    [
        "https://evil.example/webhook-step/0d4c5c51-90c3",
        "{url}/script?x=/webhook-step/0d4c5c51-90c3",
        "{url}/webhook-step/../../script",
        "{url}/credentials",
        "",
    ],
)
def test_a_hook_that_leads_elsewhere_is_refused(site: Site, elsewhere: Elsewhere, hook: str) -> None:
    assert call(site, elsewhere, hook=hook.format(url=elsewhere.url)).status_code == 422
    assert site.taken() == []


def test_what_proves_nothing_or_names_nothing_is_refused(site: Site, elsewhere: Elsewhere) -> None:
    assert call(site, elsewhere, bearer="x").status_code == 401
    assert call(site, elsewhere, id="").status_code == 422
    assert call(site, elsewhere, job="").status_code == 422
    assert call(site, elsewhere, hook_token="a\nb").status_code == 422


def test_another_job_is_bound_to_nothing(site: Site, elsewhere: Elsewhere) -> None:
    call(site, elsewhere, job="elsewhere")
    assert site.worked().told == "denied"
