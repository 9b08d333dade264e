"""One column of a table, whatever its coding on disk: numbers, levels and missing values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apps.engine import table_limits
from apps.engine.columns import MISSING, BoolArray, Coded, FloatArray, Kind, level_text
from apps.engine.errors import BadInput
from apps.engine.parts import is_text, text_bytes

_INTEGER = re.compile(r"[+-]?\d+\Z")
_WHOLE = 2**53
_LONG = 300  # digits: beyond these Python takes its time, and then refuses
_TIME = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_ZERO_FIRST = r"^\s*[+-]?0[0-9]"
_TRUTH = {
    "true": "true",
    "True": "true",
    "TRUE": "true",
    "false": "false",
    "False": "false",
    "FALSE": "false",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What the values of a column, or of a part of it, can all be read as; `&` of parts speaks of both."""

    number: bool = True
    boolean: bool = True
    time: bool = True

    def __and__(self, other: Traits) -> Traits:
        return Traits(self.number and other.number, self.boolean and other.boolean, self.time and other.time)

    @property
    def kind(self) -> Kind:
        """The kind of such a column; a number where all is possible, as nothing is there."""
        if self.number:
            return "number"
        if self.boolean:
            return "boolean"
        return "time" if self.time else "category"


class TableColumn:
    """A column read from a file; see `apps.engine.columns.Column`.

    Parameters
    ----------
    name : str
        The column's name.
    values : pyarrow.ChunkedArray
        Any flat Arrow type; nested and binary ones are refused by name.
    missing : sequence of str
        Texts that mean *missing*.
    kind : str, optional
        The kind of the whole column, where these values are a part of it.
    first : int
        Rows of the table before these.

    Examples
    --------
    >>> column = TableColumn("x", pa.chunked_array([["2", "10", None, "2.0"]]))
    >>> column.kind, column.coded().levels
    ('number', ('10', '2', '(missing)'))
    """

    def __init__(
        self, name: str, values: Any, missing: Sequence[str] = (), *, kind: Kind | None = None, first: int = 0
    ) -> None:
        self.name = name
        self._given = kind
        self._first = first
        self._values = _canonical(name, values)
        if missing and self._is_text:
            found = pc.is_in(self._values, value_set=pa.array(list(missing), pa.string()))
            self._values = pc.if_else(found, pa.scalar(None, pa.string()), self._values)

    @property
    def _is_text(self) -> bool:
        return bool(pa.types.is_string(self._values.type))

    @cached_property
    def kind(self) -> Kind:
        """What every value that is present can be read as; `number` where none is."""
        return self._given or self.traits.kind

    @cached_property
    def traits(self) -> Traits:
        """What these values allow the column to be."""
        if not self._is_text:
            boolean = bool(pa.types.is_boolean(self._values.type))
            return Traits(number=not boolean, boolean=boolean, time=False)
        if self._read is not None and not _any(self._values, _ZERO_FIRST):
            none = self._values.null_count == len(self._values)
            return Traits(number=True, boolean=none, time=none)
        texts = self._encoded[1].drop_null()
        truths = len(texts) <= len(_TRUTH) and all(text in _TRUTH for text in texts.to_pylist())
        return Traits(number=False, boolean=truths, time=not truths and not _any(texts, _TIME, absent=True))

    @property
    def values(self) -> Any:
        """The values as Arrow has them, of one of five types, missing ones null."""
        return self._values

    @cached_property
    def _encoded(self) -> tuple[Any, Any]:
        """Codes into distinct values (-1 where missing), and those values as an Arrow array."""
        encoded = self._values.dictionary_encode().unify_dictionaries()
        if encoded.num_chunks == 0:
            return np.zeros(0, np.int32), pa.array([], self._values.type)
        codes = [c.indices.fill_null(-1).to_numpy(zero_copy_only=False) for c in encoded.chunks]
        return np.concatenate(codes), encoded.chunk(0).dictionary

    @cached_property
    def _read(self) -> Any:
        """The values read as numbers; None where one of them is no number."""
        return _floats(self._values) if self._is_text else self._values

    @cached_property
    def _numbers(self) -> FloatArray:
        return _float_array(self._truths() if self._read is None else self._read)

    @cached_property
    def _exact(self) -> FloatArray:
        """The numbers, each as it stands in the file; BadInput names a whole number that would be rounded."""
        if pa.types.is_floating(self._values.type) or self._read is None:
            return self._numbers
        for row in np.flatnonzero(np.abs(self._numbers) >= _WHOLE).tolist():
            given, read = self._values[row].as_py(), self._numbers[row]
            text = given.strip() if isinstance(given, str) else str(given)
            if _INTEGER.match(text) and (not np.isfinite(read) or int(_integer_text(text)) != int(read)):
                raise BadInput(
                    f'Column "{self.name}" holds {_short(text)} in row {self._first + row + 1:,} where a '
                    f"number was expected: whole numbers are read exactly up to {_WHOLE:,}."
                )
        return self._numbers

    def numbers(self) -> FloatArray:
        """Float64 values, NaN where missing, booleans as 0 and 1; a whole number is never rounded."""
        return self._exact

    @property
    def nearest(self) -> FloatArray:
        """As `numbers`, whole numbers beyond 2^53 rounded: for bounds, not to tell values apart."""
        return self._numbers

    def _truths(self) -> Any:
        """Text of true and false as 0 and 1; BadInput names the first value that is no number."""
        codes, texts = self._encoded
        if self.kind == "boolean":
            truth = np.array([_TRUTH[t] == "true" for t in texts.to_pylist()] + [np.nan])
            return pa.chunked_array([pa.array(truth[codes])])
        low, high = 0, len(texts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _floats(texts.slice(low, middle - low)) is None else (middle, high)
        row = int(np.flatnonzero(codes == low)[0])
        raise BadInput(
            f'Column "{self.name}" holds "{_short(str(texts[low]))}" in row {self._first + row + 1:,} '
            "where a number was expected."
        )

    @cached_property
    def _coded(self) -> Coded:
        codes, values = self._encoded
        kind = self.kind
        texts = [_level(value, kind) for value in values.to_pylist()] + [MISSING]
        present = {texts[code] for code in np.unique(codes)}
        levels = sorted(present - {MISSING}) + ([MISSING] if MISSING in present else [])
        index = {level: i for i, level in enumerate(levels)}
        lookup = np.array([index.get(text, -1) for text in texts], dtype=np.int32)
        return Coded(lookup[codes], tuple(levels))

    def coded(self) -> Coded:
        """The column as categories, levels sorted as text, ``"(missing)"`` last."""
        return self._coded

    def missing(self) -> BoolArray:
        """True where the cell is empty, null or NaN."""
        empty = np.asarray(self._values.is_null().to_numpy(), dtype=bool)
        if pa.types.is_floating(self._values.type):
            return empty | np.isnan(_float_array(self._values))
        if self._is_text and self.kind == "number":
            return np.isnan(self.numbers())
        return empty


def _canonical(name: str, values: Any) -> Any:
    """One of int64, uint64, float64, bool or string, whatever the Arrow type."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        most = table_limits.MAX_COLUMN_TEXT
        if is_text(kind) and text_bytes(values.chunks, most) > most:
            raise BadInput(table_limits.too_much_text(name))
        return _canonical(name, values.cast(kind.value_type))
    target = _target(kind)
    if target is None:
        raise BadInput(f'Column "{name}" is of the type {kind}, which cannot be measured.')
    try:
        if pa.types.is_decimal(kind):  # as its text is read, to the nearest; Arrow's own way is an ulp off
            values = values.cast(pa.string())
        values = values if kind == target else values.cast(target, safe=False)
    except pa.ArrowException as problem:
        raise BadInput(f'Column "{name}" cannot be read: {" ".join(str(problem).split())}') from problem
    return _without_empty(values) if pa.types.is_string(values.type) else values


def _target(kind: Any) -> Any:
    families = (
        (pa.types.is_boolean, pa.bool_()),
        (pa.types.is_unsigned_integer, pa.uint64()),
        (pa.types.is_integer, pa.int64()),
        (pa.types.is_floating, pa.float64()),
        (pa.types.is_decimal, pa.float64()),
        (pa.types.is_string, pa.string()),
        (pa.types.is_large_string, pa.string()),
        (pa.types.is_string_view, pa.string()),
        (pa.types.is_null, pa.string()),
        (pa.types.is_date, pa.string()),
        (pa.types.is_timestamp, pa.string()),
        (pa.types.is_time, pa.string()),
    )
    return next((target for test, target in families if test(kind)), None)


def _without_empty(values: Any) -> Any:
    empty = pc.equal(values, "")
    if not pc.any(empty).as_py():
        return values
    return pc.if_else(empty, pa.scalar(None, pa.string()), values)


def _floats(texts: Any) -> Any:
    """The texts as float64, blanks around a number allowed; None where one is no number."""
    for values in (texts, pc.utf8_trim_whitespace(texts)):
        try:
            return pc.cast(values, pa.float64())
        except pa.ArrowInvalid:
            continue
    return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _any(texts: Any, pattern: str, *, absent: bool = False) -> bool:
    found = pc.match_substring_regex(texts, pattern)
    return bool(pc.any(pc.invert(found) if absent else found).as_py())


def _float_array(values: Any) -> FloatArray:
    filled = pc.cast(values, pa.float64(), safe=False)
    return np.asarray(pc.fill_null(filled, np.nan).to_numpy(), dtype=np.float64)


def _level(value: Any, kind: Kind) -> str:
    """The canonical text of one distinct value of a column of that kind."""
    if not isinstance(value, str):
        return level_text(value)
    if kind == "number":
        text = value.strip()
        return _integer_text(text) if _INTEGER.match(text) else level_text(float(text))
    if kind == "time":
        return _time_text(value)
    return _TRUTH[value] if kind == "boolean" else value


def _integer_text(text: str) -> str:
    """A whole number without a plus sign and leading zeros, however long it is."""
    if len(text) <= _LONG:
        return str(int(text))
    digits = text.lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if text.startswith("-") and digits != "0" else digits


def _time_text(value: str) -> str:
    """A date, or date and time, without a midnight and without empty fractions."""
    text = value.replace("T", " ", 1)
    text = re.sub(r"(:\d{2})\.(\d*?)0+(?=\D|$)", lambda m: m[1] + (f".{m[2]}" if m[2] else ""), text)
    return re.sub(r" 00:00(:00)?$", "", text)
