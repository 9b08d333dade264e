from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access import queries
from apps.access.commands import disable_person, end_grant, grant_role
from apps.access.guards import built, may, require, require_anywhere, require_reauthentication, why_not
from apps.access.models import Person, RoleGrant
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Refused
from tests import factories

pytestmark = pytest.mark.django_db

SEE = Permission.MODEL_SEE


def test_without_a_grant_nothing_is_permitted():
    nobody = factories.person("nobody")
    assert not any(may(nobody, permission) for permission in Permission)
    assert not queries.visible_models(nobody).exists()


def test_a_refusal_names_the_role_that_may():
    with pytest.raises(Forbidden, match="Only the role Risk officer may do this for credit-pd"):
        require(factories.developer(), Permission.APPROVAL_RISK, factories.model())


def test_a_superuser_is_refused_like_anybody(as_role):
    root = factories.person("root")
    root.is_superuser = True
    assert not may(root, SEE)
    assert not queries.visible_models(root).exists()


def test_what_is_asked_of_a_permission_is_one_query(django_assert_num_queries):
    model, person = factories.model(), factories.validator()
    fresh = type(model).objects.get(pk=model.pk)
    with django_assert_num_queries(1):
        assert may(person, Permission.APPROVAL_VALIDATE, fresh)


@pytest.mark.parametrize(
    ("scope", "key", "here", "elsewhere"),
    [
        ("organisation", "", True, True),
        ("unit", "retail", True, False),
        ("model", "credit-pd", True, False),
        ("unit", "markets", False, True),
    ],
)
def test_a_grant_reaches_as_far_as_its_scope(scope, key, here, elsewhere):
    one, other = factories.model(), factories.model("var", of=factories.unit("markets"))
    person = factories.person("reader", "auditor", scope=scope, key=key)
    assert (may(person, SEE, one), may(person, SEE, other)) == (here, elsewhere)
    seen = set(queries.visible_models(person).values_list("key", flat=True))
    assert seen == {k for k, held in (("credit-pd", here), ("var", elsewhere)) if held}
    assert (person in queries.people_with(SEE, one)) is here
    assert (SEE in queries.permissions_on(person, one)) is here


def test_a_scoped_grant_gives_nothing_for_the_whole_organisation():
    person = factories.person("reader", "auditor", scope="unit", key=factories.unit().key)
    assert not may(person, Permission.EVENT_SEE)
    require_anywhere(person, Permission.EVENT_SEE)
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        require_anywhere(person, Permission.ROLE_GRANT)


def test_a_role_that_is_taken_away_ends_at_once_for_a_person_already_loaded():
    person = factories.validator()
    assert may(person, SEE)
    end_grant(by=factories.administrator(), grant=person.grants.get(), reason="moved on")
    assert not may(person, SEE)
    assert not queries.roles_held(person)


def test_a_disabled_person_has_no_permission_even_where_their_row_was_read_before():
    person = factories.person("leaver", "auditor")
    before = Person.objects.get(pk=person.pk)
    disable_person(by=factories.administrator(), person=person, reason="left")
    assert before.is_active
    assert not may(before, SEE)


def test_a_grant_ends_by_the_clock_of_the_database(as_role):
    person = factories.person("temp")
    soon = timezone.now() + timedelta(hours=1)
    grant = grant_role(
        by=factories.administrator(), person=person, role="auditor", valid_to=soon, reason="for the review"
    )
    assert may(person, SEE)
    RoleGrant.objects.filter(pk=grant.pk).update(valid_to=timezone.now() - timedelta(seconds=1))
    assert not may(person, SEE)


def test_people_with_a_permission_are_people():
    factories.service()
    assert not queries.people_with(Permission.ADMISSION_ASK).exists()
    assert list(queries.people_with(Permission.APPROVAL_RISK)) == []
    assert list(queries.people_with(Permission.APPROVAL_RISK)) != [factories.risk_officer()]
    assert list(queries.people_with(Permission.APPROVAL_RISK)) == [factories.risk_officer()]


def test_why_not_gives_the_sentence_of_the_guard_or_nothing():
    model = factories.model()
    assert why_not(require, factories.developer(), Permission.RUN_REQUEST, model) == ""
    assert "Risk officer" in why_not(require, factories.developer(), Permission.APPROVAL_RISK, model)


@pytest.mark.parametrize("minutes", [None, 16, -1])
def test_a_signature_needs_a_password_of_the_last_minutes(minutes):
    at = None if minutes is None else timezone.now() - timedelta(minutes=minutes)
    with pytest.raises(Refused) as refused:
        require_reauthentication(at)
    assert refused.value.code == "reauthenticate"


def test_a_fresh_password_will_do():
    require_reauthentication(timezone.now() - timedelta(minutes=14))


def test_whoever_built_any_version_or_owns_the_model_is_known_in_every_account():
    version = factories.version()
    twin = factories.person("dev-second", identity=factories.developer().identity)
    assert built(factories.developer(), version.model) == "you are a committer of credit-pd@1"
    assert built(twin, version.model) == "you are a committer of credit-pd@1"
    assert built(factories.owner(), version.model) == "you own credit-pd"
    assert built(factories.validator(), version.model) == ""
