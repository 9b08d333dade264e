"""Whether the data are what was agreed: the contract of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, Column, Columns, IntArray, Kind, level_text
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.tally import Tally, summed, tally
from apps.engine.values import Measured

TYPES = ("number", "integer", "category", "boolean", "time")
_KINDS = {"number": "numbers", "category": "text", "boolean": "true and false", "time": "times"}
TERMS = ("type", "min", "max", "values", "max_missing_share", "required", "unique")


def contract(
    *,
    columns: Columns,
    declared: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
    count: IntArray | None = None,
    contract: Mapping[str, Any] | None = None,
) -> Measured:
    """Breaches of the data contract: types, ranges, categories, missing values, uniqueness.

    The value is the number of terms that do not hold, in [0, inf), lower is better; the count is exact. The
    table ``breaches`` names column, term, how many rows and the first offending value.

    Parameters
    ----------
    columns : Columns
        Every column of the file.
    declared : mapping
        The manifest's spec; its ``contract`` is used where nothing nearer is given.
    own : mapping, optional
        The data set's own entry in the manifest; its ``contract`` goes before that of the spec, column by
        column.
    count : int array, optional
        How many equal rows each row stands for.
    contract : mapping, optional
        From column name to terms: ``type`` (number, integer, category, boolean, time), ``min``, ``max``,
        ``values``, ``max_missing_share`` (0 by default), ``required`` (true by default), ``unique``.

    Raises
    ------
    Unmeasurable
        Insufficient: no contract, or no rows.
    BadInput
        A term that is not known, or of the wrong form.

    Examples
    --------
    >>> table = Columns.of(age=[17.0, 30.0], state=["NY", "TX"])
    >>> terms = {"age": {"min": 18}, "state": {"values": ["NY", "TX"]}}
    >>> found = contract(columns=table, declared={}, contract=terms)
    >>> found.value, found.notes[0]
    (1.0, 'Column "age" holds 17 where at least 18 was agreed (1 of 2 rows).')
    """
    terms = contract or {**_held(declared, "spec"), **_held(own or {}, "data set")}
    if not terms:
        raise Unmeasurable(
            "There is no data contract. Say what was agreed of each column in the manifest, under spec:\n"
            "  contract:\n"
            f"    {_example(columns)}",
            status="insufficient",
        )
    if not columns.rows:
        raise Unmeasurable("There are no rows.", status="insufficient")
    checked = {name: _terms(name, given) for name, given in terms.items()}
    rows = columns.rows if count is None else int(count.sum())
    breaches = [
        breach
        for name in sorted(checked)
        for breach in (
            _breaches(_read(columns[name], count), checked[name])
            if name in columns
            else _absent(name, checked[name], rows)
        )
    ]
    return Measured(
        value=float(len(breaches)),
        n=rows,
        method="count of terms broken",
        parameters={"columns_agreed": len(checked)},
        tables={"breaches": breaches},
        notes=[breach["sentence"] for breach in breaches],
    )


def _held(entry: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    found = entry.get("contract") or {}
    if not isinstance(found, Mapping):
        raise BadInput(f"The contract of the {where} must be a mapping from columns to terms, not {found!r}.")
    return found


def _example(columns: Columns) -> str:
    """One line of a contract for a column of the file."""
    name = next((n for n in columns if columns[n].kind == "number"), None)
    return (
        f"{name or next(iter(columns))}: {{type: {'number' if name else 'category'}, max_missing_share: 0}}"
    )


def _terms(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise BadInput(f'The contract of column "{name}" must be a mapping of terms, not {given!r}.')
    for term in given:
        if term not in TERMS:
            raise BadInput(
                f'The contract of column "{name}" has the unknown term "{term}"; it may have '
                f"{', '.join(TERMS)}."
            )
    if given.get("type", "number") not in TYPES:
        raise BadInput(
            f'The type of column "{name}" must be one of {", ".join(TYPES)}, not {given["type"]!r}.'
        )
    for term in ("min", "max", "max_missing_share"):
        value = given.get(term, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadInput(f'The {term} of column "{name}" must be a number, not {value!r}.')
    if not 0 <= given.get("max_missing_share", 0) <= 1:
        raise BadInput(
            f'The max_missing_share of column "{name}" must lie from 0 to 1, not '
            f"{given['max_missing_share']!r}."
        )
    for term in ("required", "unique"):
        if not isinstance(given.get(term, True), bool):
            raise BadInput(f'The term {term} of column "{name}" must be true or false, not {given[term]!r}.')
    return _listed(name, given)


def _listed(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The terms, their values being a list of single values."""
    values = given.get("values", [])
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise BadInput(f'The values of column "{name}" must be a list, not {values!r}.')
    strange = [value for value in values if isinstance(value, (list, tuple, Mapping))]
    if strange:
        raise BadInput(f'The values of column "{name}" must be single values, not {strange[0]!r}.')
    return given


