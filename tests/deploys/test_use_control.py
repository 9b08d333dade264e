"""A request states its use, population, jurisdiction and exposure; outside what is approved it is denied."""

from __future__ import annotations

import base64
import json

import pytest

from apps.approvals import commands as approvals
from apps.audit.errors import Invalid
from apps.deploys.models import Admission
from apps.deploys.revocations import revocation_epoch
from tests import factories
from tests.deploys.test_admissions import ask
from tests.flows import bank
from tests.standing import token

pytestmark = pytest.mark.usefixtures("small_bank")


def sentence(admission: Admission, code: str) -> str:
    return next(r["message"] for r in admission.reasons if r["code"] == code)


def test_another_use_is_denied_and_the_nearest_approved_use_is_named() -> None:
    bank.granted()
    answer = ask(use="credit_decisions_for_mortgages")
    assert answer.outcome == "deny"
    assert "The nearest approved use of credit-pd@1 is “credit_decision”" in sentence(answer, "nearest_use")


def test_where_nothing_is_approved_that_is_said() -> None:
    bank.submitted()
    assert "for no use at this moment" in sentence(ask(use="marketing"), "nearest_use")


@pytest.mark.parametrize(
    ("stated", "outcome"), [("US", "allow"), ("US-NY", "allow"), ("EU", "deny"), ("", "allow")]
)
def test_a_jurisdiction_lies_within_those_of_the_model(stated: str, outcome: str) -> None:
    bank.granted()
    answer = ask(jurisdiction=stated)
    assert answer.outcome == outcome
    assert answer.allowed or sentence(answer, "other_jurisdiction") == (
        "The model is registered for US, not for EU."
    )


@pytest.mark.parametrize(
    ("stated", "allowed"), [("US-NY", True), ("US-CA", False), ("US", False), ("", False)]
)
def test_a_limit_of_jurisdictions_must_be_met_by_name(stated: str, allowed: bool) -> None:
    bank.granted(jurisdictions=["US-NY"])
    answer = ask(jurisdiction=stated)
    assert answer.allowed is allowed
    assert allowed or "limited to US-NY" in sentence(answer, "limit_jurisdiction")


def test_what_is_no_jurisdiction_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(Invalid) as refused:
        ask(jurisdiction="Mars")
    assert refused.value.field == "jurisdictions"
    assert not Admission.objects.exists()


def test_the_statement_says_what_was_asked_and_in_which_epoch() -> None:
    bank.granted()
    told = _sealed(ask(population="adults", jurisdiction=""))
    assert told["asked"]["population"] == "adults"
    assert told["revocationEpoch"] == revocation_epoch()


def test_whatever_takes_a_permission_away_begins_an_epoch() -> None:
    approval = bank.granted()
    before = _sealed(ask())["revocationEpoch"]
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    assert _sealed(ask())["revocationEpoch"] == before + 1


def _sealed(admission: Admission) -> dict:
    payload = json.loads(bytes(admission.answer))["statement"]["payload"]
    return json.loads(base64.b64decode(payload))["predicate"]["countersign"]


def test_the_address_of_the_gate_takes_a_jurisdiction(client) -> None:
    bank.granted()
    body = {"model": "credit-pd", "version": "1", "environment": "production", "jurisdiction": "EU"}
    told = client.post(
        "/api/v1/admissions",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token(factories.service())}"},
    ).json()
    assert (told["allowed"], told["reasons"][-1]["code"]) == (False, "other_jurisdiction")
