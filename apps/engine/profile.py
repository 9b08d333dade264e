"""What a table looks like before anybody relies on it: columns, kinds, values, and what seems wrong.

Everything here is shown to people and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.engine.columns import MISSING, Column
from apps.engine.errors import Problem
from apps.engine.table_limits import large

if TYPE_CHECKING:
    from apps.engine.dataset import DataSet
    from apps.engine.subject import Subject

FEW_VALUES = 12  # of a column that is shown value by value
SMALL_GROUP = 30
FEW_ROWS = 200
MOST_COLUMNS = 400
LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column: what it is read as and what stands in it.

    Attributes
    ----------
    values : tuple of (str, int)
        Each value with its count, the most frequent first; empty where there are many.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    values: tuple[tuple[str, int], ...] = ()
    least: float | None = None
    most: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "missing": self.missing,
            "distinct": self.distinct,
            "values": [{"value": value, "count": count} for value, count in self.values],
            "least": self.least,
            "most": self.most,
        }


def profile_column(column: Column) -> ColumnProfile:
    """Profile one column.

    Examples
    --------
    >>> from apps.engine.columns import Columns
    >>> table = Columns.of(sex=["F", "M", "F", None])
    >>> found = profile_column(table["sex"])
    >>> found.kind, found.missing, found.values
    ('category', 1, (('F', 2), ('M', 1), ('(missing)', 1)))
    """
    coded = column.coded()
    counts = np.bincount(coded.codes, minlength=len(coded.levels))
    present = [level for level in coded.levels if level != MISSING]
    shown = sorted(
        zip(coded.levels, counts.tolist(), strict=True), key=lambda p: (-p[1], p[0] == MISSING, p[0])
    )
    least, most = _range(column)
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        missing=int(column.missing().sum()),
        distinct=len(present),
        values=tuple((v[:LONGEST_VALUE], n) for v, n in shown) if len(present) <= FEW_VALUES else (),
        least=least,
        most=most,
    )


def _range(column: Column) -> tuple[float | None, float | None]:
    if column.kind != "number":
        return None, None
    numbers = column.numbers()
    finite = numbers[np.isfinite(numbers)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (None, None)


def profile(subject: Subject) -> dict[str, Any]:
    """What each data set holds, and what seems wrong with it as the manifest declares it.

    Returns
    -------
    dict
        ``{"datasets": {name: {"rows", "columns": [...], "groups": {attribute: [...]}, "problems": [...]}}}``
    """
    return {"datasets": {name: _profiled(subject, data) for name, data in subject.datasets.items()}}


def _profiled(subject: Subject, data: DataSet) -> dict[str, Any]:
    names = list(data.columns)
    if large(data.rows, len(names)):
        plain: list[dict[str, Any]] = [
            {"name": name, "kind": "", "missing": None, "distinct": None, "values": []} for name in names
        ]
        note = "The table is large: its columns are named here, and looked into when the gates run."
        return {"rows": data.rows, "columns": plain, "groups": {}, "problems": [], "notes": [note]}
    found = {name: profile_column(data.columns[name]) for name in names[:MOST_COLUMNS]}
    notes = (
        [f"Only the first {MOST_COLUMNS} of {len(names)} columns are shown."]
        if len(found) < len(names)
        else []
    )
    return {
        "rows": data.rows,
        "columns": [one.as_json() for one in found.values()],
        "groups": _groups(data, found),
        "problems": list(problems(subject, data, found)),
        "notes": notes,
    }


def _groups(data: DataSet, found: Mapping[str, ColumnProfile]) -> dict[str, list[dict[str, Any]]]:
    """By protected attribute, its groups with their counts."""
    shown = [name for name in data.spec.protected if name in found]
    return {name: [{"group": v, "n": n} for v, n in found[name].values] for name in shown}


# What seems wrong ----------------------------------------------------------------------------------------


def problems(subject: Subject, data: DataSet, found: Mapping[str, ColumnProfile]) -> Iterator[str]:
    """Sentences about what would fail or mislead; none of them keeps anybody from registering."""
    yield from _about_rows(data)
    yield from _about_label(data, found)
    yield from _about_score(subject, data, found)
    yield from _about_groups(data, found)
    yield from _about_features(subject, data, found)


def _about_rows(data: DataSet) -> Iterator[str]:
    if data.rows < FEW_ROWS:
        yield f"There are only {data.rows:,} rows: most intervals will be too wide to pass a gate."


def _about_label(data: DataSet, found: Mapping[str, ColumnProfile]) -> Iterator[str]:
    spec = data.spec
    if spec.label is None:
        yield "No label is named: performance and calibration cannot be measured."
        return
    one = found.get(spec.label)
    if one is None:
        return
    if one.missing:
        yield f'The label "{one.name}" is missing in {one.missing:,} of {data.rows:,} rows; it may not be.'
    if one.distinct == 1:
        yield f'The label "{one.name}" has one value only: nothing can be told apart.'
    yield from _absent(one, spec.positive, "the positive class")
    yield from _absent(one, spec.favourable, "the favourable outcome")
    if spec.positive is not None and spec.favourable is None:
        yield "No favourable outcome is named: checks of fairness cannot tell who is better off."


def _absent(one: ColumnProfile, value: Any, what: str) -> Iterator[str]:
    if value is None or not one.values:
        return
    known = [text for text, _ in one.values if text != MISSING]
    if _alike(value) not in {text.casefold() for text in known}:
        listed = ", ".join(known)
        yield f'{what[0].upper()}{what[1:]} "{value}" never stands in "{one.name}"; it holds {listed}.'


def _alike(value: Any) -> str:
    number = float(value) if isinstance(value, Decimal) else value
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    return str(number).casefold()


def _about_score(subject: Subject, data: DataSet, found: Mapping[str, ColumnProfile]) -> Iterator[str]:
    spec, format = data.spec, subject.manifest.format
    if spec.score is None and format in ("none", "batch"):
        yield "There is neither an artifact nor a score column: nothing can be scored."
    one = found.get(spec.score or "")
    if one is not None:
        yield from _about_scores(subject, one, data.rows)
    if spec.decision is None:
        yield "No decision is named (a column, or a threshold): rates of approval cannot be measured."


def _about_scores(subject: Subject, one: ColumnProfile, rows: int) -> Iterator[str]:
    if one.kind != "number":
        yield f'The score "{one.name}" holds {one.kind} values where numbers were expected.'
        return
    if one.missing:
        yield f'The score "{one.name}" is missing in {one.missing:,} of {rows:,} rows.'
    outside = one.least is not None and one.most is not None and not 0 <= one.least <= one.most <= 1
    if subject.manifest.kind == "classifier" and outside:
        span = f"{one.least:g} to {one.most:g}"
        yield f'The score "{one.name}" runs from {span}; a probability lies within 0 and 1.'


def _about_groups(data: DataSet, found: Mapping[str, ColumnProfile]) -> Iterator[str]:
    if not data.spec.protected:
        yield "No protected attribute is named: checks of fairness have no groups to compare."
    for name in data.spec.protected:
        one = found.get(name)
        if one is None:
            continue
        if not one.values:
            yield f'The protected attribute "{name}" has {one.distinct:,} values; a few groups are needed.'
        few = [f"{value} ({n})" for value, n in one.values if n < SMALL_GROUP]
        if few:
            yield f'Groups of "{name}" under {SMALL_GROUP} rows are too small to measure: {", ".join(few)}.'


def _about_features(subject: Subject, data: DataSet, found: Mapping[str, ColumnProfile]) -> Iterator[str]:
    features: Sequence[str] = subject.manifest.features or ()
    for name in features:
        one = found.get(name)
        if one is None:
            continue
        if name == data.spec.label or _same(data, name, data.spec.label):
            yield f'The feature "{name}" is the label itself, value for value.'
        if one.distinct <= 1:
            yield f'The feature "{name}" has one value only.'
        if name in data.spec.protected:
            yield f'The protected attribute "{name}" is a feature of the model.'
        if one.distinct == data.rows and data.rows >= FEW_ROWS and "id" in name.casefold().split("_"):
            yield f'The feature "{name}" is different in every row, as a number of a customer is.'


def _same(data: DataSet, name: str, label: str | None) -> bool:
    if label is None or label not in data.columns or name not in data.columns:
        return False
    try:
        one, other = data.columns[name].coded(), data.columns[label].coded()
    except Problem:
        return False
    alike = len(one.levels) == len(other.levels) > 1
    return alike and one.levels == other.levels and bool(np.array_equal(one.codes, other.codes))
