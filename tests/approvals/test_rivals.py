"""People who act in the same second, each on a connection of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from apps.approvals import commands as approvals
from apps.approvals.models import Approval, SignOff, Waiver
from apps.approvals.states import ApprovalState
from apps.audit.errors import Refused
from apps.audit.models import Event
from tests import factories
from tests.database import FreshDatabase
from tests.flows import bank

pytestmark = pytest.mark.slow


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each act gave or raised; all begin together."""
    barrier, given = threading.Barrier(len(acts)), [None] * len(acts)

    def play(place: int, act: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=10)
            given[place] = act()
        except Exception as error:
            given[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=play, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return given


def test_the_same_person_clicks_twice(fresh_bank: FreshDatabase) -> None:
    approval, by = bank.submitted(), factories.validator()

    given = at_once(*[lambda: bank.signed(approval, by)] * 3)

    assert SignOff.objects.count() == 1
    assert [str(e) for e in given if isinstance(e, Refused)] == [
        "You have signed this already; one person signs once."
    ] * 2


def test_two_people_of_one_step_sign_at_once(fresh_bank: FreshDatabase) -> None:
    approval = bank.submitted()
    people = factories.validator(), factories.person("val-b", "validator")

    given = at_once(*[lambda by=by: bank.signed(approval, by) for by in people])

    assert SignOff.objects.count() == 1
    assert sum(isinstance(e, Refused) for e in given) == 1


def test_two_last_signatures_grant_once(fresh_bank: FreshDatabase) -> None:
    approval = bank.submitted()
    bank.signed(approval, factories.validator())
    people = factories.risk_officer(), factories.person("risk-b", "risk-officer")

    at_once(*[lambda by=by: bank.signed(approval, by) for by in people])

    approval.refresh_from_db()
    assert approval.state == ApprovalState.GRANTED
    assert SignOff.objects.count() == 2
    assert Event.objects.filter(action="approval.granted").count() == 1


def test_a_version_is_submitted_once(fresh_bank: FreshDatabase) -> None:
    made = bank.version()
    bank.reviewers()
    people = factories.developer(), factories.person("dev-b", "developer")

    given = at_once(*[lambda by=by: bank.resubmitted(made, by=by) for by in people])

    assert Approval.objects.count() == 1
    [refusal] = [e for e in given if isinstance(e, Exception)]
    assert str(refusal) == "An approval of credit-pd@1 for credit_decision is already open."


def test_withdrawn_while_the_last_signs(fresh_bank: FreshDatabase) -> None:
    approval = bank.submitted()
    bank.signed(approval, factories.validator())

    given = at_once(
        lambda: bank.signed(approval, factories.risk_officer()),
        lambda: approvals.withdraw(by=approval.submitter, approval=approval, reason="A mistake."),
    )

    approval.refresh_from_db()
    assert sum(isinstance(e, Refused) for e in given) == 1
    assert approval.state in {ApprovalState.GRANTED, ApprovalState.WITHDRAWN}
    assert SignOff.objects.count() == (2 if approval.state == ApprovalState.GRANTED else 1)


def test_a_waiver_is_granted_once(fresh_bank: FreshDatabase) -> None:
    request = bank.waiver_request()
    heads = factories.head(), factories.person("head-b", "head-of-model-risk")
    now = bank.timezone.now()

    given = at_once(
        *[
            lambda by=by: approvals.grant_waiver(by=by, request=request, reauthenticated_at=now)
            for by in heads
        ]
    )

    assert Waiver.objects.count() == 1
    assert [str(e) for e in given if isinstance(e, Refused)] == ["This request has been answered already."]
