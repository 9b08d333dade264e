"""A decision's gates as lines of a page: failing first, each with its sentence, picture and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.web.pictures import IntervalPicture, interval_picture

ORDER = ("fail", "missing", "insufficient", "warn", "pass", "not_applicable")
TONE = {
    "fail": "bad",
    "missing": "bad",
    "error": "bad",
    "insufficient": "warn",
    "no_policy": "bad",
    "warn": "warn",
    "pass": "good",
    "not_applicable": "",
}


@dataclass(frozen=True, slots=True)
class GateLine:
    """One gate as the page shows it."""

    gate: Mapping[str, Any]
    tone: str
    picture: IntervalPicture | None
    groups: list[Mapping[str, Any]]
    tables: list[tuple[str, list[str], list[list[Any]]]]
    notes: list[str]
    provenance: str


def gate_lines(document: Mapping[str, Any]) -> list[GateLine]:
    """Every gate of a decision, the failing ones first."""
    gates = sorted(document["gates"], key=lambda g: (_rank(g["outcome"]), g["id"]))
    return [_line(gate) for gate in gates]


def _rank(outcome: str) -> int:
    return ORDER.index(outcome) if outcome in ORDER else len(ORDER)


def _line(gate: Mapping[str, Any]) -> GateLine:
    measurement = gate.get("measurement") or {}
    return GateLine(
        gate=gate,
        tone=TONE.get(gate["outcome"], ""),
        picture=interval_picture(gate),
        groups=list(measurement.get("groups") or ()),
        tables=[_table(name, rows) for name, rows in (measurement.get("tables") or {}).items() if rows],
        notes=list(measurement.get("notes") or ()),
        provenance=measurement.get("provenance") or "",
    )


def _table(name: str, rows: list[Mapping[str, Any]]) -> tuple[str, list[str], list[list[Any]]]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    shown = [[_cell(row.get(column)) for column in columns] for row in rows[:50]]
    return name.replace("_", " "), [c.replace("_", " ") for c in columns], shown


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else value
