"""Which signed statements somebody may read: those of facts that they may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from apps.access.models import Person
from apps.access.queries import models_with
from apps.access.states import Permission
from apps.approvals import queries as approvals
from apps.approvals.challenges import visible_challenges
from apps.gates.queries import released_policies, visible_decisions, visible_evidence
from apps.reports.models import ReportSnapshot
from apps.reports.queries import visible_reports


def readable_statement(by: Person, digest: str, *others: QuerySet[Any]) -> bool:
    """Whether a fact of this digest is among those that the person may see; sign-offs stay blind.

    `others` are facts of apps beside this one, as far as the person may see them.
    """
    return any(rows.filter(statement_digest=digest).exists() for rows in (*others, *_facts(by)))


def _facts(by: Person) -> Iterator[QuerySet[Any]]:
    readable = models_with(by, Permission.EVIDENCE_SEE)
    yield released_policies()
    yield visible_decisions(by).filter(version__model__in=readable)
    yield visible_evidence(by).filter(run__version__model__in=readable)
    yield approvals.visible_approvals(by)
    yield approvals.visible_signoffs(by)
    yield approvals.visible_waivers(by)
    yield visible_reports(by).filter(version__model__in=readable)
    yield visible_challenges(by)
    yield ReportSnapshot.objects.filter(request__report__in=visible_reports(by))
