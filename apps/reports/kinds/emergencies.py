"""Emergency releases: versions that ran for some hours although they were not allowed, and who said so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.utils import timezone

from apps.inventory.models import RegisteredModel
from apps.reports.documents import RECORDED, SEALED, Cell, Section, Table, who, words

TITLE = "Emergency releases"
HEAD = (
    "Version",
    "Where",
    "Asked by",
    "Agreed by",
    "From",
    "Until",
    "Ticket and reason",
    "Review afterwards",
)


def emergencies(models: Iterable[RegisteredModel], since: datetime, until: datetime) -> list[Any]:
    """Every request to break the glass in a span of time, whatever came of it; oldest first."""
    # What deploys these models stands beside this app, not below it.
    rows = apps.get_model("deploys", "GlassRequest").objects.filter(version__model__in=list(models))
    seen = rows.filter(asked_at__gte=since, asked_at__lt=until).order_by("asked_at")
    behind = (
        "version__model",
        "use",
        "environment",
        "asked_by",
        "glass__granted_by",
        "glass__finding",
        "end",
    )
    return list(seen.select_related(*behind))


def section(rows: Sequence[Any]) -> Section:
    """All of them in one table."""
    none = "Nobody asked that a version may run without being allowed."
    return Section(
        TITLE, [], [Table("Versions that ran without being allowed", HEAD, list(map(_row, rows)), none)]
    )


def sentence(rows: Sequence[Any], span: str) -> str:
    """How often it happened, in words."""
    given = [row for row in rows if getattr(row, "glass", None)]
    waiting = sum(row.glass.finding.state != "closed" for row in given)
    if not given:
        return f"No version ran without being allowed {span}."
    told = f"{len(given)} emergency release{'s' if len(given) != 1 else ''} {span} let a version run without"
    left = f"{waiting} of the reviews afterwards {'is' if waiting == 1 else 'are'} not closed"
    return f"{told} being allowed; {left if waiting else 'each was reviewed afterwards'}."


def _row(row: Any) -> list[Cell]:
    glass, end = getattr(row, "glass", None), getattr(row, "end", None)
    found = (SEALED, glass.statement_digest) if glass else (RECORDED, "")
    ended = end.ended_on if end else None
    last = min(filter(None, (glass.valid_to, ended))) if glass else None
    return [
        words(row.version, *found),
        words(f"{row.environment.key}, for {row.use.key}", *found),
        who(row.asked_by, *found),
        who(glass.granted_by, *found) if glass else words("refused" if end else "nobody"),
        words(_moment(glass.valid_from) if glass else "", *found),
        words(_moment(last), *(found if last != ended else (RECORDED, ""))),
        words(f"{row.ticket}: {row.reason}", *found),
        words(_reviewed(glass.finding) if glass else ""),
    ]


def _reviewed(finding: Any) -> str:
    if finding.state == "closed":
        return f"closed {finding.closed_at:%Y-%m-%d}"
    late = finding.due < timezone.now().date()
    return f"{finding.state}, {'was ' if late else ''}due {finding.due:%Y-%m-%d}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""
