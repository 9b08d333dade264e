"""What a person holds, read by statements that are written once: it ends when a grant or a role ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access import commands as access
from apps.access.guards import may, may_anywhere
from apps.access.held import Held, held
from apps.access.models import RoleGrant
from apps.access.queries import grants_of, reaching
from apps.access.states import Permission
from tests import factories

pytestmark = pytest.mark.django_db
SEE = Permission.MODEL_SEE


def test_where_it_is_held_is_told_by_scope():
    unit, model = factories.unit("markets"), factories.model()
    reader = factories.person("reader", "auditor", scope="unit", key="markets")
    factories.grant(reader, "auditor", scope="model", key=model.key)
    assert held(reader, SEE) == Held(units=(unit.pk,), models=(model.key,))
    assert held(reader, Permission.PERSON_MANAGE) == Held()
    assert held(factories.administrator(), Permission.PERSON_MANAGE).everywhere


def test_it_ends_with_the_grant_and_with_the_account(as_role):
    reader, model = factories.person("reader", "auditor"), factories.model()
    assert may(reader, SEE, model)
    with as_role("owner"):
        RoleGrant.objects.filter(person=reader).update(valid_to=timezone.now() - timedelta(seconds=1))
    assert not may(reader, SEE, model)
    factories.grant(reader, "validator")
    assert may_anywhere(reader, SEE)
    access.disable_person(by=factories.administrator(), person=reader, reason="left")
    assert not may(reader, SEE, model)
    assert not may_anywhere(reader, SEE)
    assert held(reader, SEE) == Held()


def test_a_token_lets_through_what_it_carries():
    reader = factories.person("reader", "developer")
    through = factories.acting_through_token(reader, "run.request", by=reader)
    assert may(through, Permission.RUN_REQUEST)
    assert not may(through, SEE)
    assert held(through, SEE) == Held()


@pytest.mark.parametrize("key", ["retail", "markets", "credit-pd", "var"])
def test_both_ways_of_asking_agree(key):
    models = [factories.model(), factories.model("var", of=factories.unit("markets"))]
    reader = factories.person(
        "reader", "auditor", scope="model" if key in ("credit-pd", "var") else "unit", key=key
    )
    for subject in (*models, *(model.unit for model in models), None):
        assert may(reader, SEE, subject) is grants_of(reader, SEE).filter(reaching(subject)).exists()
