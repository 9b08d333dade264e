from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.access import overseeing
from apps.access.commands import (
    change_password,
    disable_person,
    grant_role,
    issue_token,
    note_token_use,
    revoke_token,
)
from apps.access.guards import may, require
from apps.access.models import ApiToken
from apps.access.queries import authenticate_token, visible_models
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db


def issued(**fields) -> tuple[ApiToken, str]:
    person = factories.developer()
    return issue_token(
        **{"by": person, "person": person, "name": "laptop", "scopes": ["model.see"], **fields}
    )


def test_only_a_digest_of_the_secret_is_kept():
    token, raw = issued()
    assert raw.startswith("cs_")
    assert len(raw) == 3 + 43
    assert token.digest == hashlib.sha512(raw.encode()).hexdigest()
    kept = [str(v) for v in ApiToken.objects.values_list().get()]
    assert raw not in " ".join(kept)
    assert not Event.objects.filter(body__contains=raw.encode()).exists()
    assert str(token) == f"laptop ({raw[:7]}…{raw[-4:]})"


def test_a_token_acts_as_its_person_with_what_it_carries():
    model = factories.model()
    _, raw = issued(scopes=["model.see"])
    found = authenticate_token(raw)
    assert found == factories.developer()
    assert may(found, Permission.MODEL_SEE, model)
    assert list(visible_models(found)) == [model]
    with pytest.raises(Forbidden, match=r"does not carry run\.request"):
        require(found, Permission.RUN_REQUEST, model)


def test_a_token_gives_no_more_than_its_person_still_holds():
    _, raw = issued()
    grant = factories.developer().grants.get()
    type(grant).objects.filter(pk=grant.pk).update(valid_to=timezone.now())
    assert not may(authenticate_token(raw), Permission.MODEL_SEE)


@pytest.mark.parametrize("spoilt", ["", "cs_", "x" * 46, lambda raw: raw[:-1], lambda raw: raw + "A"])
def test_what_is_not_the_token_is_nobody(spoilt):
    _, raw = issued()
    assert authenticate_token(spoilt(raw) if callable(spoilt) else spoilt) is None


def test_a_revoked_token_is_dead_at_once():
    token, raw = issued()
    revoke_token(by=factories.developer(), token=token)
    assert authenticate_token(raw) is None
    with pytest.raises(Refused, match="revoked before"):
        revoke_token(by=factories.developer(), token=token)


def test_a_token_dies_with_its_person():
    _, raw = issued()
    disable_person(by=factories.administrator(), person=factories.developer(), reason="left")
    assert authenticate_token(raw) is None


def test_a_token_of_somebody_else_is_revoked_by_an_administrator_only():
    token, _ = issued()
    with pytest.raises(Forbidden):
        revoke_token(by=factories.validator(), token=token)
    assert revoke_token(by=factories.administrator(), token=token).revoked_at


@pytest.mark.parametrize(
    ("fields", "kind", "sentence"),
    [
        ({"days": 91}, Invalid, "1 to 90 days"),
        ({"days": 0}, Invalid, "1 to 90 days"),
        ({"scopes": []}, Invalid, "at least one permission"),
        ({"scopes": ["model.eat"]}, Invalid, 'no permission "model.eat"'),
        ({"scopes": ["approval.validate"]}, Refused, "done by a person"),
        ({"scopes": ["finding.open"]}, Refused, "does not hold finding.open"),
        ({"name": ""}, Invalid, '"name" is empty'),
    ],
)
def test_what_no_token_may_be_is_refused(fields, kind, sentence):
    with pytest.raises(kind, match=sentence):
        issued(**fields)
    assert not ApiToken.objects.exists()


def test_the_database_refuses_a_token_that_lives_longer(as_role):
    token, _ = issued()
    with pytest.raises(DatabaseError), transaction.atomic():
        ApiToken.objects.create(
            person=token.person, digest="d", scopes=[], expires_at=timezone.now() + timedelta(days=91)
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        ApiToken.objects.filter(pk=token.pk).update(scopes=["approval.risk"])


def test_nobody_issues_a_token_that_acts_as_another_human():
    with pytest.raises(Forbidden, match="for somebody else"):
        issued(by=factories.administrator())
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        issued(person=factories.service(), scopes=["model.see"])


def test_an_administrator_issues_tokens_of_service_accounts():
    acting = factories.acting_through_token(factories.service(), "admission.ask")
    assert acting.is_service
    assert acting.token.issued_by == factories.person("token-admin")


def test_a_token_neither_grants_roles_nor_issues_tokens_nor_changes_passwords():
    admin = factories.administrator()
    acting = factories.acting_through_token(factories.developer(), "model.see")
    with pytest.raises(Forbidden):
        issued(by=acting, person=acting)
    with pytest.raises(Forbidden):
        change_password(by=acting, person=acting, password="a much better one 7")
    admin.token = acting.token
    with pytest.raises(Forbidden, match=r"does not carry role\.grant"):
        grant_role(by=admin, person=factories.person("new"), role="auditor", reason="x")


def test_the_day_on_which_a_token_was_used_is_noted_once():
    asking = factories.acting_through_token(factories.service(), "model.see")
    for _ in range(2):
        note_token_use(by=asking)
    (row,) = overseeing.tokens(factories.administrator(), person=asking)
    assert (row.used_on, row.uses.count()) == (timezone.now().date(), 1)
