"""A review done for somebody else: both are held to their history, and both count as one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access.commands import create_person, delegate_reviews, end_grant
from apps.access.models import Delegation, Person
from apps.access.states import Permission
from apps.approvals import guards, queries
from apps.approvals.models import Approval
from apps.audit.errors import Forbidden, Refused
from apps.audit.models import Statement
from apps.gates.quorum import Signers
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
VALIDATE = Permission.APPROVAL_VALIDATE


def handed(giver: Person, taker: Person) -> Delegation:
    until = timezone.now() + timedelta(days=10)
    return delegate_reviews(by=giver, to=taker, permission=VALIDATE, valid_to=until, reason="on leave")


@pytest.fixture
def approval() -> Approval:
    return bank.submitted()


def test_it_is_said_for_whom_somebody_signed(approval: Approval) -> None:
    vera, vic = factories.validator(), factories.person("vic", "validator")
    handed(vera, vic)
    assert queries.acting_for(vic, approval) == vera.name
    signoff = bank.signed(approval, vic)
    assert queries.signed_for(signoff) == [vera]
    sealed = bytes(Statement.objects.get(digest=signoff.statement_digest).payload)
    assert f'"actingFor":["{vera.pk}"]'.encode() in sealed


def test_the_two_are_one_pair_of_eyes(approval: Approval) -> None:
    vera, vic = factories.validator(), factories.person("vic", "validator")
    handed(vera, vic)
    bank.signed(approval, vera)
    with pytest.raises(Refused, match="for whom you act, has signed"):
        guards.one_pair_of_eyes(vic, approval, approval.steps[0])


def test_who_handed_on_does_not_sign_after_who_does_it(approval: Approval) -> None:
    vera, vic = factories.validator(), factories.person("vic", "validator")
    handed(vera, vic)
    bank.signed(approval, vic)
    with pytest.raises(Refused, match="who acts for you, has signed"):
        guards.one_pair_of_eyes(vera, approval, approval.steps[0])


def test_whoever_acts_for_a_builder_reviews_as_little_as_they(approval: Approval) -> None:
    owner, admin = approval.version.model.owner, factories.administrator()
    end_grant(by=admin, grant=owner.grants.get(), reason="changes sides")
    twin = create_person(by=admin, username="own-2", name="Other account", identity=owner.identity)
    factories.grant(twin, "validator")
    vic = factories.person("vic", "validator")
    handed(twin, vic)
    with pytest.raises(Forbidden, match="You act for Other account, who could not sign"):
        guards.can_sign(vic, approval)


def test_a_quorum_counts_the_two_once(approval: Approval) -> None:
    vera, vic = factories.validator(), factories.person("vic", "validator")
    model = approval.version.model
    before = Signers(timezone.now()).of("validator", model)
    handed(vera, vic)
    signers = Signers(timezone.now() + timedelta(seconds=1))
    assert before - signers.of("validator", model) == {vera.identity}
    assert vera.identity in signers.of("validator", model, apart=frozenset({vic.identity}))
    assert vic.identity not in signers.of("validator", model, apart=frozenset({vera.identity}))
