"""Break-glass: two people, one version, use and environment, some hours; loud, and it changes no fact."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.access.commands import create_person
from apps.access.models import Person
from apps.approvals.models import Finding
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.deploys import glass as rules
from apps.deploys.commands import (
    admit,
    ask_to_break_glass,
    break_glass,
    declare_environment,
    end_break_glass,
)
from apps.deploys.models import Admission, Glass, GlassRequest
from apps.deploys.revocations import revocation_epoch
from apps.inventory.models import ModelVersion
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def version() -> ModelVersion:
    bank.policies()
    made = bank.version()
    bank.decided(made)
    return made


def asked(version: ModelVersion, **fields: Any) -> GlassRequest:
    given = {
        "by": factories.risk_officer(),
        "version": version,
        "use": bank.use_of(version),
        "environment": bank.production(),
        "minutes": 60,
        "reason": "Payments stand still.",
        "ticket": "INC-7",
        "reauthenticated_at": timezone.now(),
        **fields,
    }
    return ask_to_break_glass(**given)


def broken(request: GlassRequest, by: Person | None = None) -> Glass:
    return break_glass(by=by or factories.head(), request=request, reauthenticated_at=timezone.now())


def answered(version: ModelVersion, **fields: Any) -> Admission:
    given = {"model": version.model.key, "version": version.label, "environment": "production", **fields}
    return admit(by=factories.service(), **given)


def test_two_people_let_it_run_and_the_answer_says_so_until_the_last_second(version: ModelVersion) -> None:
    assert not answered(version).allowed
    row = broken(asked(version))
    answer = answered(version)
    document = json.loads(bytes(answer.answer))
    assert (answer.allowed, answer.outcome, document["break_glass"]) == (True, "allow", True)
    assert answer.expires_at == row.valid_to
    assert answer.reasons[0]["code"] == "break_glass"
    assert "no_approval" in {reason["code"] for reason in answer.reasons}


def test_asking_alone_opens_nothing(version: ModelVersion) -> None:
    asked(version)
    assert not answered(version).allowed


def test_it_opens_a_high_finding_to_review_it_and_tells_the_trail(version: ModelVersion) -> None:
    row = broken(asked(version))
    finding = Finding.objects.get(pk=row.finding_id)
    assert (finding.severity, finding.state, finding.version) == ("high", "open", version)
    assert "INC-7" in finding.detail
    actions = Event.objects.filter(object_type="break_glass").order_by("recorded_at")
    assert [e.action for e in actions] == ["break_glass.asked", "break_glass.granted"]


def test_it_is_over_with_its_last_second(version: ModelVersion) -> None:
    row = broken(asked(version, minutes=1))
    use = row.request.use
    last = row.valid_to - timedelta(seconds=1)
    assert rules.standing(version, use, "production", last) == row
    assert rules.standing(version, use, "production", row.valid_to) is None
    assert rules.standing(version, use, "production", row.valid_from - timedelta(seconds=1)) is None


def test_it_holds_for_that_version_use_and_environment_alone(version: ModelVersion) -> None:
    row = broken(asked(version))
    declare_environment(by=factories.person("pol", "model-risk-policy"), key="staging", title="Staging")
    other = bank.version("credit-pd", "2", rows=500)
    assert not answered(version, environment="staging").allowed
    assert not answered(version, use="marketing").allowed
    assert not answered(other).allowed
    assert not answered(version, digest="sha256:" + "0" * 64).allowed
    assert rules.standing(other, row.request.use, "production", timezone.now()) is None


def test_one_person_with_two_accounts_is_one(version: ModelVersion) -> None:
    asker = factories.risk_officer()
    request = asked(version)
    twin = create_person(
        by=factories.administrator(), username="risk-2", name="Twin", identity=asker.identity
    )
    factories.grant(twin, "head-of-model-risk")
    for account in (asker, twin):
        with pytest.raises(Forbidden, match="takes a second person"):
            broken(request, account)


def test_whoever_built_or_owns_it_neither_asks_nor_agrees(version: ModelVersion) -> None:
    admin = factories.administrator()
    for human in (factories.developer(), version.model.owner):
        for grant in human.grants.all():
            factories.access.end_grant(by=admin, grant=grant, reason="changes sides")
        factories.grant(human, "head-of-model-risk")
        with pytest.raises(Forbidden, match="cannot break the glass"):
            asked(version, by=human)
        with pytest.raises(Forbidden, match="cannot break the glass"):
            broken(asked(version), human)


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"minutes": 241}, Invalid, "1 to 240 minutes"),
        ({"minutes": 0}, Invalid, "1 to 240 minutes"),
        ({"reason": " "}, Invalid, '"reason" is empty'),
        ({"ticket": ""}, Invalid, '"ticket" is empty'),
        ({"reauthenticated_at": None}, Refused, "confirm your password"),
    ],
)
def test_what_is_missing_is_asked_for(version: ModelVersion, fields, kind, sentence) -> None:
    with pytest.raises(kind, match=sentence):
        asked(version, **fields)


def test_others_may_not(version: ModelVersion) -> None:
    with pytest.raises(Forbidden, match="Only the role"):
        asked(version, by=factories.validator())
    with pytest.raises(Forbidden, match="Only the role"):
        broken(asked(version), factories.person("com", "committee"))


def test_it_is_answered_once_and_ended_at_once(version: ModelVersion) -> None:
    request, epoch = asked(version), revocation_epoch()
    broken(request)
    with pytest.raises(Refused, match="answered already"):
        broken(request)
    end_break_glass(by=factories.risk_officer(), request=request, reason="The old one runs again.")
    assert not answered(version).allowed
    assert revocation_epoch() == epoch + 1
    assert Event.objects.filter(action="break_glass.ended").exists()
    with pytest.raises(Refused, match="ended already"):
        end_break_glass(by=factories.risk_officer(), request=request, reason="again")


def test_a_refused_request_is_not_agreed_to(version: ModelVersion) -> None:
    request = asked(version)
    end_break_glass(by=factories.head(), request=request, reason="no")
    with pytest.raises(Refused, match="answered already"):
        broken(request)


INSERT = """
INSERT INTO deploys_glass (request_id, granted_by_id, valid_from, valid_to, finding_id, statement_digest)
VALUES (%s, %s, now() + %s::interval, now() + %s::interval, %s, 'sha256:x')
"""


@pytest.mark.parametrize(
    ("who", "begins", "ends", "sentence"),
    [
        ("risk", "0 h", "1 h", "two people"),
        ("owner", "0 h", "1 h", "two people"),
        ("dev", "0 h", "1 h", "two people"),
        ("head", "0 h", "5 h", "as long as was asked for|glass_ends_in_time"),
        ("head", "9 h", "10 h", "it holds from now on"),
    ],
)
def test_the_database_refuses_raw_rows(as_role, version: ModelVersion, who, begins, ends, sentence) -> None:
    request, finding = asked(version), bank.finding(version)
    factories.head()
    by = Person.objects.get(username=who).pk
    with as_role("app"), pytest.raises(DatabaseError, match=sentence), transaction.atomic():
        connection.cursor().execute(INSERT, [request.pk, by, begins, ends, finding.pk])


def test_a_raw_row_that_no_statement_stands_behind_opens_nothing(as_role, version: ModelVersion) -> None:
    request, finding, head = asked(version), bank.finding(version), factories.head()
    with as_role("app"), transaction.atomic():
        connection.cursor().execute(INSERT, [request.pk, head.pk, "0 h", "1 h", finding.pk])
        assert rules.standing(version, request.use, "production", timezone.now()) is None
        assert not answered(version).allowed
        with pytest.raises(DatabaseError, match="no event tells"), transaction.atomic():
            connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)
