"""Reviews handed on: to somebody who may do them already, for a time, as one pair of eyes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.access.commands import delegate_reviews, end_delegation, end_grant
from apps.access.guards import may
from apps.access.lending import acted_by, acted_for
from apps.access.models import Delegation
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db
VALIDATE = Permission.APPROVAL_VALIDATE


def handed(giver, taker, **fields) -> Delegation:
    until = timezone.now() + timedelta(days=10)
    given = {"permission": VALIDATE, "valid_to": until, "reason": "on leave", **fields}
    return delegate_reviews(by=giver, to=taker, **given)


@pytest.fixture
def vera(db):
    return factories.person("vera", "validator")


@pytest.fixture
def vic(db):
    return factories.person("vic", "validator")


def test_the_other_acts_for_the_first_until_it_ends(vera, vic):
    model, row = factories.model(), handed(vera, vic)
    now = timezone.now()
    assert acted_for("vic", VALIDATE, model, now) == [vera]
    assert acted_by("vera", VALIDATE, model, now) == [vic]
    assert acted_for("vic", VALIDATE, model, row.valid_to) == []
    assert acted_for("vic", Permission.APPROVAL_RISK, model, now) == []
    end_delegation(by=vera, delegation=row, reason="back")
    assert acted_for("vic", VALIDATE, model, timezone.now() + timedelta(seconds=1)) == []
    actions = Event.objects.filter(object_type="delegation").order_by("recorded_at")
    assert [e.action for e in actions] == ["reviews.delegated", "delegation.ended"]


def test_nobody_gets_a_right_by_it(vera):
    with pytest.raises(Refused, match="widens nothing"):
        handed(vera, factories.risk_officer())
    factories.unit()
    narrow = factories.person("nora", "validator", scope="unit", key="retail")
    with pytest.raises(Refused, match="widens nothing"):
        handed(vera, narrow)
    assert handed(vera, narrow, scope="unit", scope_key="retail")
    assert not may(narrow, VALIDATE)


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"permission": "waiver.grant"}, Invalid, "Only reviews are handed on"),
        ({"permission": "approval.risk"}, Forbidden, "You do not hold approval.risk"),
        ({"scope": "galaxy"}, Invalid, 'no scope "galaxy"'),
        ({"valid_to": timezone.now() - timedelta(days=1)}, Invalid, "at most 92 days"),
        ({"valid_to": timezone.now() + timedelta(days=200)}, Invalid, "at most 92 days"),
        ({"reason": " "}, Invalid, '"reason" is empty'),
    ],
)
def test_what_cannot_be_handed_on_is_refused(vera, vic, fields, kind, sentence):
    with pytest.raises(kind, match=sentence):
        handed(vera, vic, **fields)


def test_it_goes_to_another_human_and_not_in_chains(vera, vic):
    twin = factories.person("vera-2", "validator", identity="vera")
    with pytest.raises(Refused, match="another account of yours"):
        handed(vera, twin)
    third = factories.person("val-3", "validator")
    handed(vera, vic)
    with pytest.raises(Refused, match="You act for Vera yourself"):
        handed(vic, third)
    with pytest.raises(Refused, match="Vera has handed their reviews"):
        handed(third, vera)


CHAIN = """
INSERT INTO access_delegation (delegator_id, delegate_id, permission, scope, scope_key, valid_to, reason)
SELECT delegate_id, %s, permission, scope, scope_key, valid_to, reason FROM access_delegation
"""


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (CHAIN, "not handed on again"),
        ("UPDATE access_delegation SET valid_to = now() + interval '80 day' WHERE id <> %s", "only be ended"),
        ("UPDATE access_delegation SET delegate_id = %s", "only be ended"),
    ],
)
def test_the_database_refuses_chains_and_changes(as_role, vera, vic, statement, sentence):
    handed(vera, vic)
    third = factories.validator().pk
    with as_role("app"), pytest.raises(DatabaseError, match=sentence), transaction.atomic():
        connection.cursor().execute(statement, [third])


def test_only_the_two_and_administrators_end_it(vera, vic):
    row = handed(vera, vic)
    with pytest.raises(Forbidden):
        end_delegation(by=factories.developer(), delegation=row)
    assert end_delegation(by=vic, delegation=row).ended_by == vic
    with pytest.raises(Refused, match="ended already"):
        end_delegation(by=factories.administrator(), delegation=row)


def test_whoever_loses_the_role_reviews_for_nobody(vera, vic):
    handed(vera, vic)
    end_grant(by=factories.administrator(), grant=vic.grants.get(), reason="moves")
    assert not may(vic, VALIDATE, factories.model())
