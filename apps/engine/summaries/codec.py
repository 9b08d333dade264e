"""A summary as bytes and back.

One line that says what it is, one line of JSON that names columns and levels, then the arrays, little-endian:
codes (int32) of each key, numbers (float64), counts (int64). Equal summaries are equal bytes. Bytes are
checked whole before anything is made of them; nothing in them is ever run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from apps.engine.errors import BadInput
from apps.engine.summaries.grid import GRIDS
from apps.engine.summaries.summary import SCORES, VALUE, Level, Summary, Type, placed, sort_key

MAGIC = b"countersign-summary/1\n"
MAX_HEAD = 64 << 20
NUMBERS = (*SCORES, "target", "weight")
_HEAD = ("full", "grid", "keys", "levels", "numbers", "read_as", "rows", "tuples", "types")
_OF_TYPE: Mapping[str, Any] = {"text": str, "integer": int, "number": str, "boolean": bool}


def as_bytes(summary: Summary) -> bytes:
    """The summary's bytes."""
    head = {
        "keys": summary.keys,
        "types": summary.types,
        "levels": [[_written(level) for level in held] for held in summary.levels],
        "numbers": summary.numbers,
        "read_as": summary.read_as,
        "grid": summary.grid,
        "rows": summary.rows,
        "full": summary.full,
        "tuples": summary.tuples,
    }
    line = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
    arrays = (
        *(code.astype("<i4") for code in summary.codes),
        *(values.astype("<f8") for values in summary.at),
        summary.count.astype("<i8"),
    )
    return b"".join((MAGIC, line, b"\n", *(array.tobytes() for array in arrays)))


def digest(summary: Summary) -> str:
    """``"sha256:…"`` over the summary's bytes."""
    return f"sha256:{hashlib.sha256(as_bytes(summary)).hexdigest()}"


def from_bytes(data: bytes) -> Summary:
    """The summary of these bytes.

    Raises
    ------
    BadInput
        They are no summary, or one that contradicts itself.

    Examples
    --------
    >>> from_bytes(b"hello")
    Traceback (most recent call last):
    apps.engine.errors.BadInput: These bytes are no summary.
    """
    if not data.startswith(MAGIC):
        raise BadInput("These bytes are no summary.")
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + MAX_HEAD)
    head: dict[str, Any] = {}
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        head = dict(json.loads(data[len(MAGIC) : max(end, 0)]))
    _true(sorted(head) == list(_HEAD), "its first line is not that of a summary")
    _check_head(head)
    found = _arrays(head, memoryview(data)[end + 1 :])
    _check_arrays(found)
    _true(as_bytes(found) == data, "it is not written in the one way that a summary is")
    return found


def _written(level: Level) -> Any:
    return level.hex() if isinstance(level, float) else level


def _read(level: Any, kind: Type) -> Level:
    if level is None:
        return None
    _true(type(level) is _OF_TYPE[kind], "a level is of another type than its column")
    try:
        found: Level = float.fromhex(level) if kind == "number" else level
    except (ValueError, OverflowError):
        raise BadInput("A summary is refused: a level is no number.") from None
    _true(not (isinstance(found, float) and math.isnan(found)), "a level is no number")
    return found


def _check_head(head: Mapping[str, Any]) -> None:
    keys, types, levels, numbers = (head[name] for name in ("keys", "types", "levels", "numbers"))
    _true(
        all(isinstance(part, list) for part in (keys, types, levels, numbers, head["read_as"])),
        "a list is missing",
    )
    _true(
        all(isinstance(key, str) for key in keys) and len(set(keys)) == len(keys), "its columns are not named"
    )
    _true(len(keys) == len(types) == len(levels), "its columns do not match")
    _true(all(kind in get_args(Type) for kind in types), "a type is not known")
    _true(all(isinstance(held, list) for held in levels), "levels are no list")
    _true(all(isinstance(name, str) for name in numbers), "its numbers are not named")
    alone = len(numbers) == 1 and numbers[0].startswith(VALUE)
    _true(alone or numbers == [name for name in NUMBERS if name in numbers], "its numbers are not known")
    _true(len(head["read_as"]) == len(numbers), "its numbers do not match")
    _true(all(_whole(value, 3) for value in head["read_as"]), "its numbers do not match")
    _true(_whole(head["grid"], len(GRIDS) - 1) and _whole(head["rows"], 1 << 62), "a count is out of range")
    _true(_whole(head["tuples"], 1 << 40) and isinstance(head["full"], bool), "a count is out of range")


def _whole(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _arrays(head: Mapping[str, Any], data: memoryview) -> Summary:
    tuples = head["tuples"]
    kinds = [*("<i4" for _ in head["keys"]), *("<f8" for _ in head["numbers"]), "<i8"]
    _true(len(data) == tuples * sum(int(kind[-1]) for kind in kinds), "it is cut off or too long")
    arrays, at = [], 0
    for kind in kinds:
        arrays.append(np.frombuffer(data, dtype=kind, count=tuples, offset=at).astype(kind[1:]))
        at += tuples * int(kind[-1])
    many = len(head["keys"])
    return Summary(
        keys=tuple(head["keys"]),
        types=tuple(head["types"]),
        levels=tuple(
            tuple(_read(level, kind) for level in held)
            for held, kind in zip(head["levels"], head["types"], strict=True)
        ),
        codes=tuple(arrays[:many]),
        numbers=tuple(head["numbers"]),
        at=tuple(arrays[many:-1]),
        read_as=tuple(head["read_as"]),
        count=arrays[-1],
        grid=head["grid"],
        rows=head["rows"],
        full=head["full"],
    )


def _check_arrays(found: Summary) -> None:
    """Codes that exist, levels and tuples in order and each once, counts that add up, scores on the grid."""
    for code, held in zip(found.codes, found.levels, strict=True):
        known = held[:-1] if held and held[-1] is None else held
        _true(
            None not in known and list(known) == sorted(set(known), key=sort_key), "levels are not in order"
        )
        _true(bool(((code >= 0) & (code < len(held))).all()), "a code has no level")
        _true(len(np.unique(code)) == len(held), "a level does not occur")
    _true(bool((found.count > 0).all()), "a tuple without rows")
    _true(found.full or sum(found.count.tolist()) == found.rows, "its rows do not add up")
    _true(not found.full or not found.tuples, "it holds tuples beyond the limit")
    for name, values in zip(found.numbers, found.at, strict=True):
        on = placed(name, values, GRIDS[found.grid])
        _true(bool((_bits(on) == _bits(values)).all()), "a number is off the grid")
        _true(not bool((np.signbit(values) & (values == 0)).any()), "a zero has a sign")
    by: Any = (*reversed(found.at), *reversed(found.codes))
    order = np.lexsort(by) if by else np.arange(found.tuples)
    _true(bool((order == np.arange(len(order))).all()), "tuples are not in order")
    _true(not _repeats(found), "a tuple stands there twice")


def _repeats(found: Summary) -> bool:
    if found.tuples < 2:
        return False
    same = np.ones(found.tuples - 1, dtype=bool)
    for values in (*found.codes, *(_bits(at) for at in found.at)):
        same &= values[1:] == values[:-1]
    return bool(same.any())


def _bits(values: Any) -> Any:
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def _true(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadInput(f"A summary is refused: {otherwise}.")