@dataclass(frozen=True, slots=True)
class Read:
    """A column as its counts: of numbers and blanks, and of levels when asked."""

    tally: Tally
    column: Column | Tally
    count: IntArray | None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.tally.name

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return self.tally.kind

    def levels(self) -> dict[str, int]:
        """Rows of each level present, in the order of their text, without the missing one."""
        if isinstance(self.column, Tally):
            found = self.column.by_level()
        else:
            coded = self.column.coded()
            rows = summed(coded.codes, self.count, len(coded.levels)).tolist()
            found = dict(zip(coded.levels, rows, strict=True))
        return {level: rows for level, rows in sorted(found.items()) if level != MISSING and rows}


def _read(column: Column | Tally, count: IntArray | None) -> Read:
    return Read(tally(column, count, nearest=True), column, count)


def _absent(name: str, terms: Mapping[str, Any], rows: int) -> Iterator[dict[str, Any]]:
    if terms.get("required", True):
        yield _breach(name, "required", rows, f'Column "{name}" is missing from the file.')


def _breaches(read: Read, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _missing(read, terms)
    if "type" in terms and not _type_holds(read, terms["type"]):
        sentence = f'Column "{read.name}" holds {_KINDS[read.kind]} where {terms["type"]} was agreed.'
        yield _breach(read.name, "type", read.tally.rows, sentence)
        return
    yield from _ranges(read, terms)
    yield from _values(read, terms)
    if terms.get("unique"):
        yield from _unique(read)


def _breach(name: str, term: str, rows: int, sentence: str) -> dict[str, Any]:
    return {"column": name, "term": term, "rows": rows, "sentence": sentence}


def _missing(read: Read, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    missing, limit = read.tally.missing, terms.get("max_missing_share", 0)
    if missing > limit * read.tally.rows:
        yield _breach(
            read.name,
            "max_missing_share",
            missing,
            f'Column "{read.name}" is missing in {missing:,} of {read.tally.rows:,} rows; '
            f"at most {100 * limit:.4g}% was agreed.",
        )


def _type_holds(read: Read, wanted: str) -> bool:
    if wanted == "category":
        return True
    if wanted == "boolean":
        levels = set(read.levels())
        return read.kind == "boolean" or levels <= {"0", "1"} or levels <= {"true", "false"}
    if wanted == "time":
        return read.kind == "time"
    if read.kind != "number":
        return False
    known = read.tally.ordered
    return wanted == "number" or bool((np.isfinite(known) & (known == np.floor(known))).all())


def _ranges(read: Read, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "min" not in terms and "max" not in terms:
        return
    if read.kind != "number":
        sentence = f'Column "{read.name}" holds {_KINDS[read.kind]}, which has no range.'
        yield _breach(read.name, "type", 0, sentence)
        return
    held = read.tally
    for term, words, place in (("min", "at least", 0), ("max", "at most", held.n - 1)):
        count = _outside(held, term, float(terms[term])) if term in terms else 0
        if count:
            worst = float(held.ranked(np.array([place]))[0])
            sentence = (
                f'Column "{read.name}" holds {worst:.10g} where {words} {terms[term]:.10g} was agreed '
                f"({count:,} of {held.rows:,} rows)."
            )
            yield _breach(read.name, term, count, sentence)


def _outside(held: Tally, term: str, end: float) -> int:
    """Rows below the least or above the greatest value agreed."""
    if term == "min":
        return int(held.below([np.nextafter(end, -np.inf)])[0])
    return held.n - int(held.below([end])[0])


def _values(read: Read, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "values" not in terms:
        return
    agreed = {level_text(value) for value in terms["values"]}
    strange = {level: rows for level, rows in read.levels().items() if level not in agreed}
    if strange:
        count = sum(strange.values())
        named = ", ".join(f'"{level}"' for level in list(strange)[:5])
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        sentence = f'Column "{read.name}" holds {named}{more}, not among the values agreed ({count:,} rows).'
        yield _breach(read.name, "values", count, sentence)


def _unique(read: Read) -> Iterator[dict[str, Any]]:
    repeated = {level: rows for level, rows in read.levels().items() if rows > 1}
    if repeated:
        rows = sum(repeated.values()) - len(repeated)
        first = next(iter(repeated))
        sentence = f'Column "{read.name}" repeats values, such as "{first}" ({rows:,} rows too many).'
        yield _breach(read.name, "unique", rows, sentence)
