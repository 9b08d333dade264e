"""Notices to people: who is told what, in the list and by letter, and never what they may not see."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from apps.access.commands import delegate_reviews, end_grant, open_campaign
from apps.access.models import Person
from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.notices import commands, queries
from apps.notices.letters import subject_of
from apps.notices.models import Delivery, Notice
from apps.notices.wording import sent_to, slack, teams
from governance.mail import Mail
from tests import factories
from tests.flows import bank
from tests.notices.telling import NOTICES, begin, followed, send_due

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def post(settings: Settings) -> Settings:
    """A mail server of the tests' own."""
    settings.MAIL = Mail(host="mail.example")
    return settings


def with_address(person: Person, address: str = "o@bank.example") -> Person:
    Person.objects.filter(pk=person.pk).update(email=address)
    person.refresh_from_db()
    return person


def found(**changes: object) -> None:
    begin()
    bank.finding(bank.unfair(), **changes)
    followed()


def test_the_owner_of_a_finding_is_told_and_whoever_opened_it_is_not() -> None:
    found()
    line = queries.notices_of(factories.owner()).get()
    assert (line.topic, line.text) == ("waiting", "Finding opened: Unfair to women (card-limit)")
    assert line.link.startswith("/findings/")
    assert queries.unread(factories.validator()) == 0


def test_those_who_may_sign_are_told_of_a_review_and_its_submitter_of_the_grant() -> None:
    begin()
    approval = bank.submitted(bank.version())
    followed()
    assert queries.unread(factories.validator()) == queries.unread(factories.risk_officer()) == 1
    assert not queries.notices_of(factories.developer()).filter(text__contains="opened").exists()
    bank.granted(approval)
    followed()
    assert queries.notices_of(factories.developer()).filter(text__startswith="Approval granted").exists()


def test_notices_are_read_one_by_one_and_all_at_once() -> None:
    found()
    bank.finding(bank.unfair(), title="Another")
    followed()
    by = factories.owner()
    first = queries.notices_of(by)[0]
    assert commands.read_notices(by=by, notice=first) == 1
    assert commands.read_notices(by=factories.validator()) == 0
    assert commands.read_notices(by=by) == 1
    assert queries.unread(by) == 0


def test_who_loses_the_right_to_see_loses_the_line() -> None:
    found()
    by = factories.owner()
    end_grant(by=factories.administrator(), grant=by.grants.get(), reason="left")
    assert not queries.notices_of(by).exists()


def test_a_letter_comes_at_once_in_both_forms(post: Settings) -> None:
    with_address(factories.owner())
    found(title="Unfair <b>to</b> women & others")
    assert commands.gather_letters(by=NOTICES) == 1
    send_due()
    (letter,) = mail.outbox
    assert letter.to == ["o@bank.example"]
    assert "Unfair <b>to</b> women & others" in letter.body
    assert "Unfair &lt;b&gt;to&lt;/b&gt; women &amp; others" in letter.alternatives[0][0]
    assert commands.gather_letters(by=NOTICES) == 0


def test_a_letter_holds_nothing_that_its_reader_may_not_see_when_it_is_sent(post: Settings) -> None:
    with_address(factories.owner())
    found()
    commands.gather_letters(by=NOTICES)
    end_grant(by=factories.administrator(), grant=factories.owner().grants.get(), reason="left")
    send_due()
    assert mail.outbox == []
    assert Delivery.objects.get().delivered_at is not None


def test_no_letter_without_an_address_or_a_server(settings: Settings) -> None:
    found()
    assert Notice.objects.get(person=factories.owner()).mail == "never"
    with_address(factories.owner())
    bank.finding(bank.unfair(), title="Another")
    followed()
    assert commands.gather_letters(by=NOTICES) == 0


