"""A measurement as text: the number with its interval, its groups, its tables, its notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.cli.text import interval, number, safe, table, wrapped

_ROWS = 40
Row = Mapping[str, Any]


def measurement_text(found: Row) -> str:
    """The measurement, then its groups, tables, notes and parameters."""
    lines = [headline(found), ""]
    for note in found["notes"]:
        lines += [*wrapped(note), ""]
    lines += _groups(found["groups"])
    for name, rows in found["tables"].items():
        lines += _table(name, rows)
    lines += [f"  {line}" for line in _parameters(found)]
    return "\n".join(lines).rstrip() + "\n"


def headline(found: Row) -> str:
    """``fairness.selection_rate_ratio  0.59 (95 %: 0.57 to 0.61)  n 6,150``."""
    if found["status"] != "measured":
        return f"{found['check']}  {found['status'].upper()}  n {number(found['n'])}"
    return f"{found['check']}  {with_interval(found)}  n {number(found['n'])}"


def with_interval(found: Row) -> str:
    """The value, with its interval where it has one."""
    if found.get("interval") is None:
        return number(found["value"])
    share = f"{100 * (found.get('confidence') or 0.95):g} %: "
    return f"{number(found['value'])} ({share}{interval(found['interval'])})"


def _groups(groups: Sequence[Row]) -> list[str]:
    if not groups:
        return []
    ratio = any("ratio" in group for group in groups)
    rates = list(dict.fromkeys(name for group in groups for name in group.get("rates", ())))
    counts = list(dict.fromkeys(name for group in groups for name in group.get("counts", ())))
    head = ["GROUP", "", "N", *counts, "VALUE", "INTERVAL", *(["RATIO", "INTERVAL"] if ratio else [])]
    rows = [_group(group, counts, ratio) for group in groups]
    wide = table([head, *rows], right=range(2, 3 + len(counts)))
    return [*wide, "", *_rates(groups, rates)]


def _group(group: Row, counts: Sequence[str], ratio: bool) -> list[str]:
    plain = group["status"] == "measured"
    cells = [safe(group["attribute"] or ""), safe(group["group"]), number(group["n"])]
    cells += [number(group.get("counts", {}).get(name)) for name in counts]
    cells += [number(group["value"]) if plain else group["status"], interval(group["interval"])]
    return cells + ([number(group.get("ratio")), interval(group.get("ratio_interval"))] if ratio else [])


def _rates(groups: Sequence[Row], rates: Sequence[str]) -> list[str]:
    if not rates:
        return []
    rows = [
        [safe(g["attribute"] or ""), safe(g["group"]), *(number(g.get("rates", {}).get(r)) for r in rates)]
        for g in groups
    ]
    return [*table([["RATES", "", *rates], *rows], right=range(2, 2 + len(rates))), ""]


def _table(name: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[number(row.get(column)) for column in columns] for row in rows[:_ROWS]]
    right = [
        i for i, c in enumerate(columns) if all(isinstance(r.get(c), (int, float, type(None))) for r in rows)
    ]
    more = [f"  and {len(rows) - _ROWS} rows more; --format json has them all"] if len(rows) > _ROWS else []
    return [f"  {safe(name)}", *table([columns, *cells], right=right, indent="    "), *more, ""]


def _parameters(found: Row) -> list[str]:
    shown = {**found["parameters"], "method": found["method"], "seed": found["seed"]}
    pairs = [f"{key}={_value(value)}" for key, value in shown.items() if value is not None]
    return wrapped("; ".join(pairs), indent="") if pairs else []


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{safe(key)}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return number(value)
