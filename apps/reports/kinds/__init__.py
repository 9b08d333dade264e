"""What each kind of report says: drawn from what is sealed, as the person who asked for it may see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.access.models import Person
from apps.inventory.models import ModelVersion
from apps.reports.documents import Document
from apps.reports.kinds import access, bias, board, model, regulated
from apps.reports.states import ReportKind

_OF_VERSION: Mapping[str, Callable[[ModelVersion, datetime], Document]] = {
    ReportKind.DOSSIER: model.dossier,
    ReportKind.ANNEX_IV: regulated.annex_iv,
}


def content(
    kind: str, *, by: Person, now: datetime, version: ModelVersion | None, scope: Mapping[str, Any]
) -> Document:
    """What a report of that kind says now."""
    if version is not None and kind == ReportKind.BIAS_AUDIT:
        return bias.bias_audit(version, now, scope, by)
    if version is not None:
        return _OF_VERSION[kind](version, now)
    if kind == ReportKind.ATTESTATIONS:
        return board.attestations(by, now, _moment(scope["since"]), _moment(scope["until"]))
    if kind == ReportKind.COVERAGE:
        return board.policy_coverage(by, now, str(scope["framework"]))
    if kind == ReportKind.ACCESS_REVIEW:
        return access.access_review(by, now)
    return board.portfolio(by, now)


def _moment(text: str) -> datetime:
    found = parse_datetime(text)
    if found is None:
        raise ValueError(f"{text} is no moment")
    return found
