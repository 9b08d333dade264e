"""Pages of what runs where: one line a slot, the inbox, the way from a slot to those who approved."""

from __future__ import annotations

import pytest

from apps.deploys.commands import report_deployment
from apps.deploys.models import Settlement
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def validator(client):
    client.force_login(factories.validator(), backend="django.contrib.auth.backends.ModelBackend")
    return client


def told(digest: str, slot: str = "scoring/credit-pd"):
    return report_deployment(by=factories.service(), environment="production", slot=slot, digest=digest)


def test_from_the_list_to_version_finding_and_approvers_in_two_requests(validator) -> None:
    row = told(bank.granted().version.digest)
    listed = validator.get("/deployments?environment=production&model=credit-pd").content.decode()
    assert f'href="/deployments/{row.pk}"' in listed
    shown = validator.get(f"/deployments/{row.pk}").content.decode()
    for words in ("/models/credit-pd/versions/1", "without a valid answer", factories.validator().name):
        assert words in shown


def test_nothing_reported_says_what_to_do(validator) -> None:
    bank.production()
    assert "POST /api/v1/deployments" in validator.get("/deployments").content.decode()
    assert "Nothing ungoverned runs" in validator.get("/deployments/ungoverned").content.decode()


def test_something_ungoverned_is_settled_on_its_page(validator) -> None:
    bank.granted()
    row = told("sha256:" + "7" * 64, "scoring/shadow")
    assert "scoring/shadow" in validator.get("/deployments/ungoverned").content.decode()
    sent = {"answer": "finding", "model": "credit-pd", "reason": "Nobody knows it."}
    assert validator.post(f"/deployments/{row.pk}/settle", sent).status_code == 302
    assert Settlement.objects.get().finding.severity == "high"
    assert "scoring/shadow" not in validator.get("/deployments/ungoverned").content.decode()


def test_a_day_that_is_none_is_refused_with_a_sentence(validator) -> None:
    bank.granted()
    row = told("sha256:" + "7" * 64, "scoring/shadow")
    sent = {"answer": "ignored", "until": "soon", "reason": "x"}
    assert validator.post(f"/deployments/{row.pk}/settle", sent).status_code == 422
    assert not Settlement.objects.exists()


def test_an_environment_shows_the_policies_in_force_there(validator) -> None:
    bank.policies()
    bank.production()
    shown = validator.get("/environments").content.decode()
    assert "baseline-all@" in shown
    assert "Declare an environment" not in shown


def test_an_administrator_declares_an_environment(client) -> None:
    client.force_login(factories.administrator(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/environments", {"key": "eu-2", "title": "Europe 2"}).status_code == 302
    assert "eu-2" in client.get("/environments").content.decode()


def test_the_feed_of_answers_follows_by_itself_and_stands_still_in_the_past(validator) -> None:
    bank.granted()
    shown = validator.get("/decisions").content.decode()
    assert 'hx-trigger="every 15s"' in shown
    assert "/administration/integrations" not in shown
    assert "hx-trigger" not in validator.get("/decisions?at=2026-01-01T00:00:00Z").content.decode()
