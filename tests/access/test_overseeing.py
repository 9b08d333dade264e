"""Looking after people: found, explained, enabled again, given roles for later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access import overseeing
from apps.access.commands import disable_person, enable_person, end_grant, erase_person, grant_role
from apps.access.guards import may
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def names(**filters) -> list[str]:
    return [one.username for one in overseeing.people(factories.administrator(), **filters)]


def test_people_are_found_by_word_role_and_state():
    factories.person("vera", "validator")
    factories.service()
    gone = factories.person("gone", "auditor")
    disable_person(by=factories.administrator(), person=gone, reason="left")
    assert names(q="VER") == ["vera"]
    assert names(role="validator") == ["vera"]
    assert names(state="disabled") == ["gone"]
    assert names(state="service") == ["pipeline"]
    assert set(names()) == {"admin", "vera", "pipeline", "gone"}


def test_only_who_looks_after_people_or_reads_the_trail_sees_everybody():
    with pytest.raises(Forbidden, match="sees everybody"):
        overseeing.people(factories.developer())
    assert overseeing.overseen(factories.developer(), "dev").username == "dev"
    with pytest.raises(NotFound, match='no person "admin"'):
        overseeing.overseen(factories.developer(), "admin")
    assert overseeing.overseen(factories.person("aud", "auditor"), "admin")


def test_grants_are_told_by_when_they_stand():
    admin, person = factories.administrator(), factories.person("vera", "validator")
    end_grant(by=admin, grant=person.grants.get(), reason="moves")
    grant_role(by=admin, person=person, role="auditor", reason="audits now")
    soon = timezone.now() + timedelta(days=3)
    grant_role(by=admin, person=person, role="committee", valid_from=soon, reason="joins then")
    told = overseeing.grants_told(person, timezone.now())
    assert [(h.title, h.stands) for h in told] == [
        ("Auditor", "now"),
        ("Committee member", "later"),
        ("Validator", "ended"),
    ]
    assert not may(person, Permission.APPROVAL_COMMITTEE)


def test_a_grant_does_not_begin_in_the_past():
    past = timezone.now() - timedelta(days=1)
    with pytest.raises(Invalid, match="does not begin in the past"):
        grant_role(
            by=factories.administrator(),
            person=factories.person("p"),
            role="auditor",
            valid_from=past,
            reason="x",
        )


def test_duties_are_kept_apart_from_later_roles_too():
    person = factories.person("both", "developer")
    with pytest.raises(Refused, match="nobody both builds and approves"):
        grant_role(
            by=factories.administrator(),
            person=person,
            role="validator",
            valid_from=timezone.now() + timedelta(days=30),
            reason="x",
        )


def test_each_permission_names_the_grants_behind_it():
    person = factories.person("vera", "validator", "auditor")
    rows = {row.permission: row for row in overseeing.effective(person, timezone.now())}
    assert [h.title for h in rows[Permission.EVIDENCE_SEE].why] == ["Auditor", "Validator"]
    assert [h.title for h in rows[Permission.FINDING_OPEN].why] == ["Validator"]
    assert Permission.VERSION_REGISTER not in rows


def test_whether_somebody_may_is_answered_by_the_guard():
    model = factories.model()
    vera = factories.person("vera", "validator", scope="unit", key="retail")
    yes = overseeing.may_told(vera, "approval.validate", model)
    assert (yes.allowed, "as Validator for the unit retail" in yes.sentence) == (True, True)
    no = overseeing.may_told(vera, "waiver.grant", model)
    assert (no.allowed, "Only the role Head of model risk" in no.sentence) == (False, True)
    everywhere = overseeing.may_told(vera, "approval.validate", None)
    assert not everywhere.allowed
    with pytest.raises(Invalid, match="no permission"):
        overseeing.may_told(vera, "model.own", model)


def test_whoever_built_it_is_told_so():
    model = factories.model()
    end_grant(by=factories.administrator(), grant=model.owner.grants.get(), reason="moves")
    twin = factories.person("own-2", "validator", identity=model.owner.identity)
    answer = overseeing.may_told(twin, "approval.validate", model)
    assert (answer.allowed, "they own credit-pd" in answer.sentence) == (False, True)


def test_a_disabled_account_is_enabled_without_its_roles():
    admin, person = factories.administrator(), factories.person("vera", "validator")
    disable_person(by=admin, person=person, reason="on leave")
    enable_person(by=admin, person=person, reason="back")
    assert person.is_active
    assert not may(person, Permission.APPROVAL_VALIDATE)
    assert Event.objects.get(action="person.enabled").doc["reason"] == "back"
    with pytest.raises(Refused, match="enabled already"):
        enable_person(by=admin, person=person, reason="again")


def test_nobody_enables_themselves_or_the_erased():
    admin = factories.administrator()
    twin = factories.person("admin-2", identity=admin.identity)
    disable_person(by=factories.person("a2", "administrator"), person=twin, reason="x")
    with pytest.raises(Refused, match="account of your own"):
        enable_person(by=admin, person=twin, reason="x")
    gone = erase_person(by=admin, person=factories.person("gone"), reason="asked")
    with pytest.raises(Refused, match="stays closed"):
        enable_person(by=admin, person=gone, reason="x")
