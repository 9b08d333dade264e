"""Until everybody has signed nobody learns from anywhere what another has signed: by role and phase."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals import queries
from apps.approvals.models import Approval, SignOff
from apps.audit.errors import Refused
from apps.deploys.commands import admit
from apps.deploys.queries import deployable
from apps.reports.commands import make_report, sign_report
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")

WORDS = "Segment seven worries me"
ROLES = ("developer", "owner", "validator", "risk-officer", "committee", "head-of-model-risk", "auditor")


def onlooker(role: str) -> Person:
    return factories.person(f"an-{role}", role)


def half_signed(meaning: str = "reject", **limits: object) -> Approval:
    approval = bank.submitted()
    approvals.sign_off(
        by=factories.validator(),
        approval=approval,
        meaning=meaning,
        reason=WORDS,
        shown_digest=queries.shown_digest(approval),
        reauthenticated_at=bank.timezone.now(),
        limits=limits,
    )
    return approval


def browser(by: Person) -> Client:
    client = Client()
    client.force_login(by)
    return client


@pytest.mark.parametrize("role", ROLES)
def test_no_query_shows_another_sign_off_before_all_are_in(role: str) -> None:
    approval, by = half_signed(), onlooker(role)
    seen = queries.review(by, approval)
    assert [s.signoffs for s in seen.steps] == [[], []]
    assert not seen.revealed
    assert not queries.visible_signoffs(by).exists()


@pytest.mark.parametrize("role", ROLES)
def test_every_query_shows_it_afterwards(role: str) -> None:
    approval, by = half_signed(), onlooker(role)
    bank.signed(approval, factories.risk_officer())
    approval.refresh_from_db()
    seen = queries.review(by, approval)
    assert [len(s.signoffs) for s in seen.steps] == [1, 1]
    assert queries.visible_signoffs(by).count() == 2


def test_the_signer_sees_their_own() -> None:
    approval = half_signed()
    seen = queries.review(factories.validator(), approval)
    assert seen.mine is not None
    assert seen.mine.reason == WORDS


@pytest.mark.parametrize("role", ROLES)
def test_no_page_and_no_endpoint_shows_it(role: str) -> None:
    approval, by = half_signed(), onlooker(role)
    signoff, client = SignOff.objects.get(), browser(by)
    version = approval.version
    for path in (
        f"/reviews/{approval.pk}",
        "/reviews",
        "/",
        f"/models/{version.model.key}",
        f"/models/{version.model.key}/versions/{version.label}",
        f"/api/v1/approvals/{approval.pk}",
        "/api/v1/approvals",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert WORDS not in answer.content.decode(), path
        assert "signed with a no" not in answer.content.decode(), path
        assert signoff.statement_digest not in answer.content.decode(), path


@pytest.mark.parametrize("role", ROLES)
def test_its_statement_is_not_given_out(role: str) -> None:
    approval, by = half_signed(), onlooker(role)
    address = f"/api/v1/statements/{SignOff.objects.get().statement_digest}"
    assert browser(by).get(address).status_code == 404
    assert browser(factories.validator()).get(address).status_code == 200
    bank.signed(approval, factories.risk_officer())
    assert browser(by).get(address).status_code == 200


@pytest.mark.parametrize("meaning", ["approve", "reject", "return"])
def test_the_deploy_gate_does_not_tell(meaning: str) -> None:
    approval = half_signed(meaning, population="adults", max_exposure_eur="5")
    answer = admit(by=factories.service(), model="credit-pd", version="1", environment="production")
    assert answer.outcome == "pending"
    told = json.loads(bytes(answer.answer))
    assert told["limits"] == {}
    assert not {"rejected", "limit_exposure"} & {r["code"] for r in told["reasons"]}
    [(_, now)] = deployable(approval.version, approval.use)
    assert now.outcome == "pending"


def test_the_report_is_signed_only_after_the_review() -> None:
    approval = bank.submitted()
    report = make_report(by=bank.WORKER, approval=approval)
    by, now = factories.validator(), bank.timezone.now()
    with pytest.raises(Refused, match="once every sign-off is in"):
        sign_report(
            by=by, report=report, meaning="validated", shown_digest=report.blob_id, reauthenticated_at=now
        )


def test_a_returned_round_is_open_and_the_next_is_blind_again() -> None:
    approval = half_signed("return")
    bank.signed(approval, factories.risk_officer())
    approval.refresh_from_db()
    assert approval.state == "returned"
    approval = approvals.reopen(by=factories.developer(), approval=approval, reason="Mended.")
    bank.signed(approval, factories.validator())
    other = onlooker("auditor")
    assert set(queries.visible_signoffs(other).values_list("round", flat=True)) == {1}
    assert [s.signoffs for s in queries.review(other, approval).steps] == [[], []]