@pytest.mark.parametrize(("mail_when", "hour", "count"), [("daily", 3, 0), ("daily", 9, 1), ("weekly", 9, 1)])
def test_a_digest_comes_in_the_morning_once(post: Settings, mail_when: str, hour: int, count: int) -> None:
    owner = with_address(factories.owner())
    commands.subscribe(by=owner, topic="waiting", listed=True, mail=mail_when)
    found()
    monday = timezone.now().replace(hour=hour)
    monday += timedelta(days=(7 - monday.weekday()) % 7)
    assert commands.gather_letters(by=NOTICES, now=monday) == count
    bank.finding(bank.unfair(), title="Another")
    followed()
    assert commands.gather_letters(by=NOTICES, now=monday) == 0
    assert commands.gather_letters(by=NOTICES, now=monday + timedelta(days=7)) == count


def test_what_somebody_chooses_counts_and_is_told() -> None:
    owner = factories.owner()
    commands.subscribe(by=owner, topic="waiting", listed=True, mail="never", model="credit-pd")
    found()
    assert queries.unread(owner) == 0
    commands.subscribe(by=owner, topic="waiting", listed=False, mail="never")
    bank.finding(bank.unfair(), title="Another")
    followed()
    assert not Notice.objects.filter(person=owner).exists()
    assert Event.objects.filter(action="subscription.set").count() == 2


def test_a_subscription_is_ones_own_and_of_what_one_sees() -> None:
    with pytest.raises(Forbidden):
        commands.subscribe(by=factories.service(), topic="waiting", listed=True, mail="never")
    for wrong in ({"topic": "gossip"}, {"mail": "hourly"}, {"model": "no-such-model"}):
        given = {"topic": "waiting", "mail": "never", "listed": True, **wrong}
        with pytest.raises(Invalid):
            commands.subscribe(by=factories.owner(), **given)


def test_an_address_that_would_add_headers_is_written_to_by_nobody(post: Settings) -> None:
    with_address(factories.owner(), "o@bank.example\nBcc: all@bank.example")
    found()
    commands.gather_letters(by=NOTICES)
    send_due()
    assert mail.outbox == []
    assert Delivery.objects.get().dead_at is not None


def test_a_subject_is_one_line() -> None:
    assert "\n" not in subject_of([Notice(text="Finding\nBcc: all@bank.example")])


def test_a_mail_server_that_is_away_is_tried_again(post: Settings) -> None:
    post.EMAIL_BACKEND = "tests.notices.away.Backend"
    with_address(factories.owner())
    found()
    commands.gather_letters(by=NOTICES)
    send_due()
    row = Delivery.objects.get()
    assert row.due_at is not None
    assert "took no letter" in row.tries.get().said


def test_chats_are_told_in_their_own_form_and_nothing_calls_on_people() -> None:
    said = {"event": "finding.opened", "object": {"name": "<!channel> [x](http://evil)"}, "url": "u"}
    body = json.dumps({"data": said}).encode()
    assert b"&lt;!channel&gt;" in sent_to("slack", body)[0]
    card = teams("[x](http://evil)", "https://gov.example/f")["attachments"][0]["content"]
    assert card["body"][0]["type"] == "RichTextBlock"
    assert slack("a", "https://gov.example")["blocks"][0]["text"]["type"] == "plain_text"


def test_who_is_asked_about_roles_and_who_is_handed_reviews_hear_of_it() -> None:
    head, admin, val = factories.head(), factories.administrator(), factories.validator()
    second = factories.person("val-two", "validator")
    begin()
    due = timezone.now() + timedelta(days=14)
    open_campaign(
        by=admin, title="Autumn", reviewers=[head, factories.risk_officer()], due=due, unanswered="escalate"
    )
    until = timezone.now() + timedelta(days=3)
    delegate_reviews(by=val, to=second, permission="approval.validate", valid_to=until, reason="away")
    followed()
    asked = Notice.objects.filter(text="Campaign opened: Autumn")
    assert head in [row.person for row in asked]
    assert {row.link.rpartition("/")[0] for row in asked} == {"/administration/campaigns"}
    (handed,) = Notice.objects.filter(person=second, text__startswith="Reviews delegated")
    assert handed.link == "/account/delegations"
