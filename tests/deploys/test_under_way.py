"""While a run that will decide is under way the answer is pending, and never a yes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.deploys.commands import admit, ask_again
from apps.deploys.models import Admission
from apps.gates import commands as gates
from apps.gates.models import Run
from apps.inventory.models import ModelVersion
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ModelVersion:
    bank.policies()
    bank.production()
    return bank.version()


def ask(**said: str) -> Admission:
    words = {"model": "credit-pd", "version": "1", "environment": "production", **said}
    return admit(by=factories.service(), **words)


def codes(admission: Admission) -> set[str]:
    return {reason["code"] for reason in admission.reasons}


def requested(version: ModelVersion, **more: Any) -> Run:
    return gates.request_run(by=factories.developer(), version=version, use=bank.use_of(version), **more)


def test_it_is_pending_while_the_run_waits_and_a_no_without_one(version: ModelVersion) -> None:
    assert ask().outcome == "deny"
    run = requested(version)
    pending = ask()
    assert (pending.outcome, pending.allowed, pending.expires_at) == ("pending", False, None)
    assert "run_under_way" in codes(pending)
    gates.cancel(by=factories.developer(), run=run, reason="A mistake.")
    assert ask().outcome == "deny"


def test_asked_again_it_stays_pending_until_the_run_has_ended(version: ModelVersion) -> None:
    run = requested(version)
    pending = ask()
    assert ask_again(by=factories.service(), admission=pending) == pending
    gates.cancel(by=factories.developer(), run=run, reason="A mistake.")
    assert ask_again(by=factories.service(), admission=pending).outcome == "deny"


def test_what_no_run_can_mend_is_a_no_at_once(version: ModelVersion) -> None:
    requested(version)
    assert ask(digest="sha256:" + "0" * 64).outcome == "deny"
    assert ask(environment="nowhere").outcome == "deny"
    assert ask(jurisdiction="FR").outcome == "deny"


def test_a_run_that_decides_nothing_keeps_nobody_waiting(version: ModelVersion) -> None:
    requested(version, purpose="dry-run")
    assert ask().outcome == "deny"


def test_the_answer_that_is_kept_says_no(version: ModelVersion) -> None:
    requested(version)
    told = json.loads(bytes(ask().answer))
    assert (told["allowed"], told["outcome"]) == (False, "pending")
