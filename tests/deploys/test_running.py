"""Which version runs where: one version and digest for each slot at any second; what lacks is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.audit.past import reading
from apps.deploys import running
from apps.deploys.commands import count_calls, report_deployment, roll_back, seal_revocations, settle
from apps.deploys.models import Deployment
from tests import factories
from tests.deploys.test_admissions import ask
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
STRANGE = "sha256:" + "7" * 64


def told(digest: str, slot: str = "scoring/credit-pd", **said: object) -> Deployment:
    return report_deployment(
        by=factories.service(), environment="production", slot=slot, digest=digest, **said
    )


def titles() -> list[str]:
    return [finding.title for finding in Finding.objects.order_by("opened_at")]


def test_after_an_allow_the_report_names_version_and_answer() -> None:
    approval = bank.granted()
    allowed = ask()
    row = told(approval.version.digest)
    assert (row.version, row.admission) == (approval.version, allowed)
    assert titles() == []


def test_the_same_report_again_writes_nothing() -> None:
    approval = bank.granted()
    assert told(approval.version.digest) == told(approval.version.digest)
    assert Deployment.objects.count() == 1


def test_at_each_second_a_slot_runs_exactly_one_version() -> None:
    first, second = bank.granted().version, bank.version("credit-pd", "2", rows=500)
    told(first.digest)
    between = datetime.now(UTC)
    told(second.digest)
    by = factories.validator()
    assert [row.version for row in running.slots(by)] == [second]
    with reading(between):
        assert [row.version for row in running.slots(by)] == [first]


def test_what_ended_runs_no_more() -> None:
    told(bank.granted().version.digest)
    assert not told("").running
    assert running.slots(factories.validator()) == []
    assert len(running.slots(factories.validator(), gone=True)) == 1


def test_what_runs_without_a_valid_answer_is_a_finding() -> None:
    told(bank.granted().version.digest)
    assert titles() == ["Runs in scoring/credit-pd of production without a valid answer of the deploy gate"]


def test_bytes_that_the_inventory_lacks_wait_in_the_inbox() -> None:
    bank.granted()
    row = told(STRANGE, "scoring/shadow")
    assert running.ungoverned(factories.validator()) == [row]
    assert titles() == []


def test_other_bytes_under_a_known_name_are_ungoverned_and_a_finding() -> None:
    bank.granted()
    row = told(STRANGE, model="credit-pd", version="1")
    assert row.version is None
    assert titles() == ["Unregistered bytes run in scoring/credit-pd of production"]


def test_reports_out_of_order_and_of_the_future_are_refused() -> None:
    version = bank.granted().version
    told(version.digest)
    with pytest.raises(Refused, match="after the moment"):
        told(STRANGE, since=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(Invalid, match="still to come"):
        told(STRANGE, since=datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"slot": "a b"}, "slot"),
        ({"slot": ""}, "slot"),
        ({"digest": "latest"}, "digest"),
        ({"source": "gossip"}, "source"),
        ({"since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001 - a moment without a zone is refused
    ],
)
def test_what_is_no_report_is_refused_by_field(changes: dict, field: str) -> None:
    bank.production()
    with pytest.raises(Invalid) as refused:
        told(**{"digest": STRANGE, **changes})
    assert refused.value.field == field
    assert not Deployment.objects.exists()


def test_an_undeclared_environment_and_a_person_without_the_right_are_refused() -> None:
    bank.production()
    with pytest.raises(NotFound):
        report_deployment(by=factories.service(), environment="nowhere", slot="a", digest=STRANGE)
    with pytest.raises(Forbidden):
        report_deployment(by=factories.developer(), environment="production", slot="a", digest=STRANGE)


def test_a_pipeline_of_another_unit_learns_nothing_of_a_version() -> None:
    version = bank.granted().version
    factories.unit("markets")
    by = factories.person("other-pipeline", "pipeline", scope="unit", key="markets", is_service=True)
    row = report_deployment(by=by, environment="production", slot="theirs", digest=version.digest)
    assert row.version is None
    told(version.digest)
    assert [one.slot for one in running.slots(by)] == ["theirs"]


# Settling ---------------------------------------------------------------------------------------------


def test_something_ungoverned_is_ignored_until_a_day_and_comes_back() -> None:
    bank.granted()
    row = told(STRANGE, "scoring/shadow")
    until = datetime.now(UTC) + timedelta(days=30)
    settle(by=factories.risk_officer(), deployment=row, answer="ignored", reason="A test rig.", until=until)
    assert running.ungoverned(factories.validator()) == []


def test_bound_to_a_model_it_is_a_finding_there() -> None:
    bank.granted()
    row = told(STRANGE, "scoring/shadow")
    made = settle(
        by=factories.validator(), deployment=row, answer="bound", reason="Theirs.", model="credit-pd"
    )
    assert (made.finding.model.key, made.finding.severity) == ("credit-pd", "medium")
    assert running.ungoverned(factories.validator()) == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"answer": "ignored"}, Invalid),
        ({"answer": "ignored", "until": datetime(2099, 1, 1, tzinfo=UTC)}, Invalid),
        ({"answer": "bound", "model": ""}, Invalid),
        ({"answer": "bound", "model": "nobodys"}, NotFound),
        ({"answer": "forgotten"}, Invalid),
        ({"reason": " "}, Invalid),
    ],
)
def test_an_answer_without_its_terms_is_refused(changes: dict, refusal: type[Exception]) -> None:
    bank.granted()
    row = told(STRANGE, "scoring/shadow")
    said = {"answer": "bound", "reason": "Theirs.", "model": "credit-pd", **changes}
    with pytest.raises(refusal):
        settle(by=factories.validator(), deployment=row, **said)
    assert running.ungoverned(factories.validator()) == [row]


def test_a_registered_version_is_not_settled() -> None:
    row = told(bank.granted().version.digest)
    with pytest.raises(Refused, match="registered version"):
        settle(by=factories.validator(), deployment=row, answer="bound", reason="x", model="credit-pd")


# Going back -------------------------------------------------------------------------------------------


def two_versions():
    """Version 2 runs where version 1, which is approved, ran before."""
    approval = bank.granted()
    ask()
    told(approval.version.digest)
    told(bank.version("credit-pd", "2", rows=500).digest)
    return approval


def back(version: str = "1"):
    return roll_back(
        by=factories.service(), environment="production", slot="scoring/credit-pd", version=version,
        reason="Scores jumped.",
    )  # fmt: skip


def test_the_way_back_needs_no_new_approval_is_logged_and_opens_a_finding() -> None:
    two_versions()
    made = back()
    assert made.admission.allowed
    assert made.finding.title == "Rolled back from 2 to 1 in scoring/credit-pd of production"
    row = told(made.version.digest)
    assert row.admission == made.admission


def test_there_is_no_way_back_to_a_version_whose_approval_was_revoked() -> None:
    approvals.revoke(by=factories.risk_officer(), approval=two_versions(), reason="It drifts.")
    (offer,) = running.asset(factories.validator(), running.slots(factories.validator())[0]).offers
    assert not offer.answer.allowed
    with pytest.raises(Refused, match="The approval is revoked"):
        back()


def test_there_is_no_way_back_to_what_never_ran() -> None:
    two_versions()
    with pytest.raises(NotFound):
        back("7")
    with pytest.raises(Refused, match="never ran"):
        back("2")


# Calls, and everything in one look -----------------------------------------------------------------------


def counted(hours: int = 24, calls: int = 1200):
    ends = datetime(2026, 1, 2, tzinfo=UTC)
    return count_calls(
        by=factories.service(), environment="production", slot="scoring/credit-pd",
        begins=ends - timedelta(hours=hours), ends=ends, calls=calls,
    )  # fmt: skip


def test_a_slot_shows_its_change_findings_approvers_monitoring_and_calls() -> None:
    approval = two_versions()
    counted()
    told(approval.version.digest)
    bank.monitored(approval.version)
    found = running.asset(factories.validator(), running.slots(factories.validator())[0])
    assert found.changed.version.label == "2"
    assert {signoff.person.username for signoff in found.approvers} == {"val", "risk"}
    assert found.monitored.outcome == "fail"
    assert [count.calls for count in found.calls] == [1200]


@pytest.mark.parametrize(("hours", "calls"), [(0, 1), (24 * 32, 1), (24, -1), (24, True), (24, 1 << 62)])
def test_a_count_of_nothing_or_of_no_period_is_refused(hours: int, calls: int) -> None:
    told(bank.granted().version.digest)
    with pytest.raises(Invalid):
        counted(hours, calls)


def test_a_period_is_counted_once() -> None:
    told(bank.granted().version.digest)
    counted()
    with pytest.raises(Refused, match="known already"):
        counted(12)


@pytest.mark.parametrize(
    "action",
    [
        "calls.counted",
        "deployment.reported",
        "deployment.rolled_back",
        "deployment.settled",
        "revocations.sealed",
    ],
)
def test_each_leaves_one_event(action: str) -> None:
    two_versions()
    back()
    counted()
    row = told(STRANGE, "scoring/shadow")
    settle(by=factories.validator(), deployment=row, answer="bound", reason="Theirs.", model="credit-pd")
    seal_revocations(by=factories.service())
    assert Event.objects.filter(action=action).count() == (3 if action == "deployment.reported" else 1)


def test_a_row_that_nobody_signed_is_told_apart_and_offers_no_way_back() -> None:
    two_versions()
    by, signed = factories.validator(), running.slots(factories.validator())[0]
    forged = Deployment.objects.get(pk=signed.pk)
    forged.pk, forged.statement_digest = uuid4(), "sha256:" + "0" * 64
    forged.slot = "scoring/forged"
    forged.save(force_insert=True)
    shown = running.slots(by)
    assert {row.slot for row in shown} == {"scoring/credit-pd", "scoring/forged"}
    assert running.genuine(shown) == {signed.pk}
