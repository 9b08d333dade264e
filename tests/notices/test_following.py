"""The follower: every leaf once, in order, with nothing lost when it dies in between."""

from __future__ import annotations

import contextlib

import pytest
from django.db import transaction

from apps.notices import commands, hints
from apps.notices.models import Delivery, Follower
from apps.notices.tasks import deliver
from tests.flows import bank
from tests.notices.receiver import Running
from tests.notices.telling import NOTICES, begin, endpoint, followed, sequence

pytestmark = pytest.mark.usefixtures("small_bank")


def test_what_was_before_the_first_look_is_not_told(receiver: Running) -> None:
    endpoint(receiver)
    bank.finding(bank.unfair())
    begin()
    followed()
    assert not Delivery.objects.exists()


def test_each_leaf_is_read_once(receiver: Running) -> None:
    endpoint(receiver)
    begin()
    bank.finding(bank.unfair())
    followed()
    followed()
    assert Delivery.objects.count() == 1


def test_a_follower_that_dies_reads_the_same_leaves_again(receiver: Running) -> None:
    endpoint(receiver)
    begin()
    bank.finding(bank.unfair())
    sequence()
    before = Follower.objects.get().read
    with contextlib.suppress(SystemExit), transaction.atomic():
        commands.follow(by=NOTICES)
        raise SystemExit
    assert (Follower.objects.get().read, Delivery.objects.count()) == (before, 0)
    followed()
    assert Delivery.objects.count() == 1


def test_a_position_that_was_set_back_doubles_nothing(receiver: Running) -> None:
    endpoint(receiver)
    begin()
    bank.finding(bank.unfair())
    followed()
    Follower.objects.update(read=0)
    followed()
    assert Delivery.objects.filter(kind="finding.opened").values("about").distinct().count() == (
        Delivery.objects.count()
    )


def test_workers_are_told_of_what_is_due_and_not_twice_at_once(
    receiver: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(hints, "send", lambda key: bool(sent.append(key)) or True)
    endpoint(receiver)
    begin()
    bank.finding(bank.unfair())
    followed()
    assert [commands.send_delivery_hints(by=NOTICES) for _ in range(2)] == [1, 0]
    assert sent == [Delivery.objects.get().pk]


def test_a_worker_sends_what_its_message_names(receiver: Running) -> None:
    endpoint(receiver)
    begin()
    bank.finding(bank.unfair())
    followed()
    row = Delivery.objects.get()
    deliver(str(row.pk))
    row.refresh_from_db()
    assert row.delivered_at is not None
    deliver(str(row.pk))  # a message that came twice
    assert len(receiver.seen) == 1
