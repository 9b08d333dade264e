"""What does not go together, found wherever it came from."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.access.commands import end_grant, grant_role
from apps.access.conflicts import conflicts
from apps.access.models import RoleGrant
from apps.audit import commands as audit
from apps.audit.events import EventName
from tests import factories

pytestmark = pytest.mark.django_db


def found(kind: str) -> list[str]:
    return [one.sentence for one in conflicts() if one.kind == kind]


def test_where_nothing_conflicts_nothing_is_told():
    factories.developer()
    factories.validator()
    assert conflicts() == []


def test_grants_that_came_past_the_walls_are_found(as_role):
    with as_role("owner"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE access_rolegrant DISABLE TRIGGER duties_apart")
    person = factories.person("both", "developer")
    raw = {"scope": "unit", "scope_key": "retail", "granted_by": factories.administrator()}
    grant = RoleGrant.objects.create(person=person, role="validator", reason="x", **raw)
    audit.record(by=factories.administrator(), action=EventName.ROLE_GRANTED, subject=grant)
    (sentence,) = found("roles")
    assert "both is Model developer for the whole organisation and both is Validator" in sentence


def test_whoever_owned_or_built_and_could_approve_is_told_of():
    model = factories.model()
    owner, admin = model.owner, factories.administrator()
    end_grant(by=admin, grant=owner.grants.get(), reason="changes sides")
    grant_role(by=admin, person=owner, role="validator", reason="changes sides")
    (sentence,) = found("history")
    assert "owner is owner of credit-pd and Validator there" in sentence


def test_two_accounts_of_one_person_are_told_of():
    factories.person("one", identity="human-7")
    factories.person("two", identity="human-7")
    assert found("accounts") == ["one, two are accounts of one person, who counts once everywhere."]
