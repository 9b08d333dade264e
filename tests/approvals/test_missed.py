"""Monitoring that did not happen opens a finding: once for each time, and none while one is open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands
from apps.approvals.models import Finding
from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands as gates
from apps.gates.clock import database_now
from apps.gates.models import Run, Schedule
from tests.gates import rows

pytestmark = pytest.mark.django_db
MONITOR, WORKER = system("monitor"), system("worker")


@pytest.fixture
def dora() -> Person:
    return rows.person("dora", "developer", "model-owner")


@pytest.fixture
def missed(dora: Person) -> Schedule:
    return late(dora)


def late(by: Person) -> Schedule:
    version = rows.version(by)
    due = database_now() - timedelta(days=15)
    found = gates.set_schedule(
        by=by, version=version, use=rows.use(version.model), dataset="production", every_days=7, first_due=due
    )
    gates.request_due(by=system("relay"))
    found.refresh_from_db()
    return found


def opened() -> list[Finding]:
    return commands.open_missed_findings(by=MONITOR)


def test_it_stands_beside_the_alert_and_names_what_did_not_happen(missed: Schedule, dora: Person) -> None:
    (finding,) = opened()
    assert finding.title.startswith(f"Monitoring of {missed.version} on production was missed on ")
    assert (finding.detail, finding.severity, finding.owner) == (missed.missed_why, "medium", dora)
    assert Event.objects.get(action="finding.opened").object_id == str(finding.pk)
    assert opened() == []


def test_an_open_one_speaks_of_the_next_time_too(missed: Schedule) -> None:
    opened()
    Schedule.objects.update(missed_at=timezone.now() + timedelta(days=7))
    assert opened() == []


def test_the_next_time_opens_another_once_the_first_was_remediated(missed: Schedule, dora: Person) -> None:
    (first,) = opened()
    commands.remediate_finding(by=dora, finding=first, plan="The feed of labels works again.")
    assert opened() == []
    Schedule.objects.update(missed_at=timezone.now() + timedelta(days=7))
    (second,) = opened()
    assert (second.schedule_id, second.pk != first.pk) == (missed.pk, True)


def test_one_that_was_made_good_meanwhile_opens_none(missed: Schedule) -> None:
    gates.execute_next(by=WORKER, lane="quick", owner="h:1:2")
    assert Run.objects.get().state == "decided"
    assert opened() == []


def test_a_schedule_that_was_ended_opens_none(missed: Schedule, dora: Person) -> None:
    gates.end_schedule(by=dora, schedule=missed, reason="The use is retired.")
    assert opened() == []


CALIBRATION = """\
  - id: calibration.ece
    check: calibration.ece
    pass: {max: 0.1}
"""


def test_overdue_recalibration_is_named(dora: Person) -> None:
    text = rows.policy_text() + CALIBRATION.encode()
    rows.release(dora, rows.person("rita"), text)
    late(dora)
    (finding,) = opened()
    assert "Calibration was not measured either (calibration.ece)" in finding.detail


def test_what_was_missed_does_not_change(missed: Schedule) -> None:
    (finding,) = opened()
    with pytest.raises(DatabaseError, match="what a finding says does not change"), transaction.atomic():
        Finding.objects.filter(pk=finding.pk).update(missed_at=timezone.now())
    with pytest.raises(DatabaseError, match="finding_missed_paired"), transaction.atomic():
        Finding.objects.create(
            model=finding.model, title="x", severity="low", owner=finding.owner, due=finding.due,
            missed_at=timezone.now(),
        )  # fmt: skip
