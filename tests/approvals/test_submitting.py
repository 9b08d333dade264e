"""Before anybody is asked to review: the entry is complete enough, and the tier is asked again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.approvals import commands as approvals
from apps.approvals.completeness import before_submission
from apps.approvals.models import Approval
from apps.audit.errors import Forbidden, Refused
from apps.audit.models import Event
from apps.inventory import commands as inventory
from apps.inventory.commands.tiers import answer_tier_again
from apps.inventory.models import ModelVersion
from apps.inventory.queries import current_tier
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.gates import rows
from tests.standing import Standing
from tests.web.browsing import Browser, plain

SMALL = {
    "purpose": "marketing",
    "exposure_eur": "5",
    "customer_impact": "none",
    "complexity": "linear",
    "autonomy": "person_decides",
}
POLICY = b"""\
apiVersion: governance/v1
kind: Policy
metadata: {id: whole-entries, version: 1.0.0, title: Whole entries, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
submission: {completeness: 5, parts: [limitations, document.user-guide]}
gates:
  - {id: whole.auc, check: performance.auc, pass: {min: 0.01}}
"""


@pytest.fixture
def version(world: Standing) -> ModelVersion:
    """A version that was taken back, under a policy that wants two parts of every entry."""
    approvals.withdraw(by=world.waiting.submitter, approval=world.waiting, reason="again")
    return world.waiting.version


def asked(version: ModelVersion) -> None:
    author, second = (rows.person(name, "model-risk-policy") for name in ("pol-a", "pol-b"))
    rows.release(author, second, POLICY)
    bank.measured(version)


def submit(version: ModelVersion, **changes: Any) -> Approval:
    given = {"tier": bank.tier_shown(version), **changes}
    return approvals.submit(by=factories.developer(), version=version, use=bank.use_of(version), **given)


def test_a_version_whose_entry_lacks_what_a_policy_wants_is_not_submitted(
    world: Standing, version: ModelVersion
) -> None:
    asked(version)
    with pytest.raises(Refused, match=r"lacks what the policies ask for.*limitations, a user-guide in force"):
        submit(version)
    page = plain(Browser(factories.developer()).get("/models/credit-pd/versions/2/submit"))
    assert "They want limitations, document.user-guide in any case." in page
    answer = Asker(world.tokens["developer"]).post(
        "/approvals", {"model": "credit-pd", "version": "2", "tier": bank.tier_shown(version)}
    )
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "incomplete")


def test_what_follows_a_review_is_not_asked_for_before_it(version: ModelVersion) -> None:
    parts = {part.id for part in before_submission(version.model, ("document.data-sheet",)).parts}
    assert "document.data-sheet" in parts
    assert not parts & {"validation", "monitoring"}


def test_the_tier_is_confirmed_by_the_statement_that_was_shown(version: ModelVersion) -> None:
    for wrong in ("", "sha256:" + "0" * 64):
        with pytest.raises(Refused, match=r"is tier 2 since.*or answers again"):
            submit(version, tier=wrong)
    assert submit(version).subject["tiering"] == bank.tier_shown(version)


def test_a_tier_that_became_graver_asks_for_another_run_before_people_are_asked(
    version: ModelVersion,
) -> None:
    inventory.assign_tier(by=factories.head(), model=version.model, answers=SMALL, rationale="small")
    browser = Browser(factories.developer())
    there = "/models/credit-pd/versions/2/submit"
    form = browser.get(there)
    shown = re.search(r'name="tier" value="([^"]*)"', form)
    assert shown
    answers = {f"answer-{name}": value for name, value in {**SMALL, "purpose": "credit_decision"}.items()}
    graver = {**answers, "answer-customer_impact": "denial", "answer-exposure_eur": "900000000"}
    said = plain(browser.send(there, on=there, tier=shown[1], rationale="It decides now.", **graver))
    assert "Your answers are kept: credit-pd is tier 1 now." in said
    assert "request a run first" in said
    assert current_tier(version.model) == 1
    assert not Approval.objects.filter(version=version, state="open").exists()


def test_a_submitter_makes_no_tier_lighter_and_the_same_answers_write_nothing(version: ModelVersion) -> None:
    with pytest.raises(Forbidden, match="Model owner"):
        answer_tier_again(by=factories.developer(), model=version.model, answers=SMALL, rationale="x")
    kept = inventory.assign_tier(by=factories.head(), model=version.model, answers=SMALL, rationale="x")
    assert answer_tier_again(by=factories.developer(), model=version.model, answers=SMALL) == kept
    assert Event.objects.filter(action="tier.assigned", object_id=str(version.model.pk)).count() == 2
