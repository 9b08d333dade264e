"""Effective windows and grace, through the facts that the deploy gate reads: both sides of each day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from apps.approvals.models import Approval
from apps.audit.errors import Refused
from apps.deploys.facts import gather
from apps.deploys.models import Environment
from apps.engine.admit import Admission, Request
from tests import factories
from tests.flows import bank
from tests.gates import rows

pytestmark = pytest.mark.usefixtures("small_bank")
BASE = Path("policies/baseline-all/policy.yaml").read_text()
TODAY = datetime.now(UTC).date()
MIDNIGHT, LAST = time(0, tzinfo=UTC), time(23, 59, 59, tzinfo=UTC)


def released(version: str, start: date, grace: int = 0, quorum: int = 1) -> None:
    """The next version of what binds every model."""
    lines = []
    for line in BASE.splitlines():
        if line.startswith("  version:"):
            line = f"  version: {version}"
        elif line.startswith("effective:"):
            line = f"effective: {{from: {start}, until: null, grace: P{grace}D}}"
        lines.append(line.replace("role: risk-officer, quorum: 1", f"role: risk-officer, quorum: {quorum}"))
    text = "\n".join(lines)
    assert f"version: {version}" in text
    assert f"from: {start}" in text
    authors = (rows.person(f"{who}-{version}", "model-risk-policy") for who in ("pat", "pia"))
    rows.release(*authors, text.encode())


def answer(day: date, clock: time) -> Admission:
    """What the gate would say then of the version that was approved today."""
    made = bank.version()
    place = Environment.objects.get(key="production")
    now = datetime.combine(day, clock)
    facts = gather(made, bank.use_of(made), place, now)
    asked = Request(model=made.model.key, version=made.label, use="credit_decision", environment=place.key)
    return facts.answer(asked, now)


def test_a_minor_that_asks_for_more_people_waits_for_the_next_submission() -> None:
    bank.granted()
    released("2.99.0", TODAY + timedelta(days=2), quorum=2)
    assert answer(TODAY + timedelta(days=2), MIDNIGHT).allowed
    assert answer(TODAY + timedelta(days=30), MIDNIGHT).allowed


def test_a_major_leaves_the_approval_its_grace_and_not_a_second_more() -> None:
    bank.granted()
    start = TODAY + timedelta(days=2)
    released("9.0.0", start, grace=10)
    end = start + timedelta(days=10)
    spared = answer(end - timedelta(days=1), LAST)
    assert (spared.allowed, spared.expires_at) == (True, datetime.combine(end, MIDNIGHT))
    codes = {reason.code for reason in answer(end, MIDNIGHT).reasons}
    assert {"policy_changed", "approval_void"} <= codes


def test_a_major_without_grace_takes_it_away_on_its_first_day_and_not_before() -> None:
    bank.granted()
    start = TODAY + timedelta(days=2)
    released("9.0.0", start)
    assert answer(start - timedelta(days=1), LAST).allowed
    assert not answer(start, MIDNIGHT).allowed


def test_a_later_version_does_not_revive_what_an_earlier_one_ended() -> None:
    bank.granted()
    released("9.0.0", TODAY + timedelta(days=2))
    released("9.1.0", TODAY + timedelta(days=5), grace=90)
    assert not answer(TODAY + timedelta(days=6), MIDNIGHT).allowed


def submission() -> Approval:
    made = bank.version()
    return bank.resubmitted(made, by=factories.developer())


def test_a_submission_goes_by_the_minor_in_force() -> None:
    """What was decided before it cannot be submitted any more; a new run asks for what it asks for."""
    made = bank.version()
    bank.production(), bank.reviewers(), bank.decided(made)
    released("2.99.0", TODAY, quorum=2)
    with pytest.raises(Refused, match=r"made under baseline-all@2.*; baseline-all@2.99.0 is in force"):
        submission()
    bank.measured(made)
    with pytest.raises(Refused, match="The step risk wants 2 of the role risk-officer"):
        submission()
    factories.person("risk-b", "risk-officer")
    assert {step["id"]: step["quorum"] for step in submission().steps}["risk"] == 2


def test_a_patch_does_not_ask_for_a_new_run() -> None:
    made = bank.version()
    bank.production(), bank.reviewers(), bank.decided(made)
    number = made.runs.latest("requested_at").pinned["policies"][0]["version"].rpartition(".")[0]
    released(f"{number}.99", TODAY)
    assert submission().state == "open"
