"""Roles of the installation's own: made from permissions, versioned, under the laws of the shipped ones."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.access.commands import define_role, end_grant, grant_role, retire_role
from apps.access.guards import may
from apps.access.models import RoleVersion
from apps.access.queries import permissions_anywhere, roles_held
from apps.access.roles import all_roles
from apps.access.states import APPROVES, BUILDS, PERSONAL, ROLES, Permission
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def made(key="reader", permissions=("model.see",), **fields) -> RoleVersion:
    given = {"title": "Reader", "sentence": "Reads models.", "reason": "asked for by audit", **fields}
    return define_role(**{"by": factories.administrator(), "key": key, "permissions": permissions, **given})


def test_an_own_role_permits_what_it_says_and_nothing_else():
    made()
    person = factories.person("rea", "reader")
    assert [role.title for role in roles_held(person)] == ["Reader"]
    assert may(person, Permission.MODEL_SEE)
    assert not may(person, Permission.EVIDENCE_SEE)


def test_a_change_is_a_new_version_with_its_event_and_counts_at_once():
    made()
    person = factories.person("rea", "reader")
    second = made(permissions=["model.see", "evidence.see"])
    assert (second.number, may(person, Permission.EVIDENCE_SEE)) == (2, True)
    event = Event.objects.get(action="role.defined", object_id=str(second.pk))
    assert event.doc["before"]["permissions"] == ["model.see"]
    assert event.doc["after"]["permissions"] == ["evidence.see", "model.see"]
    made(permissions=["model.see"])
    assert not may(person, Permission.EVIDENCE_SEE)


def test_the_same_again_is_no_new_version():
    assert made() == made()


def test_a_retired_role_permits_nothing_and_can_come_back():
    made()
    person = factories.person("rea", "reader")
    gone = retire_role(by=factories.administrator(), key="reader", reason="nobody reads")
    assert not permissions_anywhere(person)
    assert "reader" not in all_roles()
    assert Event.objects.filter(action="role.retired", object_id=str(gone.pk)).exists()
    with pytest.raises(Refused, match="retired before"):
        retire_role(by=factories.administrator(), key="reader", reason="again")
    made()
    assert permissions_anywhere(person) == {Permission.MODEL_SEE}


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"key": "validator"}, Refused, "comes with the service"),
        ({"key": "Big Boss"}, Invalid, "no key of a role"),
        ({"permissions": []}, Invalid, "at least one permission"),
        ({"permissions": ["model.own"]}, Invalid, 'no permission "model.own"'),
        ({"permissions": ["version.register", "approval.risk"]}, Refused, "nobody both builds and approves"),
        ({"permissions": ["role.grant", "waiver.grant"]}, Refused, "nor approves"),
        ({"permissions": ["person.manage", "evidence.see"]}, Refused, "neither sees evidence"),
        ({"reason": ""}, Invalid, '"reason" is empty'),
    ],
)
def test_what_breaks_a_law_is_no_role(fields, kind, sentence):
    with pytest.raises(kind, match=sentence):
        made(**fields)
    assert not RoleVersion.objects.exists()


def test_only_who_may_define_roles_does():
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        made(by=factories.head())


def test_nobody_changes_a_role_they_hold_in_any_account():
    made()
    second = factories.person("admin-2", "administrator")
    grant_role(by=factories.administrator(), person=second, role="reader", reason="x")
    twin = factories.person("admin-3", "administrator", identity="admin-2")
    for account in (second, twin):
        with pytest.raises(Forbidden, match="You hold this role"):
            made(by=account, permissions=["model.see", "cost.see"])


def test_a_role_is_not_widened_past_what_its_holders_may_have():
    made()
    both = factories.person("both", "reader", "developer")
    with pytest.raises(Refused, match="both holds this role and is Model developer"):
        made(permissions=["model.see", "approval.validate"])
    end_grant(by=factories.administrator(), grant=both.grants.get(role="developer"), reason="moves")
    assert made(permissions=["model.see", "approval.validate"]).number == 2
    with pytest.raises(Refused, match="nobody both builds and approves"):
        factories.grant(both, "developer")


def test_a_service_account_never_comes_to_do_what_people_do():
    made()
    factories.person("robot", "reader", is_service=True)
    with pytest.raises(Refused, match="is for people only"):
        made(permissions=["model.see", "approval.risk"])
    made(key="signer", permissions=["approval.risk"])
    with pytest.raises(Refused, match="only people sign"):
        factories.person("robot-2", "signer", is_service=True)


RAW = (
    "INSERT INTO access_roleversion (key, number, title, sentence, permissions, retired, made_by_id, reason)"
)


def execute(sql, values) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize(
    ("key", "number", "permissions", "sentence"),
    [
        ("new", 1, '["version.register", "approval.risk"]', "both builds and approves"),
        ("new", 1, '["role.grant", "evidence.see"]', "both builds and approves, or administers"),
        ("validator", 1, '["model.see"]', "shipped role"),
        ("new", 7, '["model.see"]', "follow each other"),
        ("reader", 2, '["approval.validate"]', "would build and approve"),
    ],
)
def test_the_database_holds_the_laws_against_raw_sql(as_role, key, number, permissions, sentence):
    made()
    factories.person("both", "reader", "developer")
    admin = factories.administrator().pk
    row = f"{RAW} VALUES (%s, %s, 'x', 'x', %s, false, %s, 'x')"
    with as_role("app"), pytest.raises(DatabaseError, match=sentence):
        execute(row, [key, number, permissions, admin])


def test_the_database_keeps_no_role_that_no_event_tells_of():
    admin = factories.administrator().pk
    with transaction.atomic():
        execute(f"{RAW} VALUES ('new', 1, 'x', 'x', '[\"model.see\"]', false, %s, 'x')", [admin])
        with pytest.raises(DatabaseError, match="no event tells"):
            execute("SET CONSTRAINTS ALL IMMEDIATE", [])
        transaction.set_rollback(True)


@pytest.mark.parametrize("key", ROLES)
def test_the_database_knows_what_the_shipped_roles_permit(key):
    held = ROLES[key].permissions
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_builds(%s), access_approves(%s), access_personal(%s)", [key] * 3)
        assert cursor.fetchone() == (bool(held & BUILDS), bool(held & APPROVES), bool(held & PERSONAL))
