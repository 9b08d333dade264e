"""Reviews of roles: every grant is kept or ended by somebody else, in time, and the account is sealed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.access import campaigns
from apps.access.commands import answer_item, close_campaign, close_due_campaigns, open_campaign
from apps.access.guards import may
from apps.access.models import Campaign, CampaignItem, Person
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event, Statement
from apps.audit.states import system
from tests import factories

pytestmark = pytest.mark.django_db
RELAY = system("relay")


def opened(*reviewers: Person, **fields) -> Campaign:
    given = {
        "by": factories.administrator(),
        "title": "Autumn",
        "reviewers": reviewers or (factories.head(), factories.risk_officer()),
        "due": timezone.now() + timedelta(days=14),
        "unanswered": "end",
        **fields,
    }
    return open_campaign(**given)


def item(campaign: Campaign, username: str) -> CampaignItem:
    return campaigns.find_item(
        factories.administrator(), campaign.items.get(grant__person__username=username).pk
    )


def late(campaign: Campaign, monkeypatch) -> None:
    later = campaign.due + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)


def test_every_grant_is_asked_about_and_nobody_answers_for_themselves():
    factories.model()
    factories.person("vera", "validator", scope="model", key="credit-pd")
    campaign = opened()
    asked = {one.grant.person.username: one.reviewer.username for one in campaign.items.all()}
    assert asked["vera"] == "owner"
    assert asked["dev"] == "head"
    assert asked["head"] == "risk"
    event = Event.objects.get(action="campaign.opened")
    assert event.doc["after"]["asked"] == campaign.items.count()


def test_a_role_is_kept_or_ended_at_once_with_the_reason():
    vera, dev = factories.validator(), factories.developer()
    campaign, head = opened(), factories.head()
    answer_item(by=head, item=item(campaign, "val"), keep=True, reason="validates retail")
    answer_item(by=head, item=item(campaign, "dev"), keep=False, reason="left the team")
    assert may(vera, Permission.APPROVAL_VALIDATE)
    assert not may(dev, Permission.VERSION_REGISTER)
    ended = Event.objects.get(action="role.ended")
    assert ended.doc["reason"] == "Autumn: left the team"
    assert Event.objects.filter(action="campaign.answered").count() == 2
    with pytest.raises(Refused, match="answered for already"):
        answer_item(by=head, item=item(campaign, "dev"), keep=True, reason="no")


def test_only_who_is_asked_answers():
    factories.developer()
    campaign = opened()
    with pytest.raises(Forbidden, match="Head is asked about this role"):
        answer_item(by=factories.risk_officer(), item=item(campaign, "dev"), keep=True, reason="x")
    twin = factories.person("head-2", identity="head")
    with pytest.raises(Forbidden, match="their own role"):
        answer_item(by=twin, item=item(campaign, "head"), keep=True, reason="x")


def test_it_closes_with_a_sealed_account_once_all_is_answered():
    factories.developer()
    campaign, admin = opened(), factories.administrator()
    with pytest.raises(Refused, match="not answered for yet"):
        close_campaign(by=admin, campaign=campaign)
    for one in campaign.items.all():
        question = campaigns.find_item(admin, one.pk)
        answer_item(by=question.reviewer, item=question, keep=True, reason="still so")
    closed = close_campaign(by=admin, campaign=campaign)
    said = json.loads(bytes(Statement.objects.get(digest=closed.statement_digest).payload))["predicate"]
    assert {one["kept"] for one in said["items"]} == {True}
    assert len(said["items"]) == campaign.items.count()
    with pytest.raises(Refused, match="is closed"):
        close_campaign(by=admin, campaign=campaign)


def test_what_nobody_answers_ends_when_it_is_due(monkeypatch):
    dev, campaign = factories.developer(), opened()
    assert close_due_campaigns(by=RELAY) == []
    late(campaign, monkeypatch)
    assert close_due_campaigns(by=RELAY) == [campaign]
    assert not may(dev, Permission.VERSION_REGISTER)
    assert "nobody answered until" in item(campaign, "dev").answer.reason
    assert Event.objects.filter(action="campaign.closed").exists()


def test_the_last_who_gives_roles_keeps_theirs(monkeypatch):
    admin, campaign = factories.administrator(), opened()
    late(campaign, monkeypatch)
    close_due_campaigns(by=RELAY)
    assert may(admin, Permission.ROLE_GRANT)
    assert "nobody else gives roles" in item(campaign, "admin").answer.reason


def test_what_escalates_is_answered_by_who_opened_it(monkeypatch):
    factories.developer()
    campaign, admin = opened(unanswered="escalate"), factories.administrator()
    with pytest.raises(Forbidden, match="is asked about this role"):
        answer_item(by=admin, item=item(campaign, "dev"), keep=True, reason="x")
    late(campaign, monkeypatch)
    assert close_due_campaigns(by=RELAY) == []
    assert answer_item(by=admin, item=item(campaign, "dev"), keep=True, reason="x").kept


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"title": ""}, Invalid, '"title" is empty'),
        ({"unanswered": "forget"}, Invalid, "none of end, escalate"),
        ({"due": timezone.now()}, Invalid, "an hour to a year"),
        ({"scope": "unit", "scope_key": "nowhere"}, NotFound, 'no unit "nowhere"'),
    ],
)
def test_what_cannot_be_opened_is_refused(fields, kind, sentence):
    with pytest.raises(kind, match=sentence):
        opened(**fields)
    assert not Campaign.objects.exists()


def test_a_single_reviewer_does_not_answer_for_their_own_role():
    with pytest.raises(Refused, match="name a second reviewer"):
        opened(factories.head())


def test_others_see_only_what_they_are_asked():
    campaign = opened()
    head, dev = factories.head(), factories.developer()
    with pytest.raises(NotFound):
        campaigns.find(dev, campaign.pk)
    risk = factories.risk_officer()
    seen = set(campaigns.items(factories.person("owner", "owner"), campaign))
    assert seen == set()
    assert list(campaigns.waiting_for(risk)) == list(campaign.items.filter(reviewer=risk))
    assert sum(lane.asked for lane in campaigns.board(campaign)) == campaign.items.count()
    assert campaigns.find(head, campaign.pk) == campaign


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_campaign SET due = now() + interval '1 year'",
        "UPDATE access_campaign SET title = 'x', closed_at = now()",
        "DELETE FROM access_campaign",
        "UPDATE access_campaignanswer SET kept = true",
        "DELETE FROM access_campaignitem",
        "INSERT INTO access_campaignanswer (item_id, kept, reason, answered_by_id)"
        " SELECT i.id, true, 'x', g.person_id FROM access_campaignitem i"
        " JOIN access_rolegrant g ON g.id = i.grant_id LIMIT 1",
    ],
)
def test_the_database_lets_a_campaign_only_close(as_role, statement):
    campaign = opened()
    question = campaigns.find_item(factories.administrator(), campaign.items.earliest("pk").pk)
    answer_item(by=question.reviewer, item=question, keep=True, reason="x")
    with as_role("app"), pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(statement)
