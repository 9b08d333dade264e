"""The picture that answers a gate's question: the same in the PDF and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.reports.bars import lying, standing
from apps.reports.intervals import intervals
from apps.reports.pictures import Picture

MOST = 30
MOST_FEATURES = 15

Gate = Mapping[str, Any]


def chart_of(gate: Gate) -> Picture | None:
    """The chart of a gate; None where a sentence and a table say it better."""
    measurement = gate.get("measurement") or {}
    family_chart = _BY_CHECK.get(measurement.get("check", ""))
    if family_chart is not None:
        return family_chart(gate, measurement)
    groups = [g for g in measurement.get("groups") or () if g.get("value") is not None]
    return groups_with_intervals(gate, groups) if groups else None


def groups_with_intervals(gate: Gate, groups: Sequence[Mapping[str, Any]]) -> Picture | None:
    """A dot and its interval for each group, n at the right, thin groups greyed."""
    rows = [_group_row(g) for g in groups[:MOST]]
    return intervals(_title(gate), rows) if rows else None


def _group_row(group: Mapping[str, Any]) -> dict[str, Any]:
    low, high = group.get("interval") or (None, None)
    value = group["value"]
    name = f"{group['attribute']}: {group['group']}" if group.get("attribute") else str(group["group"])
    return {
        "group": name,
        "value": value,
        "low": value if low is None else low,
        "high": value if high is None else high,
        "n_label": f"n = {group['n']}",
        "status": group["status"],
    }


def importance(gate: Gate, measurement: Mapping[str, Any]) -> Picture | None:
    """Bars of mean absolute SHAP values, largest on top."""
    rows = _table_with(measurement, ("feature", "mean_abs"))
    largest = sorted(rows, key=lambda row: -row[1])[:MOST_FEATURES]
    return lying(_title(gate), "mean absolute SHAP value", largest) if rows else None


def shifted_bins(gate: Gate, measurement: Mapping[str, Any]) -> Picture | None:
    """Contribution of each bin to the population stability index."""
    rows = _table_with(measurement, ("bin", "part"))[:MOST]
    return standing(_title(gate), ("bin", "contribution"), rows) if rows else None


def _table_with(measurement: Mapping[str, Any], wanted: tuple[str, str]) -> list[tuple[str, float]]:
    label, value = wanted
    for table in (measurement.get("tables") or {}).values():
        if table and label in table[0] and value in table[0]:
            return [(str(row[label]), row[value]) for row in table if row[value] is not None]
    return []


_BY_CHECK: Mapping[str, Callable[[Gate, Mapping[str, Any]], Picture | None]] = {
    "explainability.global_importance": importance,
    "stability.psi": shifted_bins,
}


def _title(gate: Gate) -> str:
    return str(gate.get("title") or gate["id"])
