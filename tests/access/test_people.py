from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from apps.access import queries
from apps.access.commands import change_password, create_person, disable_person, first_administrator
from apps.access.models import ApiToken, Person
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def made(**fields) -> Person:
    given = {"by": factories.administrator(), "username": "grace", "name": "Grace H.", **fields}
    return create_person(**given)


def test_a_person_is_made_with_one_event_that_holds_no_name():
    person = made(password=factories.PASSWORD)
    event = Event.objects.get(action="person.created", object_id=str(person.pk))
    assert person.check_password(factories.PASSWORD)
    assert b"Grace" not in bytes(event.body)
    assert factories.PASSWORD.encode() not in bytes(event.body)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": "Grace"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": ""}, "username"),
        ({"name": "  "}, "name"),
        ({"name": "Gra\u202ece"}, "name"),
        ({"email": "nowhere"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"password": factories.PASSWORD, "is_service": True}, "password"),
    ],
)
def test_what_cannot_be_a_person_is_refused(fields, field):
    with pytest.raises(Invalid) as refused:
        made(**fields)
    assert refused.value.field == field
    assert not Person.objects.filter(name="Grace H.").exists()


def test_a_name_is_taken_once():
    made()
    with pytest.raises(Refused, match="grace is taken"):
        made()


def test_only_an_administrator_makes_people():
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        made(by=factories.head())


def test_the_first_administrator_is_made_once():
    first = factories.administrator()
    assert [role.key for role in queries.roles_held(first)] == ["administrator"]
    with pytest.raises(Refused, match="people already"):
        first_administrator(by=factories.INSTALLER, username="second", name="Second", password=None)


def test_a_disabled_person_loses_sessions_tokens_and_roles():
    person, other = factories.developer(), factories.validator()
    factories.acting_through_token(person, "model.see")
    for who in (person, other):
        session = SessionStore()
        session["_auth_user_id"] = str(who.pk)
        session.create()
    disable_person(by=factories.administrator(), person=person, reason="left the bank")
    assert [s.get_decoded()["_auth_user_id"] for s in Session.objects.all()] == [str(other.pk)]
    assert not ApiToken.objects.filter(person=person, revoked_at=None).exists()
    assert not queries.roles_held(Person.objects.get(pk=person.pk))
    event = Event.objects.get(action="person.disabled")
    ended = {"tokens_revoked": 1, "roles_ended": 1, "sessions_ended": 1}
    assert event.doc["after"] == {"is_active": False, **ended}


def test_a_person_is_disabled_once_and_never_by_themselves():
    admin, person = factories.administrator(), factories.person("leaver")
    disable_person(by=admin, person=person, reason="left")
    with pytest.raises(Refused, match="disabled already"):
        disable_person(by=admin, person=person, reason="left")
    with pytest.raises(Refused, match="cannot disable yourself"):
        disable_person(by=admin, person=admin, reason="left")


def test_a_password_is_changed_by_its_person_or_an_administrator():
    person = factories.person("grace")
    change_password(by=person, person=person, password="a much better one 7")
    assert Person.objects.get(pk=person.pk).check_password("a much better one 7")
    with pytest.raises(Forbidden):
        change_password(by=factories.developer(), person=person, password="a much better one 8")
    assert Event.objects.filter(action="password.changed").count() == 1


def test_people_are_seen_by_those_who_manage_them():
    factories.developer()
    assert set(queries.visible_people(factories.administrator())) == set(Person.objects.all())
    assert list(queries.visible_people(factories.developer())) == [factories.developer()]
    assert not queries.visible_grants(factories.developer()).exclude(person=factories.developer()).exists()
    with pytest.raises(NotFound, match='no person "nobody"'):
        queries.find_person("nobody")
