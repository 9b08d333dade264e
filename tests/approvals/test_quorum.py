from __future__ import annotations

import pytest

from apps.access.guards import why_not
from apps.access.models import RoleGrant
from apps.approvals import guards
from apps.audit.errors import Forbidden, Refused
from apps.gates.clock import database_now
from tests import factories
from tests.flows import bank

SENTENCE = (
    "Nobody could complete this review. The step risk wants 1 of the role risk-officer; "
    "after separation of duties nobody is left."
)


def submission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submit where a validator is there and no risk officer."""
    monkeypatch.setattr(bank, "reviewers", factories.validator)
    bank.submitted()


def test_what_nobody_could_complete_is_not_submitted(small_bank, monkeypatch: pytest.MonkeyPatch) -> None:
    RoleGrant.objects.filter(role="risk-officer").update(valid_to=database_now())
    with pytest.raises(Refused) as refused:
        submission(monkeypatch)
    assert (str(refused.value), refused.value.code) == (SENTENCE, "quorum")


def test_the_page_shows_the_sentence_that_refuses(small_bank) -> None:
    made = bank.version()
    RoleGrant.objects.filter(role="risk-officer").update(valid_to=database_now())
    factories.validator()
    assert why_not(guards.fillable, factories.developer(), bank.decided(made)) == SENTENCE
    bank.reviewers()
    assert why_not(guards.fillable, factories.developer(), bank.decided(made)) == ""


def test_an_author_of_a_policy_that_says_so_signs_nothing(
    small_bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from the gate's own guard; what such a policy asks stands in its released text."""
    approval, rob = bank.submitted(), factories.risk_officer()
    bank.signed(approval, factories.validator())
    assert guards.can_sign(rob, approval)["id"] == "risk"
    monkeypatch.setattr(guards, "authors_of", lambda policies: frozenset({rob.identity}))
    with pytest.raises(Forbidden, match="a policy whose authors sign nothing"):
        guards.can_sign(rob, approval)
