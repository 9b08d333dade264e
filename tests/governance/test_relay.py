"""The relay beyond runs: reports that are owed, findings where monitoring fails, one duty failing."""

from __future__ import annotations

import pytest

from apps.approvals.models import Finding
from apps.reports.commands import making
from governance.management.commands import relay as module
from governance.management.commands.relay import Relay
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The approvals of which workers were told."""
    sent: list[str] = []

    def take(name: str, args: list[str], **options: object) -> None:
        assert (name, options["queue"], options["expires"]) == (making.TASK, "heavy", 60.0)
        sent.extend(args)

    monkeypatch.setattr(making.current_app, "send_task", take)
    return sent


def test_a_review_without_its_report_is_told_of_once_a_minute(told: list[str]) -> None:
    approval = bank.submitted()
    relay = Relay(interval=0.1)

    relay._send_for_reports()
    relay._send_for_reports()

    assert told == [str(approval.pk)]


def test_a_report_that_is_there_is_not_asked_for(told: list[str]) -> None:
    bank.reported(bank.submitted())
    Relay(interval=0.1)._send_for_reports()
    assert told == []


def test_a_duty_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, told: list[str], caplog) -> None:
    def broken(*, by: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(module, "take_back", broken)
    bank.submitted()

    Relay(interval=0.1).turn()

    assert len(told) == 1
    assert "a duty of the relay failed" in caplog.text


def test_monitoring_that_fails_becomes_a_finding_once(told: list[str]) -> None:
    decision = bank.monitored(bank.version())

    Relay(interval=0.1).turn()
    Relay(interval=0.1).turn()

    finding, origin = Finding.objects.order_by("title")  # two, whatever else the relay does
    assert finding.title.startswith("Monitoring of credit-pd@1")
    assert (finding.decision, finding.opened_by) == (decision, None)
    # Another duty's, as its tier is the gravest and nobody declared a lineage: once too.
    assert (origin.title, origin.decision) == ("Nobody told where it comes from", None)
