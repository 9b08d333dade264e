from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.commands import end_grant, grant_role
from apps.access.models import RoleGrant
from apps.access.states import APPROVES, BUILDS, ROLES
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def given_role(to, role, **fields) -> RoleGrant:
    fields = {"by": factories.administrator(), "reason": "for a test", **fields}
    return grant_role(person=to, role=role, **fields)


def test_a_grant_says_who_gave_what_to_whom_and_why():
    person = factories.person("new")
    grant = given_role(person, "validator", reason="joined validation")
    event = Event.objects.get(action="role.granted", object_id=str(grant.pk))
    assert event.doc["reason"] == "joined validation"
    assert event.doc["after"] == {
        "person": str(person.pk),
        "role": "validator",
        "scope": "organisation",
        "scope_key": "",
        "valid_to": None,
    }


def test_the_same_grant_again_is_the_one_that_stands():
    person = factories.person("new")
    assert given_role(person, "auditor") == given_role(person, "auditor")
    assert Event.objects.filter(action="role.granted", doc__after__person=str(person.pk)).count() == 1


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"role": "king"}, Invalid, 'no role "king"'),
        ({"scope": "galaxy"}, Invalid, 'no scope "galaxy"'),
        ({"scope": "unit", "scope_key": "nowhere"}, NotFound, 'no unit "nowhere"'),
        ({"scope": "model", "scope_key": "none"}, NotFound, 'no model "none"'),
        ({"scope_key": "retail"}, Invalid, "names no unit"),
        ({"reason": " "}, Invalid, '"reason" is empty'),
        ({"valid_to": timezone.now() - timedelta(days=1)}, Invalid, "end before it begins"),
    ],
)
def test_what_cannot_be_granted_is_refused_with_a_sentence(fields, kind, sentence):
    person = factories.person("new")
    with pytest.raises(kind, match=sentence):
        given_role(person, fields.pop("role", "auditor"), **fields)
    assert not person.grants.exists()


def test_only_an_administrator_grants():
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        given_role(factories.person("new"), "auditor", by=factories.head())


def test_nobody_grants_to_themselves_in_any_account():
    admin = factories.administrator()
    twin = factories.person("admin-second", identity=admin.identity)
    for account in (admin, twin):
        with pytest.raises(Forbidden, match="to themselves"):
            given_role(account, "validator")


def test_a_service_account_gets_no_role_that_signs():
    with pytest.raises(Refused, match="only people sign"):
        given_role(factories.service(), "risk-officer")


def test_nobody_builds_and_approves_and_the_refusal_names_both():
    person = factories.person("both", "developer")
    with pytest.raises(Refused) as refused:
        given_role(person, "validator")
    assert refused.value.code == "separation_of_duties"
    assert "Model developer" in str(refused.value)
    assert "Validator" in str(refused.value)


def test_a_second_account_of_the_same_human_does_not_help():
    factories.person("one", "validator", identity="human-7")
    second = factories.person("two", identity="human-7")
    with pytest.raises(Refused, match="one is Validator"):
        given_role(second, "developer")


@pytest.mark.parametrize(
    ("first", "second", "meets"),
    [
        (("unit", "retail"), ("unit", "markets"), False),
        (("unit", "retail"), ("unit", "retail"), True),
        (("unit", "retail"), ("model", "credit-pd"), True),
        (("model", "credit-pd"), ("unit", "retail"), True),
        (("model", "var"), ("unit", "retail"), False),
        (("model", "var"), ("model", "credit-pd"), False),
        (("organisation", ""), ("model", "var"), True),
        (("unit", "retail"), ("organisation", ""), True),
    ],
)
def test_duties_are_kept_apart_where_scopes_meet(first, second, meets):
    factories.model()
    factories.model("var", of=factories.unit("markets"))
    person = factories.person("both", "developer", scope=first[0], key=first[1])
    told = {"scope": second[0], "scope_key": second[1]}
    if not meets:
        assert given_role(person, "validator", **told)
        return
    with pytest.raises(Refused, match="nobody both builds and approves"):
        given_role(person, "validator", **told)
    raw = RoleGrant(person=person, role="validator", granted_by=factories.administrator(), reason="x", **told)
    with pytest.raises(DatabaseError, match="nobody both builds and approves"), transaction.atomic():
        raw.save(force_insert=True)


def test_an_ended_role_no_longer_stands_in_the_way():
    person = factories.person("mover", "developer")
    end_grant(by=factories.administrator(), grant=person.grants.get(), reason="changes sides")
    assert given_role(person, "validator")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.sampled_from(sorted(ROLES)), max_size=6))
def test_whatever_is_asked_for_nobody_ends_up_building_and_approving(asked):
    with transaction.atomic():
        person = factories.person("anybody")
        for role in asked:
            try:
                given_role(person, role)
            except Refused:
                continue
        held = {p for g in person.grants.all() for p in ROLES[g.role].permissions}
        assert not (held & BUILDS and held & APPROVES)
        transaction.set_rollback(True)


def test_a_grant_ends_once_and_stays_in_the_record():
    person = factories.person("leaver", "auditor")
    grant = end_grant(by=factories.administrator(), grant=person.grants.get(), reason="left")
    assert grant.valid_to is not None
    with pytest.raises(Refused, match="has ended already"):
        end_grant(by=factories.administrator(), grant=grant, reason="again")
    assert Event.objects.filter(action="role.ended", object_id=str(grant.pk)).count() == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_rolegrant SET role = 'risk-officer'",
        "UPDATE access_rolegrant SET valid_to = NULL WHERE valid_to IS NOT NULL",
        "UPDATE access_rolegrant SET valid_to = '2999-01-01'",
        "DELETE FROM access_rolegrant",
        "TRUNCATE access_rolegrant",
        "UPDATE access_person SET identity = 'somebody else'",
        "UPDATE access_person SET is_superuser = true",
        "DELETE FROM access_person",
    ],
)
def test_the_database_lets_a_grant_only_end(as_role, sql):
    person = factories.person("temp")
    given_role(person, "auditor", valid_to=timezone.now() + timedelta(days=1))
    with as_role("owner"), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
