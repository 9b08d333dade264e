"""What a version must not do, what is wrong with it, what was waived: limits, findings, waivers in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.approvals.models import Approval, Finding, Waiver
from apps.approvals.queries import closures_of
from apps.inventory.models import ModelVersion
from apps.reports.documents import RECORDED, SEALED, Cell, Table, who, words

LIMITS = {
    "environments": "only in these environments",
    "jurisdictions": "only in these jurisdictions",
    "population": "only for these people",
    "max_exposure_eur": "exposure of at most, in euros",
    "until": "not after",
    "note": "note",
}


def granted(rows: Sequence[Approval], now: datetime) -> list[Approval]:
    """The approvals that hold."""
    return [a for a in rows if a.state == "granted" and a.expires_at and a.expires_at > now]


def permitted(rows: Sequence[Approval], now: datetime) -> list[str]:
    """A sentence for each approval that holds, with its limits."""
    told = [
        f"It may be used for {a.use.key} until {a.expires_at:%Y-%m-%d}"
        + (f", within {len(a.limits)} limit{'s' if len(a.limits) != 1 else ''}." if a.limits else ".")
        for a in granted(rows, now)
    ]
    return told or ["No approval of it holds, so the deploy gate answers no."]


def limits_table(rows: Sequence[Approval], now: datetime) -> Table:
    """Every limit of every approval that holds, as it was signed."""
    return Table(
        "Limits that the deploy gate enforces",
        ("Use", "Limit", "As signed"),
        [
            [
                words(text, SEALED, a.statement_digest)
                for text in (a.use.key, LIMITS.get(name, name), _said(value))
            ]
            for a in granted(rows, now)
            for name, value in a.limits.items()
        ],
        empty="The approvals that hold set no limits." if granted(rows, now) else "No approval holds.",
    )


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def findings_table(version: ModelVersion) -> Table:
    """Every finding of the model, those that are open first, with what was found and what was done."""
    rows = Finding.objects.filter(model=version.model).select_related("owner", "version").order_by("due")
    return Table(
        "Findings, open and closed",
        ("Finding", "What was found", "Severity", "State", "Owner", "Due", "What is done about it"),
        [_finding(row) for row in sorted(rows, key=lambda row: row.state == "closed")],
        empty="No finding was ever raised.",
    )


def _finding(row: Finding) -> list[Cell]:
    closed = closures_of(row) if row.state == "closed" else []
    found = (SEALED, closed[0]) if closed else (RECORDED, "")
    about = f" ({row.version.label})" if row.version else ""
    return [
        words(row.title + about),
        words(row.detail),
        words(row.severity),
        words(row.state, *found),
        who(row.owner),
        words(row.due),
        words("\n".join(filter(None, (row.plan, row.closure))), *found),
    ]


def waivers_table(version: ModelVersion, now: datetime) -> Table:
    """Every waiver that was ever given to the version, with what it says."""
    rows = Waiver.objects.filter(version=version).select_related("use", "requested_by", "granted_by")
    return Table(
        "Waivers, those that hold and those that ended",
        ("Gate", "Holds", "Why", "Compensating control", "Asked for, granted by"),
        [_waiver(row, now) for row in sorted(rows, key=lambda row: row.valid_to, reverse=True)],
        empty="Nothing was ever waived.",
    )


def _waiver(row: Waiver, now: datetime) -> list[Cell]:
    holds = "from" if row.valid_from > now else "until" if row.valid_to > now else "ended"
    day = row.valid_from if holds == "from" else row.valid_to
    texts = (
        f"{row.gate}, for {row.use.key}",
        f"{holds} {day:%Y-%m-%d}",
        row.rationale,
        row.compensating_control,
        f"{row.requested_by}, {row.granted_by}",
    )
    return [words(text, SEALED, row.statement_digest) for text in texts]
