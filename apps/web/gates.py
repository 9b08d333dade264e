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


@dataclass(frozen=True, slots=True)
class GateGroup:
    """Gates under one heading, and how the page counts them."""

    title: str
    lines: list[GateLine]


def gate_groups(document: Mapping[str, Any]) -> list[GateGroup]:
    """What did not pass first, then the rest by category."""
    groups: dict[str, list[GateLine]] = {}
    for line in gate_lines(document):
        good = line.gate["outcome"] in ("pass", "not_applicable")
        title = _category(line.gate["id"]) if good else "Did not pass"
        groups.setdefault(title, []).append(line)
    first = [GateGroup("Did not pass", groups.pop("Did not pass"))] if "Did not pass" in groups else []
    return first + [GateGroup(title, groups[title]) for title in sorted(groups)]


def _category(gate: str) -> str:
    return gate.partition(".")[0].replace("_", " ").capitalize()


def gate_counts(document: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many gates came to each outcome, the worst first."""
    found = [gate["outcome"] for gate in document["gates"]]
    return [(outcome, found.count(outcome)) for outcome in sorted(set(found), key=_rank)]


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
