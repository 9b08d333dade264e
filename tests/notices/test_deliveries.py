"""Webhooks: signed, tried by schedule, given up and sent again; whatever the other side does is bounded."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from apps.access.commands import end_grant
from apps.audit.errors import Invalid, Refused
from apps.audit.models import Event
from apps.notices import commands, sending
from apps.notices.guards import address
from apps.notices.models import Attempt, Delivery, Endpoint
from apps.notices.sending import Came
from apps.notices.states import SCHEDULE
from apps.outside.asking import Answer
from tests import factories
from tests.flows import bank
from tests.notices.receiver import Running
from tests.notices.telling import NOTICES, begin, endpoint, followed, only, send_due

pytestmark = pytest.mark.usefixtures("small_bank")

DOWN = Came(False, "It answered 500.", 500)


def told(receiver: Running, path: str = "/", **more: object) -> tuple[Endpoint, str]:
    """An endpoint with one delivery that waits."""
    made, secret = endpoint(receiver, path, **more)  # type: ignore[arg-type]
    begin()
    bank.finding(bank.unfair())
    followed()
    return made, secret


def test_a_message_is_signed_as_the_published_library_verifies(receiver: Running) -> None:
    _, secret = told(receiver)
    send_due()
    ((_, headers, body),) = receiver.seen
    assert Webhook(secret).verify(body, headers)["data"]["model"] == "card-limit"
    assert headers["webhook-id"] == str(only().pk)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"card", b"curd"), headers)


def test_the_body_is_a_cloud_event_of_names_and_digests(receiver: Running) -> None:
    told(receiver)
    send_due()
    said = json.loads(receiver.seen[0][2])
    event = Event.objects.filter(action="finding.opened").latest("occurred_at")
    assert receiver.seen[0][1]["Content-Type"] == "application/cloudevents+json"
    assert (said["specversion"], said["type"]) == ("1.0", "dev.countersign.finding.opened.v1")
    assert (said["id"], said["data"]["sequence"]) == (str(event.pk), event.leaf.idx)
    assert said["data"]["facts"]["severity"] == "high"
    assert "actor" not in said["data"]


def test_while_a_secret_is_rotated_both_sign_and_afterwards_the_new_one_alone(receiver: Running) -> None:
    made, old = told(receiver)
    new = commands.rotate_secret(by=factories.administrator(), endpoint=made, hours=24)
    assert Event.objects.filter(action="endpoint.rotated").count() == 1
    send_due()
    (_, headers, body), *_ = receiver.seen
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
    commands.replay(by=factories.administrator(), delivery=only())
    made.secrets.filter(ends_at__isnull=False).update(ends_at=timezone.now())
    send_due(timezone.now() + timedelta(seconds=1))
    assert headers["webhook-id"] == receiver.seen[1][1]["webhook-id"]
    Webhook(new).verify(receiver.seen[1][2], receiver.seen[1][1])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.seen[1][2], receiver.seen[1][1])


def test_an_endpoint_that_is_down_is_tried_by_the_schedule_then_given_up_and_replayed_once(
    receiver: Running,
) -> None:
    told(receiver)
    at, pauses = timezone.now(), []
    for _ in SCHEDULE:
        assert send_due(at, send=lambda *_: DOWN)
        row = only()
        if row.due_at:
            pauses.append((row.due_at - at).total_seconds())
            at = max(row.due_at, Endpoint.objects.get().open_until or row.due_at)
    wanted = SCHEDULE[1:]
    assert all(0.8 * w <= p <= 1.2 * w for p, w in zip(pauses, wanted, strict=True))
    assert (only().dead_at, only().attempts) == (at, len(SCHEDULE))
    assert Event.objects.filter(action="delivery.dead").count() == 1

    commands.replay(by=factories.administrator(), delivery=only())
    with pytest.raises(Refused, match="still waits"):
        commands.replay(by=factories.administrator(), delivery=only())
    send_due(at + timedelta(hours=2))
    assert only().delivered_at is not None
    assert len(receiver.seen) == 1


def test_a_sender_that_dies_before_saving_is_followed_by_another_with_the_same_id(receiver: Running) -> None:
    told(receiver)

    def dies(delivery: Delivery, made: Endpoint, now: object) -> Came:
        sending.send(delivery, made, timezone.now())
        raise SystemExit

    with pytest.raises(SystemExit):
        send_due(send=dies)
    assert send_due() == []
    send_due(timezone.now() + timedelta(minutes=2))
    first, second = (headers["webhook-id"] for _, headers, _ in receiver.seen)
    assert first == second


def test_who_lost_the_lease_meanwhile_writes_nothing(receiver: Running) -> None:
    told(receiver)
    at = timezone.now()

    def slow(delivery: Delivery, *_: object) -> Came:
        later = at + timedelta(minutes=2)
        commands.deliver(
            by=NOTICES, delivery_id=delivery.pk, now=later, send=lambda *_: Came(True, "ok", 200)
        )
        return DOWN

    assert send_due(at, send=slow) == [None]
    assert only().delivered_at is not None
    assert Attempt.objects.count() == 1


def test_a_flood_is_cut_and_its_status_counts(receiver: Running) -> None:
    told(receiver, "/flood")
    began = time.monotonic()
    send_due()
    assert only().delivered_at is not None
    assert time.monotonic() - began < 5


def test_an_answer_that_never_ends_is_cut_in_time(receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SENDING_S", 0.4)
    told(receiver, "/endless")
    send_due()
    assert only().tries.get().said.endswith("it did not end in time.")
    assert only().due_at is not None


def test_a_redirect_is_a_failure_and_not_followed(receiver: Running) -> None:
    told(receiver, "/302")
    send_due()
    assert "not followed" in only().tries.get().said
    assert len(receiver.seen) == 1


def test_gone_stops_the_endpoint(receiver: Running) -> None:
    told(receiver, "/410")
    send_due()
    made = Endpoint.objects.get()
    assert made.stopped_why == "It answered 410: the endpoint is gone."
    assert only().dead_at is not None
    assert Event.objects.filter(action="endpoint.stopped").exists()


def test_whoever_asks_to_be_left_alone_is(receiver: Running) -> None:
    told(receiver, "/503")
    at = timezone.now()
    send_due(at)
    assert only().due_at == at + timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("9999999", 86_400), ("Sat, 21 Nov 2026 12:01:00 GMT", 60), ("soon", None), ("-5", None)],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    now = timezone.datetime(2026, 11, 21, 12, 0, tzinfo=timezone.get_current_timezone())
    found = sending.judged(Answer(429, {"retry-after": text}, b""), now).after
    assert (found.total_seconds() if found else None) == seconds


def test_five_failures_in_a_row_open_the_circuit_and_one_probe_closes_it(receiver: Running) -> None:
    made, _ = endpoint(receiver)
    begin()
    for number in range(7):
        bank.finding(bank.unfair(), title=f"Finding {number}")
    followed()
    at = timezone.now()
    done = send_due(at, send=lambda *_: DOWN)
    assert sum(row is not None for row in done) == 5
    assert send_due(at + timedelta(seconds=10)) == []
    later = at + timedelta(minutes=3)
    probing = [row for row in send_due(later, send=lambda *_: DOWN) if row is not None]
    assert len(probing) == 1
    send_due(later + timedelta(hours=1))
    made.refresh_from_db()
    assert (made.failures, made.open_until) == (0, None)


def test_what_the_owner_may_not_see_any_more_is_not_sent(receiver: Running) -> None:
    owner = factories.person("watches", "auditor")
    made, _ = endpoint(receiver, owner=owner)
    commands.agree_endpoint(by=owner, endpoint=made)
    begin()
    bank.finding(bank.unfair())
    followed()
    end_grant(by=factories.administrator(), grant=owner.grants.get(), reason="left")
    send_due()
    assert only().dead_at is not None
    assert receiver.seen == []


def test_a_trial_arrives(receiver: Running) -> None:
    made, secret = endpoint(receiver)
    commands.send_trial(by=factories.administrator(), endpoint=made)
    send_due()
    assert Webhook(secret).verify(receiver.seen[0][2], receiver.seen[0][1])["data"]["event"] == "trial"
    assert Event.objects.filter(action="delivery.queued").count() == 1


def test_everything_given_up_is_sent_once_more(receiver: Running) -> None:
    made, _ = told(receiver)
    Delivery.objects.update(due_at=None, dead_at=timezone.now())
    assert commands.replay_all(by=factories.administrator(), endpoint=made) == 1
    with pytest.raises(Refused, match="Nothing was given up"):
        commands.replay_all(by=factories.administrator(), endpoint=made)
    assert Event.objects.filter(action="delivery.replayed").count() == 1
    send_due()
    assert only().delivered_at


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost./",
        "http://user:pass@hooks.example/",
        "http://hooks.example:5432/",
        "ftp://hooks.example/",
        "http://hooks.example/#part",
    ],
)
def test_nothing_inside_is_ever_told(url: str, settings: Settings) -> None:
    """Neither hosts that nobody allowed, nor allowed ones that lead inside."""
    settings.WEBHOOK_HOSTS = ["http://hooks.example"]
    with pytest.raises(Invalid):
        commands.add_endpoint(
            by=factories.administrator(),
            name="inside",
            kind="webhook",
            address=url,
            events=["run.dead"],
            owner=factories.administrator(),
        )


def test_a_name_that_leads_inside_is_refused_when_it_is_saved(settings: Settings) -> None:
    settings.WEBHOOK_HOSTS = ["https://hooks.example"]
    for inside in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::a00:1"):
        with pytest.raises(Invalid, match="may not be told"):
            address("https://hooks.example/x", resolve=lambda *_, one=inside: ["93.184.216.34", one])
    assert address("https://hooks.example/x", resolve=lambda *_: ["93.184.216.34"]).port == 443


def test_an_address_that_was_taken_off_the_list_is_not_told(receiver: Running, settings: Settings) -> None:
    told(receiver)
    settings.WEBHOOK_HOSTS = []
    send_due()
    assert "COUNTERSIGN_WEBHOOK_HOSTS names" in only().tries.get().said
    assert receiver.seen == []


def test_a_name_that_turns_inside_later_is_not_connected_to(receiver: Running, settings: Settings) -> None:
    told(receiver)
    settings.WEBHOOK_HOSTS = [f"http://127.0.0.1:{receiver.port}"]  # no network is named for it any more
    send_due()
    assert "is not a public address" in only().tries.get().said
    assert receiver.seen == []
