"""Charts as Vega-Lite specs, drawn to SVG: the same picture in the PDF and on the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.reports.intervals import intervals

FONT = "DejaVu Sans"
INK, QUIET, ACCENT = "#1b1f24", "#545b66", "#1c4f8f"
MOST = 30

Spec = dict[str, Any]
Gate = Mapping[str, Any]


def chart_of(gate: Gate) -> Spec | None:
    """The chart that answers a gate's question; None where a sentence and a table say it better."""
    measurement = gate.get("measurement") or {}
    family_chart = _BY_CHECK.get(measurement.get("check", ""))
    if family_chart is not None:
        return family_chart(gate, measurement)
    groups = [g for g in measurement.get("groups") or () if g.get("value") is not None]
    return groups_with_intervals(gate, groups) if groups else None


def groups_with_intervals(gate: Gate, groups: Sequence[Mapping[str, Any]]) -> Spec | None:
    """A dot and its interval for each group, n at the right, thin groups greyed."""
    rows = [_group_row(g) for g in groups[:MOST]]
    return {"svg": intervals(_title(gate), rows)} if rows else None


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


def importance(gate: Gate, measurement: Mapping[str, Any]) -> Spec | None:
    """Horizontal bars of mean absolute SHAP values, largest on top."""
    rows = _table_with(measurement, ("feature", "mean_abs"))
    if rows is None:
        return None
    return _framed(
        _title(gate),
        layer=[
            {
                "mark": {"type": "bar", "color": ACCENT},
                "encoding": {
                    "y": {"field": "label", "type": "nominal", "title": None, "sort": None},
                    "x": _x("value", "mean absolute SHAP value"),
                },
            }
        ],
        rows=sorted(rows, key=lambda r: -r["value"])[:15],
        height=22 * min(len(rows), 15),
    )


def shifted_bins(gate: Gate, measurement: Mapping[str, Any]) -> Spec | None:
    """Contribution of each bin to the population stability index."""
    rows = _table_with(measurement, ("bin", "part"))
    if rows is None:
        return None
    return _framed(
        _title(gate),
        layer=[
            {
                "mark": {"type": "bar", "color": ACCENT},
                "encoding": {
                    "x": {"field": "label", "type": "nominal", "title": "bin", "sort": None},
                    "y": {"field": "value", "type": "quantitative", "title": "contribution"},
                },
            }
        ],
        rows=rows[:MOST],
        height=160,
    )


def _table_with(measurement: Mapping[str, Any], *wanted: tuple[str, str]) -> list[dict[str, Any]] | None:
    for table in (measurement.get("tables") or {}).values():
        for label, value in wanted:
            if table and label in table[0] and value in table[0]:
                return [{"label": str(r[label]), "value": r[value]} for r in table if r[value] is not None]
    return None


_BY_CHECK: Mapping[str, Callable[[Gate, Mapping[str, Any]], Spec | None]] = {
    "explainability.global_importance": importance,
    "stability.psi": shifted_bins,
}


def _x(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}


def _title(gate: Gate) -> str:
    return str(gate.get("title") or gate["id"])


def _framed(title: str, *, layer: list[Spec], rows: list[dict[str, Any]], height: int) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {"text": title, "anchor": "start", "fontSize": 12, "color": INK},
        "width": 420,
        "height": max(height, 40),
        "data": {"values": rows},
        "layer": layer,
        "config": {
            "font": FONT,
            "axis": {"labelColor": INK, "titleColor": QUIET, "titleFontWeight": "normal", "labelLimit": 220},
            "view": {"stroke": None},
            "background": "white",
        },
    }


def draw(spec: Spec) -> str:
    """The SVG of a spec; offline, no browser."""
    if "svg" in spec:
        return str(spec["svg"])
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec)
    return _without_styles(svg)


def _without_styles(svg: str) -> str:
    """Inline styles as attributes, so that the page's content security policy holds for it too."""
    return re.sub(r'\sstyle="([^"]*)"', lambda m: _attributes(m[1]), svg)


def _attributes(style: str) -> str:
    pairs = [part.split(":", 1) for part in style.split(";") if ":" in part]
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
