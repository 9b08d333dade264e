from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.gates import commands as gates
from apps.gates.models import PolicyProposal
from apps.reports.supersession import replaced_by, still_named, superseded
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.django_db

RULES = """apiVersion: governance/v1
kind: Policy
metadata: {id: %s, version: 1.0.0, title: House rules, controls: [us-sr11-7-legacy/SR11-04]%s}
effective: {from: 2026-01-01}
gates:
  - {id: rules.auc, check: performance.auc, pass: {min: 0.999}, enforcement: waivable}
"""
CASES = """apiVersion: governance/v1
kind: Cases
policy: %s
now: 2026-11-21T12:00:00Z
subject: {model.tier: 1}
gates:
  rules.auc:
    {enforcement: waivable, passes: [1], boundary: 0.999, fails: [0.9989], cannot_be_measured: [missing]}
"""


def author(name: str) -> Person:
    return factories.person(name, "model-risk-policy")


def propose(name: str, more: str = "") -> PolicyProposal:
    data, cases = (RULES % (name, more)).encode(), {"gates.yaml": (CASES % name).encode()}
    return gates.propose_policy(by=author("rules-author"), data=data, cases=cases)


@pytest.fixture
def old() -> None:
    """Rules that are in force when everything else happens."""
    bank.policies()
    gates.release_proposal(by=author("rules-second"), proposal=propose("old-rules"))


@pytest.mark.slow
def test_whoever_takes_a_place_sees_what_still_names_the_old(old: None) -> None:
    request = bank.waiver_request(gate="rules.auc")
    approvals.grant_waiver(by=factories.head(), request=request, reauthenticated_at=timezone.now())
    approval = bank.submitted()
    report = bank.reported(approval)
    (found,) = superseded(propose("new-rules", ", supersedes: [old-rules]"), now=timezone.now())
    assert [name for name, _, _ in found.models] == ["card-limit", "credit-pd"]
    assert found.models[0][2] == "The decision on version 1 rests on old-rules@1.0.0."
    assert [place for _, place, _ in found.reports] == [f"/reports/{report.pk}"]
    assert found.waivers[0][2] == "It waives rules.auc of old-rules."
    assert found.policies == ()
    assert found.sentence() == "old-rules is still named by no policy, 2 models, 1 report and 1 waiver."


def test_a_policy_that_quotes_a_rescinded_text_names_it_and_so_do_its_models(old: None) -> None:
    bank.decided(bank.version())
    found = still_named("us-sr11-7-legacy", now=timezone.now())
    assert found.policies == (
        (
            "old-rules@1.0.0",
            "/policies/old-rules/1.0.0",
            "It serves the control us-sr11-7-legacy/SR11-04.",
        ),
    )
    assert [name for name, _, _ in found.models] == ["credit-pd"]


def test_a_person_sees_the_models_that_are_theirs_to_see(old: None) -> None:
    bank.decided(bank.version())
    stranger = factories.person("stranger")
    assert still_named("old-rules", now=timezone.now(), by=stranger).models == ()


def test_a_text_of_regulation_says_itself_what_it_replaced() -> None:
    assert replaced_by("us-sr26-2", (RULES % ("us-sr26-2", "")).encode()) == ("us-sr11-7-legacy",)


def test_the_command_tells_it_of_a_shipped_pack_in_words_and_for_a_program(old: None) -> None:
    told = StringIO()
    call_command("pack_supersession", "us-sr26-2", stdout=told)
    assert told.getvalue().splitlines() == [
        "us-sr11-7-legacy is still named by 1 policy, no model, no report and no waiver.",
        "  policy old-rules@1.0.0: It serves the control us-sr11-7-legacy/SR11-04.",
    ]
    answer = StringIO()
    call_command("pack_supersession", "old-rules", "--format", "json", stdout=answer)
    assert json.loads(answer.getvalue())[0]["policy"] == "old-rules"
    with pytest.raises(CommandError, match="There is no policy nowhere, neither released nor shipped"):
        call_command("pack_supersession", "nowhere")
