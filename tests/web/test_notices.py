"""Pages of webhooks, notices and attestation rounds; and their API."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook

from apps.approvals import rounds
from apps.approvals.models import AttestationRound, RoundAnswer
from apps.notices.models import Delivery, Endpoint, Notice, Subscription
from tests.notices.receiver import receiving
from tests.notices.telling import send_due
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]
HOME = "/administration/webhooks"


def client_of(world: Standing, role: str) -> Client:
    client = Client()
    client.force_login(world.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def notice(world: Standing, role: str, **changes: object) -> Notice:
    given = {"about": "x", "topic": "waiting", "text": "Sign <this>", "link": "/reviews", "mail": "never"}
    given |= {"made_at": timezone.now(), "model_key": "credit-pd", **changes}
    return Notice.objects.create(person=world.people[role], **given)


def test_an_endpoint_is_added_tried_and_replayed_on_its_page(world: Standing, settings: Settings) -> None:
    client = client_of(world, "administrator")
    with receiving() as receiver:
        settings.WEBHOOK_HOSTS = [receiver.allowed]
        sent = {
            "name": "Watcher",
            "kind": "webhook",
            "address": receiver.url("/hook-path"),
            "events": ["run.dead"],
        }
        page = client.post(HOME, sent).content.decode()
        secret = page.partition("whsec_")[2].partition("<")[0]
        made = Endpoint.objects.get(name="Watcher")
        assert "hook-path" not in text_of(client, f"{HOME}/{made.pk}")
        assert secret not in text_of(client, f"{HOME}/{made.pk}")
        client.post(f"{HOME}/{made.pk}", {"act": "trial"})
        send_due()
        row = Delivery.objects.get()
        assert "It answered 200." in text_of(client, f"{HOME}/{made.pk}?state=delivered")
        client.post(f"{HOME}/{made.pk}", {"act": "replay", "delivery": str(row.pk)})
        send_due()
    assert [h["webhook-id"] for _, h, _ in receiver.seen] == [str(row.pk)] * 2
    assert Webhook("whsec_" + secret).verify(receiver.seen[0][2], receiver.seen[0][1])


def test_a_wrong_address_goes_back_to_the_form_with_its_sentence(world: Standing) -> None:
    client = client_of(world, "administrator")
    sent = {"name": "Watcher", "kind": "webhook", "address": "http://127.0.0.1/", "events": ["run.dead"]}
    page = client.post(HOME, {**sent, "back": HOME}, follow=True).content.decode()
    assert "COUNTERSIGN_WEBHOOK_HOSTS" in page
    assert 'value="Watcher"' in page


def test_the_api_adds_rotates_stops_and_shows_no_secret_again(world: Standing, settings: Settings) -> None:
    client = client_of(world, "administrator")
    with receiving() as receiver:
        settings.WEBHOOK_HOSTS = [receiver.allowed]
        sent = {"name": "Api", "kind": "webhook", "address": receiver.url(), "events": ["run.dead"]}
        made = client.post("/api/v1/webhooks", json.dumps(sent), content_type="application/json")
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    place = made.headers["Location"]
    assert "secret" not in client.get(place).json()
    again = client.post(f"{place}/rotate", json.dumps({"hours": 0}), content_type="application/json").json()
    assert again["secret"] != made.json()["secret"]
    stopped = client.post(f"{place}/stop", json.dumps({"reason": "over"}), content_type="application/json")
    assert stopped.json()["stopped_why"] == "over"
    assert client.post(f"{place}/trial").status_code == 409
    assert client.get(f"{place}/deliveries").json() == {"deliveries": [], "next": None}


def test_the_bell_counts_and_a_read_notice_counts_no_more(world: Standing) -> None:
    client = client_of(world, "validator")
    notice(world, "validator")
    notice(world, "validator", about="y", model_key="no-such-model")
    page = text_of(client, "/notices")
    assert "1 new" in page
    assert "Sign &lt;this&gt;" in page
    client.post("/notices", {"notice": str(Notice.objects.get(about="x").pk)})
    assert "1 new" not in text_of(client, "/")
    assert client.get("/api/v1/notices?unread=1").json()["notices"] == []


def test_nobody_reads_the_notices_of_others(world: Standing) -> None:
    theirs = notice(world, "validator")
    client = client_of(world, "developer")
    assert "Sign &lt;" not in text_of(client, "/notices")
    assert client.post("/notices", {"notice": str(theirs.pk)}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_what_one_hears_of_is_chosen_on_the_account(world: Standing) -> None:
    client = client_of(world, "owner")
    assert "No mail server is set up" in text_of(client, "/account/notices")
    client.post("/account/notices", {"topic": "budgets", "mail": "weekly", "unit": "retail"})
    row = Subscription.objects.get()
    assert (row.topic, row.listed, row.mail, row.unit_key) == ("budgets", False, "weekly", "retail")
    told = client.get("/api/v1/subscriptions").json()["subscriptions"]
    assert {"topic": "budgets", "mail": "weekly"}.items() <= next(
        t for t in told if t["topic"] == "budgets"
    ).items()


@pytest.fixture
def asked(world: Standing) -> AttestationRound:
    """A round opened on the page."""
    client = client_of(world, "head-of-model-risk")
    due = (timezone.now() + timezone.timedelta(days=20)).date()
    answer = client.post("/attestations", {"title": "Autumn", "due": str(due), "unit": "retail"})
    return AttestationRound.objects.get(pk=answer.headers["Location"].rpartition("/")[2])


def test_an_owner_attests_what_is_shown(world: Standing, asked: AttestationRound) -> None:
    client, place = client_of(world, "owner"), f"/attestations/{asked.pk}"
    (entry,) = rounds.waiting_for(world.people["owner"])
    digest = rounds.entry_digest(entry.model)
    assert digest in text_of(client, place)
    assert entry.model.key in text_of(client, "/")
    client.post(place, {"act": "attest", "entries": [str(entry.pk)], f"shown-{entry.pk}": digest})
    assert RoundAnswer.objects.get().outcome == "attested"
    assert "attested" in text_of(client_of(world, "auditor"), place)


def test_an_owner_says_what_is_wrong(world: Standing, asked: AttestationRound) -> None:
    client, place = client_of(world, "owner"), f"/attestations/{asked.pk}"
    (entry,) = rounds.waiting_for(world.people["owner"])
    client.post(place, {"act": "dispute", "entry": str(entry.pk), "wrong": "The purpose."})
    answer = RoundAnswer.objects.get()
    assert f"/findings/{answer.finding_id}" in text_of(client_of(world, "auditor"), place)


def test_what_was_not_shown_is_not_attested(world: Standing, asked: AttestationRound) -> None:
    client, place = client_of(world, "owner"), f"/attestations/{asked.pk}"
    entry = rounds.waiting_for(world.people["owner"])[0]
    client.post(place, {"act": "attest", "entries": [str(entry.pk)]})
    assert not RoundAnswer.objects.exists()
    others = client_of(world, "developer")
    assert 'name="entries"' not in text_of(others, place)


def test_a_round_is_answered_through_the_api(world: Standing, asked: AttestationRound) -> None:
    client, place = client_of(world, "owner"), f"/api/v1/attestations/rounds/{asked.pk}"
    (entry,) = [e for e in client.get(place).json()["entries"] if e["owner"] == "owner"]
    stale = {"entries": {str(entry["id"]): "sha256:" + "0" * 64}}
    sent = {"entries": {str(entry["id"]): entry["shown"]}}
    kind = {"content_type": "application/json"}
    assert client.post(f"{place}/attest", json.dumps(stale), **kind).status_code == 409
    answer = client.post(f"{place}/attest", json.dumps(sent), **kind)
    assert answer.json()["answers"][0]["statement"].startswith("sha256:")
    wrong = json.dumps({"entry": entry["id"], "wrong": "The owner left."})
    assert client.post(f"{place}/dispute", wrong, **kind).status_code == 409
