"""Numbers of few people are withheld: where a policy says from how many rows on a group may be shown.

It happens before evidence is sealed, so no page, export, report or pack ever has what is withheld here. The
number that a gate judges stays: set ``min_group_size`` of its check no lower than ``disclosure.min_rows``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from apps.engine.policy.model import Policy

SUPPRESSED = "suppressed"
_SIGN = " × "
_COUNTS = ("n", "rows", "count")
_KEPT = ("attribute", "group")


def least_rows(policies: Iterable[Policy]) -> int:
    """The strictest demand of several policies; 0 where none makes any."""
    return max((policy.min_rows for policy in policies), default=0)


def withheld(measurement: Mapping[str, Any], least: int) -> dict[str, Any]:
    """A measurement without the numbers of groups and table rows that have fewer than `least` rows.

    Where a single cell of a total, or of a margin, would be withheld, the next smallest goes with it: the
    total less the others would tell the one.

    Parameters
    ----------
    measurement : Mapping
        A measurement as JSON.
    least : int
        From how many rows on a number is shown; 0 or 1 shows all.

    Returns
    -------
    dict
        The measurement; groups withheld have the status ``"suppressed"`` and a note.

    Examples
    --------
    >>> sizes = [("A", 90), ("B", 4), ("C", 20)]
    >>> groups = [{"attribute": "race", "group": g, "n": n, "value": 0.5} for g, n in sizes]
    >>> found = withheld({"groups": groups}, 10)
    >>> [(g["group"], g["n"], g.get("status")) for g in found["groups"]]
    [('A', 90, None), ('B', None, 'suppressed'), ('C', None, 'suppressed')]
    >>> found["groups"][1]["note"]
    'suppressed (n < 10)'
    """
    if least <= 1:
        return dict(measurement)
    groups = list(measurement.get("groups") or ())
    hidden = _hidden_groups(groups, least)
    found = {**measurement, "groups": [_group(g, i in hidden, least) for i, g in enumerate(groups)]}
    tables = measurement.get("tables") or {}
    if tables:
        found["tables"] = {name: _table(rows, least) for name, rows in tables.items()}
    names = {str(groups[i]["group"]) for i in hidden}
    if "notes" in measurement:
        found["notes"] = _notes(measurement["notes"], names, least)
    return found


def _hidden_groups(groups: Sequence[Mapping[str, Any]], least: int) -> set[int]:
    by: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        if group.get("attribute"):
            by.setdefault(str(group["attribute"]), []).append(i)
    return {i for places in by.values() for i in _hidden(places, groups, least)}


def _hidden(places: Sequence[int], groups: Sequence[Mapping[str, Any]], least: int) -> set[int]:
    """Cells of one attribute or intersection: the small ones, and those without which they could be told."""
    counts = {i: int(groups[i].get("n") or 0) for i in places}
    found = {i for i in places if counts[i] < least}
    levels = {i: tuple(str(groups[i]["group"]).split(_SIGN)) for i in places}
    lines = list(_lines(places, levels))
    while True:
        more = {_next_smallest(line, found, counts) for line in lines if len(found & set(line)) == 1} - {None}
        if not more:
            return found
        found |= {i for i in more if i is not None}


def _lines(places: Sequence[int], levels: Mapping[int, tuple[str, ...]]) -> Iterator[list[int]]:
    """Cells that add up to a number which is told elsewhere: the total, and each margin."""
    yield list(places)
    for width in range(1, max(map(len, levels.values()), default=1)):
        for fixed in combinations(range(max(map(len, levels.values()))), width):
            margins: dict[tuple[str, ...], list[int]] = {}
            for i in places:
                if len(levels[i]) > max(fixed):
                    margins.setdefault(tuple(levels[i][f] for f in fixed), []).append(i)
            yield from margins.values()


def _next_smallest(line: Sequence[int], found: set[int], counts: Mapping[int, int]) -> int | None:
    return min((i for i in line if i not in found), key=lambda i: (counts[i], i), default=None)


def _group(group: Mapping[str, Any], hide: bool, least: int) -> dict[str, Any]:
    if not hide:
        return dict(group)
    small = int(group.get("n") or 0) < least
    empty = {name: _nothing(value) for name, value in group.items() if name not in _KEPT}
    note = f"suppressed (n < {least})" if small else "suppressed (it would tell a small group)"
    return {**{k: group[k] for k in _KEPT if k in group}, **empty, "status": SUPPRESSED, "note": note}


def _nothing(value: Any) -> Any:
    return {} if isinstance(value, Mapping) else None


def _table(rows: Sequence[Mapping[str, Any]], least: int) -> list[dict[str, Any]]:
    """Rows that say how many rows they stand for; others are shown as they are."""
    counted = [(i, count) for i, row in enumerate(rows) if (count := _count(row)) is not None]
    found = {i for i, count in counted if count < least}
    if len(found) == 1 and len(counted) > 1:
        found.add(min((count, i) for i, count in counted if i not in found)[1])
    return [_row(row) if i in found else dict(row) for i, row in enumerate(rows)]


def _count(row: Mapping[str, Any]) -> int | None:
    for name in _COUNTS:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if _is_number(value) else value for name, value in row.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, list)) and not isinstance(value, bool)


def _notes(notes: Sequence[str], names: set[str], least: int) -> list[str]:
    """Notes that speak of a group that is withheld are withheld too."""
    said = [note for note in notes if not any(name in note for name in names)]
    if len(said) < len(notes):
        said.append(f"A remark about a group is suppressed (n < {least}).")
    return said


# What sentences of the engine quote from the rows of a file, and what is said in its place.
_QUOTING = (
    (re.compile(r'(Column "[^"]*" holds ).*?( in row [\d,]+ where a number)', re.DOTALL), r"\1a value\2"),
    (re.compile(r"( holds ).*(; who is selected)", re.DOTALL), r"\1other values than two\2"),
    (re.compile(r"(; it holds ).*", re.DOTALL), r"\1other values."),
    (re.compile(r"( cannot be read as CSV): .*", re.DOTALL), r"\1."),
    (re.compile(r'(Column "[^"]*" cannot be read): .*', re.DOTALL), r"\1."),
)


def without_cells(sentence: str) -> str:
    """A sentence about a file without what it quotes of its rows: where a fault stands, never what.

    Examples
    --------
    >>> without_cells('Column "income" holds "41 years, Lisbon" in row 3 where a number was expected.')
    'Column "income" holds a value in row 3 where a number was expected.'
    """
    for pattern, instead in _QUOTING:
        sentence = pattern.sub(instead, sentence)
    return sentence
