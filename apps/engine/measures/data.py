"""Whether the data are what was agreed: the contract of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, Column, Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.values import Measured

TYPES = ("number", "integer", "category", "boolean", "time")
TERMS = ("type", "min", "max", "values", "max_missing_share", "required", "unique")


def contract(
    *,
    columns: Columns,
    declared: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
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
    breaches = [breach for name in sorted(checked) for breach in _breaches(columns, name, checked[name])]
    return Measured(
        value=float(len(breaches)),
        n=columns.rows,
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
    if not isinstance(given.get("values", []), Sequence) or isinstance(given.get("values"), str):
        raise BadInput(f'The values of column "{name}" must be a list, not {given["values"]!r}.')
    return given


def _breaches(columns: Columns, name: str, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if name not in columns:
        if terms.get("required", True):
            yield _breach(name, "required", columns.rows, f'Column "{name}" is missing from the file.')
        return
    column = columns[name]
    yield from _missing(column, terms)
    if "type" in terms and not _type_holds(column, terms["type"]):
        sentence = f'Column "{name}" holds {_kind_of(column)} where {terms["type"]} was agreed.'
        yield _breach(name, "type", columns.rows, sentence)
        return
    yield from _ranges(column, terms)
    yield from _values(column, terms)
    if terms.get("unique"):
        yield from _unique(column)


def _breach(name: str, term: str, rows: int, sentence: str) -> dict[str, Any]:
    return {"column": name, "term": term, "rows": rows, "sentence": sentence}


def _missing(column: Column, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    missing = column.missing()
    count, limit = int(np.count_nonzero(missing)), terms.get("max_missing_share", 0)
    if count > limit * len(missing):
        yield _breach(
            column.name,
            "max_missing_share",
            count,
            f'Column "{column.name}" is missing in {count:,} of {len(missing):,} rows; '
            f"at most {100 * limit:.4g}% was agreed.",
        )


def _type_holds(column: Column, wanted: str) -> bool:
    if wanted == "category":
        return True
    if wanted == "boolean":
        levels = set(column.coded().levels) - {MISSING}
        return column.kind == "boolean" or levels <= {"0", "1"} or levels <= {"true", "false"}
    if wanted == "time":
        return column.kind == "time"
    if column.kind != "number":
        return False
    numbers = column.numbers()
    known = numbers[~np.isnan(numbers)]
    return wanted == "number" or bool((np.isfinite(known) & (known == np.floor(known))).all())


def _kind_of(column: Column) -> str:
    return {"number": "numbers", "category": "text", "boolean": "true and false", "time": "times"}[
        column.kind
    ]


def _ranges(column: Column, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "min" not in terms and "max" not in terms:
        return
    if column.kind != "number":
        yield _breach(
            column.name, "type", 0, f'Column "{column.name}" holds {_kind_of(column)}, which has no range.'
        )
        return
    numbers = column.numbers()
    for term, words in (("min", "at least"), ("max", "at most")):
        if term not in terms:
            continue
        outside = numbers < terms[term] if term == "min" else numbers > terms[term]
        count = int(np.count_nonzero(outside))
        if count:
            worst = numbers[outside].min() if term == "min" else numbers[outside].max()
            sentence = (
                f'Column "{column.name}" holds {worst:.10g} where {words} {terms[term]:.10g} was agreed '
                f"({count:,} of {len(numbers):,} rows)."
            )
            yield _breach(column.name, term, count, sentence)


def _values(column: Column, terms: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "values" not in terms:
        return
    from apps.engine.columns import level_text

    coded = column.coded()
    agreed = {level_text(value) for value in terms["values"]} | {MISSING}
    strange = [k for k, level in enumerate(coded.levels) if level not in agreed]
    if strange:
        count = int(np.isin(coded.codes, strange).sum())
        named = ", ".join(f'"{coded.levels[k]}"' for k in strange[:5])
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        sentence = (
            f'Column "{column.name}" holds {named}{more}, not among the values agreed ({count:,} rows).'
        )
        yield _breach(column.name, "values", count, sentence)


def _unique(column: Column) -> Iterator[dict[str, Any]]:
    coded = column.coded()
    counts = np.bincount(coded.codes, minlength=len(coded.levels))
    known = np.array([level != MISSING for level in coded.levels], dtype=bool)
    repeated = np.flatnonzero((counts > 1) & known)
    if len(repeated):
        rows = int((counts[repeated] - 1).sum())
        first = coded.levels[repeated[0]]
        sentence = f'Column "{column.name}" repeats values, such as "{first}" ({rows:,} rows too many).'
        yield _breach(column.name, "unique", rows, sentence)
