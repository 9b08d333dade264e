"""Reminders: each step of a date once, to whom it concerns, and then to the next level."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.approvals.commands import grant_waiver, open_round
from apps.audit.models import Event
from apps.notices import commands, queries
from apps.notices.models import Notice, Reminder
from tests import factories
from tests.flows import bank
from tests.notices.telling import NOTICES, begin, followed

pytestmark = pytest.mark.usefixtures("small_bank")


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)


def remind(days: float) -> int:
    return commands.remind(by=NOTICES, now=in_days(days))


def told(username: str) -> list[str]:
    rows = Notice.objects.filter(person__username=username, about__startswith="reminder:")
    return list(rows.order_by("pk").values_list("text", flat=True))


def escalations() -> int:
    return Event.objects.filter(action="reminder.escalated").count()


def test_a_finding_past_due_goes_to_its_owner_and_a_week_later_to_the_officers() -> None:
    factories.risk_officer(), factories.head()
    finding = bank.finding(bank.unfair(), due=bank.in_days(10))
    assert remind(10) == 0
    assert [remind(11), remind(12)] == [1, 0]
    assert told("owner") == ["1 day past due: Unfair to women"]
    assert (told("risk"), escalations()) == ([], 0)
    assert [remind(17), remind(18)] == [1, 0]
    assert told("risk") == told("head") == ["7 days past due: Unfair to women"]
    assert escalations() == 1
    assert [r.escalated for r in queries.reminders_about("finding", str(finding.pk))] == [True, False]


def test_an_unanswered_review_reminds_those_who_may_sign_then_the_head() -> None:
    head, approval = factories.head(), bank.submitted(bank.version())
    bank.signed(approval, factories.validator())
    assert [remind(4), remind(6)] == [0, 1]
    assert len(told("risk")) == 1
    assert told("val") == told("dev") == told(head.username) == []
    assert remind(11) == 1
    assert told("head")[0].startswith("Unanswered for 11 days")
    assert escalations() == 1


def test_a_waiver_near_its_end_is_told_at_each_step_once() -> None:
    grant_waiver(by=factories.head(), request=bank.waiver_request(), reauthenticated_at=timezone.now())
    # It ends on the 25th day from now; its finding falls due later.
    steps = [remind(days) for days in (0, 1, 17, 18.5, 19, 24.5)]
    assert steps == [1, 0, 0, 1, 0, 1]
    assert len(told("dev")) == len(told("owner")) == 3


def test_a_step_that_was_slept_through_is_not_told_beside_a_later_one() -> None:
    grant_waiver(by=factories.head(), request=bank.waiver_request(), reauthenticated_at=timezone.now())
    assert remind(24.5) == 1
    assert Reminder.objects.get().step.endswith(":1")


def test_an_approval_and_a_limit_near_their_end_are_told() -> None:
    until = in_days(20)
    approval = bank.granted(until=until.isoformat())
    assert approval.expires_at is not None
    Reminder.objects.all()
    assert remind(1) >= 1
    assert any(text.startswith("Limit ends on") for text in told("owner"))
    days = (approval.expires_at - timezone.now()).days
    before = len(told("owner"))
    remind(days - 5)
    assert any(text.startswith("Approval ends on") for text in told("owner")[before:])


def test_a_round_is_told_when_it_opens_and_before_its_day() -> None:
    begin()
    open_round(by=factories.head(), title="Autumn", due=bank.in_days(20))
    followed()
    (line,) = queries.notices_of(factories.owner())
    assert (line.topic, line.text) == ("attestations", f"Attest 2 entries by {bank.in_days(20)}: Autumn")
    assert [remind(days) for days in (5, 14, 15, 19.2)] == [0, 1, 0, 1]
    assert told("owner")[0].startswith("2 of your entries wait until")


def test_a_reminder_is_kept_from_who_may_not_see_the_model() -> None:
    bank.finding(bank.unfair(), due=bank.in_days(10))
    factories.unit("markets")
    factories.person("elsewhere", "risk-officer", scope="unit", key="markets")
    remind(30)
    assert told("elsewhere") == []
