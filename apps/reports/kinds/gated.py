"""What stands behind each gate: its groups or bins as a table with a picture, from the statement it seals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from apps.reports.charts import columns_of, table_drawn
from apps.reports.documents import MEASURED, Cell, Table, number, words
from apps.reports.grouped import LONGEST_TABLE
from apps.reports.kinds.sealed import Sealed, ranked

GROUPS = ("Group", "n", "Value", "95 % interval", "Ratio", "Ratio, 95 % interval", "Status")


def gate_tables(found: Sequence[Sealed], families: Collection[str] = ()) -> list[Table]:
    """A table for each gate of these families, or of all, whose measurement has groups or is drawn."""
    return [
        table
        for one in found
        for gate in ranked(one.predicate["gates"])
        if not families or str(gate["check"]).partition(".")[0] in families
        for table in _of(one, gate, several=len(found) > 1)
    ]


def _of(one: Sealed, gate: Mapping[str, Any], *, several: bool) -> Iterator[Table]:
    said, evidence = one.measurement(gate), str(gate.get("evidence") or "")
    head, rows, left_out = _content(said, evidence)
    if not rows:
        return
    title = str(gate.get("title") or gate["id"])
    told = [f"{gate['outcome']}: {gate['why']}", *(said.get("notes") or ())]
    if left_out:
        told.append(f"The first {len(rows)} rows; {left_out} more stand in the evidence.")
    caption = f"{title}, for {one.use.key}" if several else title
    bound = gate.get("bound") or {}
    yield Table(caption, head, rows, pictured=evidence, bound=bound, told=[one for one in told if one])


def _content(said: Mapping[str, Any], evidence: str) -> tuple[Sequence[str], list[list[Cell]], int]:
    groups = said.get("groups") or ()
    if groups:
        rows = [_group(group, said, evidence) for group in groups[:LONGEST_TABLE]]
        kept = [n for n in range(len(GROUPS)) if any(row[n].provenance for row in rows)]
        shown = [[row[n] for n in kept] for row in rows]
        return [GROUPS[n] for n in kept], shown, len(groups) - len(rows)
    found = table_drawn(said)
    if found is None:
        return (), [], 0
    names, table = columns_of(found[1]), found[1]
    rows = [[_cell(row[name], said, evidence) for name in names] for row in table[:LONGEST_TABLE]]
    return [name.replace("_", " ") for name in names], rows, len(table) - len(rows)


def _group(group: Mapping[str, Any], said: Mapping[str, Any], evidence: str) -> list[Cell]:
    name = f"{group['attribute']}: {group['group']}" if group.get("attribute") else str(group["group"])
    status = str(group.get("status")) + (f": {group['note']}" if group.get("note") else "")
    values = (
        name,
        group.get("n"),
        _figure(group.get("value")),
        between(group.get("interval")),
        _figure(group.get("ratio")),
        between(group.get("ratio_interval")),
        status,
    )
    return [_cell(value, said, evidence) for value in values]


def _figure(value: float | None) -> float | None:
    """A figure as such: a statement holds 1.0 as 1."""
    return None if value is None else float(value)


def between(interval: Sequence[float | None] | None) -> str:
    """An interval in words; nothing where it has an end only.

    >>> between([0.25, 0.5]), between([0.25, None]), between(None)
    ('0.2500 to 0.5000', '', '')
    """
    low, high = interval or (None, None)
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"


def _cell(value: object, said: Mapping[str, Any], evidence: str) -> Cell:
    provenance = str(said.get("provenance") or MEASURED)
    if isinstance(value, bool):
        return words("yes" if value else "no", provenance, evidence)
    if isinstance(value, int | float):
        return number(value, provenance, evidence)
    return words(value, provenance, evidence)
