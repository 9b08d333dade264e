"""The picture that answers a gate's question: the same in the PDF and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.reports.bars import lying, standing
from apps.reports.intervals import intervals
from apps.reports.pictures import Picture
from apps.reports.plots import Bin, pairs, reliability

MOST = 30
MOST_FEATURES = 15

Gate = Mapping[str, Any]
Row = Mapping[str, Any]
Rows = Sequence[Row]


def chart_of(gate: Gate) -> Picture | None:
    """The chart of a gate; None where a sentence and a table say it better."""
    measurement = gate.get("measurement") or {}
    groups = [g for g in measurement.get("groups") or () if g.get("value") is not None]
    if groups:
        return groups_with_intervals(gate, groups)
    found = table_drawn(measurement)
    return found[0].draw(_title(gate), found[1]) if found else None


def groups_with_intervals(gate: Gate, groups: Rows) -> Picture | None:
    """A dot and its interval for each group, n at the right, thin groups greyed.

    Ratios are drawn where the gate asks for one: what is bounded is what is seen, with its bound as a line.
    """
    ratios = [g for g in groups if g.get("ratio") is not None and g.get("ratio_interval")]
    if ratios:
        reference = [g for g in groups if g.get("ratio") is not None and not g.get("ratio_interval")]
        rows = [_ratio_row(g) for g in [*reference, *ratios][:MOST]]
        return intervals(
            _title(gate), rows, axis="ratio to the reference, 95 % interval", bounds=_bounds(gate)
        )
    rows = [_group_row(g) for g in groups[:MOST]]
    return intervals(_title(gate), rows)


def _bounds(gate: Gate) -> list[tuple[str, float]]:
    """The bounds of a gate in words, where they are plain numbers."""
    words = {"min": "at least", "max": "at most"}
    found = (gate.get("bound") or {}).items()
    return [(f"{words[k]} {v:g}", float(v)) for k, v in found if k in words and isinstance(v, int | float)]


def _group_row(group: Row) -> dict[str, Any]:
    return {**_named(group), **_ends(group["value"], group.get("interval"))}


def _ratio_row(group: Row) -> dict[str, Any]:
    return {**_named(group), **_ends(group["ratio"], group.get("ratio_interval"))}


def _ends(value: float, interval: Sequence[float | None] | None) -> dict[str, float]:
    low, high = interval or (None, None)
    return {"value": value, "low": value if low is None else low, "high": value if high is None else high}


def _named(group: Row) -> dict[str, Any]:
    name = f"{group['attribute']}: {group['group']}" if group.get("attribute") else str(group["group"])
    return {"group": name, "n_label": f"n = {group['n']:,}", "status": group["status"]}


# --- Tables that are drawn -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """What a table of a measurement must hold to be drawn so: its columns are known, not its check."""

    columns: frozenset[str]
    draw: Callable[[str, Rows], Picture | None]


def table_drawn(measurement: Mapping[str, Any]) -> tuple[Form, Rows] | None:
    """The table of a measurement that its picture draws, with how; None where there is none."""
    for rows in (measurement.get("tables") or {}).values():
        for form in _FORMS if rows else ():
            if form.columns <= set(rows[0]):
                return form, rows
    return None


# A statement keeps its keys in the order of letters; people read the name first, then counts, then figures.
_READ = (
    *("feature", "bin", "band", "grade", "value", "rank", "n", "reference_n", "positives", "defaults"),
    *("mean_score", "pd", "rate", "mean", "mean_abs", "low", "high", "gap", "reference_share", "share"),
)


def columns_of(rows: Rows) -> list[str]:
    """The columns of a table as people read them."""
    return sorted(rows[0], key=lambda name: _READ.index(name) if name in _READ else len(_READ))


def _calibration(forecast: str, axes: tuple[str, str]) -> Callable[[str, Rows], Picture | None]:
    def draw(heading: str, rows: Rows) -> Picture | None:
        found = _with(rows, forecast, "rate")[:MOST]
        bins = [
            Bin(row[forecast], row["rate"], *_between(row), int(row["n"]))
            for row in sorted(found, key=lambda row: float(row[forecast]))
        ]
        return reliability(heading, axes, bins) if bins else None

    return draw


def _between(row: Row) -> tuple[float, float]:
    low, high = row.get("low"), row.get("high")
    return (row["rate"] if low is None else low, row["rate"] if high is None else high)


def _distribution(heading: str, rows: Rows) -> Picture | None:
    found = _with(rows, "reference_share", "share")[:MOST]
    told = [(str(row["bin"]), float(row["reference_share"]), float(row["share"])) for row in found]
    return pairs(heading, "share of the rows in each bin", told) if told else None


def _largest(label: str, value: str, axis: str) -> Callable[[str, Rows], Picture | None]:
    """Bars lying under each other, the longest on top."""

    def draw(heading: str, rows: Rows) -> Picture | None:
        found = sorted(_with(rows, value), key=lambda row: -float(row[value]))[:MOST_FEATURES]
        return (
            lying(heading, axis, [(str(row[label]), float(row[value])) for row in found]) if found else None
        )

    return draw


def _in_order(label: str, value: str, axes: tuple[str, str]) -> Callable[[str, Rows], Picture | None]:
    """Bars standing side by side, as the table has them."""

    def draw(heading: str, rows: Rows) -> Picture | None:
        found = [(str(row[label]), float(row[value])) for row in _with(rows, value)[:MOST]]
        return standing(heading, axes, found) if found else None

    return draw


def _curve(heading: str, rows: Rows) -> Picture | None:
    told = [
        {"group": str(row["value"]), **_ends(row["mean"], (row["low"], row["high"])), "n_label": ""}
        for row in _with(rows, "mean")[:MOST]
    ]
    axis = "mean score at each value, 95 % interval"
    return intervals(heading, [{**row, "status": "measured"} for row in told], axis=axis) if told else None


def _with(rows: Rows, *needed: str) -> list[Row]:
    return [row for row in rows if all(row[one] is not None for one in needed)]


def _form(draw: Callable[[str, Rows], Picture | None], *columns: str) -> Form:
    return Form(frozenset(columns), draw)


_SCORES = ("mean score of a bin", "share of outcomes, 95 % interval where one was taken")
_GRADES = ("probability of the grade", "rate of defaults")
_FORMS: Sequence[Form] = (
    _form(_calibration("mean_score", _SCORES), "bin", "n", "mean_score", "rate"),
    _form(_calibration("pd", _GRADES), "grade", "n", "pd", "rate"),
    _form(_distribution, "bin", "reference_share", "share"),
    _form(_largest("feature", "mean_abs", "mean absolute SHAP value"), "feature", "mean_abs"),
    _form(_largest("feature", "csi", "stability index of each feature"), "feature", "csi"),
    _form(_largest("feature", "ks", "largest distance of cumulative shares"), "feature", "ks"),
    _form(_largest("feature", "flip_rate", "share of decisions that flip"), "feature", "flip_rate"),
    _form(_in_order("band", "rate", ("band of the score", "share of outcomes")), "band", "rate"),
    _form(_curve, "value", "mean", "low", "high"),
)


def _title(gate: Gate) -> str:
    return str(gate.get("title") or gate["id"])
