"""The challenge log as a part of other pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals.states import Thing
from apps.gates.queries import latest_decision
from apps.reports import challenges
from apps.reports.challenges import Thread

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apps.access.models import Person
    from apps.approvals.models import Challenge, Finding
    from apps.gates.models import Decision
    from apps.inventory.models import ModelVersion, RegisteredModel, Use
    from apps.reports.models import Report

MOST = 200


@dataclass(frozen=True, slots=True)
class Log:
    """Threads, what can be spoken of here, and why somebody may not."""

    threads: Sequence[Thread]
    choices: Sequence[tuple[str, str]]
    why_not: str


def decision_log(by: Person, decision: Decision) -> Log | None:
    """What was said of a decision and its evidence; None for who may not read it."""
    model = decision.version.model
    return _log(by, model, challenges.on_decision(by, decision), challenges.choices(decision))


def version_log(by: Person, version: ModelVersion, decisions: Sequence[Decision]) -> Log | None:
    """What was said of anything of a version."""
    choices = [one for decision in decisions for one in _named(decision)]
    return _log(by, version.model, challenges.on_anything(by, version.model, version), choices)


def finding_log(by: Person, finding: Finding) -> Log | None:
    """What was said of a finding."""
    rows = challenges.on_thing(by, Thing.FINDING, str(finding.pk))
    return _log(by, finding.model, rows, [(f"finding:{finding.pk}", "this finding")])


def report_log(by: Person, report: Report) -> Log | None:
    """What was said of a report; None where it is over many models."""
    if report.version is None:
        return None
    rows = challenges.on_thing(by, Thing.REPORT, str(report.pk))
    return _log(by, report.version.model, rows, [(f"report:{report.pk}", "this report")])


def _named(decision: Decision) -> list[tuple[str, str]]:
    return [(value, f"{name} ({decision.use.key})") for value, name in challenges.choices(decision)]


def _log(
    by: Person, model: RegisteredModel, rows: QuerySet[Challenge], choices: Sequence[tuple[str, str]]
) -> Log | None:
    if why_not(require, by, Permission.EVIDENCE_SEE, model):
        return None
    hindrance = why_not(require, by, Permission.COMMENT_ADD, model)
    return Log(challenges.threads(rows, most=MOST), choices, hindrance)


def decided(version: ModelVersion, uses: Sequence[Use]) -> list[Decision]:
    """The newest decision of a version for each use that has one."""
    found = (latest_decision(version, use) for use in uses)
    return [decision for decision in found if decision is not None]
