r"""Edits of a strict YAML text that change only the lines they mean; comments and all else stay as written.

Every edit is read back: either the text says exactly what was meant, or the edit is refused and the text
must be changed by hand.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy.form import dotted
from apps.engine.strict_yaml import Path
from apps.engine.text_places import Place, places

_BREAKS = re.compile("[\x85\u2028\u2029]")


def replaced(text: str, path: Path, value: Any, *, order: Sequence[str] = (), block: int = 0) -> str:
    r"""The text with another value at `path`, which is put in where it is missing.

    Parameters
    ----------
    order : sequence of str
        The usual order of the fields beside it: a missing one comes after those that precede it.
    block : int
        How many levels of a mapping that is put in stand on lines of their own.

    Raises
    ------
    BadInput
        Where the text cannot be edited like this.

    Examples
    --------
    >>> print(replaced("gates:\n  - id: auc  # first\n    pass: {min: 0.70}\n",
    ...                ("gates", 0, "pass", "min"), Decimal("0.75")), end="")
    gates:
      - id: auc  # first
        pass: {min: 0.75}
    """
    known, whole = _read(text)
    held, rest = _deepest(known, path)
    if rest:
        value = _nested(rest[1:], value)
        made = _put_in(text, whole, held, rest[0], value, order, block)
        return _checked(made, known, (*held, rest[0]), value)
    place, parent = whole.at(path), whole.at(path[:-1]) if path else None
    edit = None if place is None else _over(text, whole, path, place, _flow(value, parent))
    return _checked(_applied(text, edit, path), known, path, value)


def without(text: str, path: Path) -> str:
    r"""The text without the field or the list's item at `path`, and without its lines.

    Examples
    --------
    >>> without("a: 1\n# of b\nb: 2\nc: 3\n", ("b",))
    'a: 1\n# of b\nc: 3\n'
    """
    known, whole = _read(text)
    parent, place = whole.at(path[:-1]), whole.at(path)
    if parent is None or place is None:
        raise _refused(path)
    meant = copy.deepcopy(known)
    del _at(meant, path[:-1])[path[-1]]
    if len(parent.parts) == 1:
        empty: Any = {} if parent.kind == "mapping" else []
        return replaced(text, path[:-1], empty)
    made = _applied(text, _cut(text, parent, path[-1]), path)
    return _as_meant(made, meant, path)


def appended(text: str, path: Path, value: Any, *, order: Sequence[str] = ()) -> str:
    r"""The text with one more item at the end of the list at `path`; a mapping stands on lines of its own.

    Examples
    --------
    >>> print(appended("gates: []\n", ("gates",), {"id": "auc", "pass": {"min": Decimal("0.7")}}), end="")
    gates:
      - id: auc
        pass: {min: 0.7}
    """
    known, whole = _read(text)
    place = whole.at(path)
    if place is None:
        return appended(replaced(text, path, [], order=order), path, value)
    if place.kind != "list":
        raise BadInput(f"{dotted(path)} is no list; change it in the text.")
    meant = copy.deepcopy(known)
    _at(meant, path).append(value)
    return _as_meant(_applied(text, _one_more(text, whole, path, value), path), meant, path)


def written(value: Any) -> str:
    """A value as it is written on one line.

    Examples
    --------
    >>> written({"min": Decimal("0.80"), "of": ["a, b", "no", "1"]})
    '{min: 0.80, of: ["a, b", no, "1"]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(str(k))}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return _scalar(value, flow=True)


# Reading and holding to what was meant ----------------------------------------------------------------


def _read(text: str) -> tuple[Any, Place]:
    return strict_yaml.read(text.encode(), name="policy.yaml").value, places(text)


def _checked(made: str, known: Any, path: Path, value: Any) -> str:
    meant = copy.deepcopy(known)
    if not path:
        return _as_meant(made, value, path)
    parent = _at(meant, path[:-1])
    if parent is None:
        parent = {}
        _at(meant, path[:-2])[path[-2]] = parent
    parent[path[-1]] = value
    return _as_meant(made, meant, path)


def _as_meant(made: str, meant: Any, path: Path) -> str:
    try:
        found = strict_yaml.read(made.encode(), name="policy.yaml").value
    except BadInput as problem:
        raise _refused(path) from problem
    if not _same(found, meant):
        raise _refused(path)
    return made


def _refused(path: Path) -> BadInput:
    return BadInput(f"{dotted(path)} is written in a way that no form can change; change it in the text.")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(v, other[k]) for k, v in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = (int, Decimal)
    if isinstance(one, numbers) and isinstance(other, numbers):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    return type(one) is type(other) and bool(one == other)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _deepest(value: Any, path: Path) -> tuple[Path, Path]:
    """How far the path leads, and what is missing of it."""
    for i, part in enumerate(path):
        inside = isinstance(value, dict) if isinstance(part, str) else isinstance(value, list)
        if not inside and value is not None:
            raise BadInput(f"{dotted(path[:i])} holds no {part!r}; change it in the text.")
        there = value is not None and (part in value if isinstance(part, str) else part < len(value))
        if not there:
            if not isinstance(part, str):
                raise BadInput(f"{dotted(path[:i])} has no item {part}.")
            return path[:i], path[i:]
        value = value[part]
    return path, ()


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = {part: value}
    return value


# The edits: from, up to, and what stands there instead --------------------------------------------------

Edit = tuple[int, int, str]


def _applied(text: str, edit: Edit | None, path: Path) -> str:
    if edit is None:
        raise _refused(path)
    start, end, new = edit
    return text[:start] + new + text[end:]


def _flow(value: Any, parent: Place | None) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return written(value)
    return _scalar(value, flow=parent is None or parent.flow)


def _over(text: str, whole: Place, path: Path, place: Place, new: str) -> Edit:
    """Another value in the place of this one; a mapping of several lines becomes one of one line."""
    start, end = place.start, place.end
    key = whole.at(path[:-1]).keys.get(str(path[-1])) if path else None  # type: ignore[union-attr]
    if key is not None and place.kind != "scalar" and not place.flow:
        start = text.index(":", key[1]) + 1
    return start, end, new if text[start - 1 : start] in ("", " ", "[", "{", "\n") else " " + new


def _put_in(
    text: str, whole: Place, held: Path, key: str | int, value: Any, order: Sequence[str], block: int
) -> str:
    """One more field of the mapping at `held`."""
    place = whole.at(held)
    if place is None or place.kind == "list":
        raise _refused(held)
    outside = place.kind == "scalar" or (place.flow and not place.parts)
    parent = whole.at(held[:-1]) if held else None
    if outside and block and parent is not None and not parent.flow:
        column = _column(text, parent) + 2
        lines = _lines({key: value}, column, block + 1)
        start = text.index(":", parent.keys[str(held[-1])][1]) + 1
        return _applied(text, (start, place.end, "\n" + lines), held)
    if place.kind == "scalar":
        return _applied(text, _over(text, whole, held, place, written({key: value})), held)
    if place.flow:
        last = max((part.end for part in place.parts.values()), default=None)
        entry = f"{written(str(key))}: {written(value)}"
        edit = (last, last, f", {entry}") if last is not None else (place.start + 1, place.start + 1, entry)
        return _applied(text, edit, held)
    after = _line_end(text, place.parts[_neighbour(place, str(key), order)].end)
    lines = _lines({key: value}, _column(text, place), block + 1)
    return _applied(text, (after, after, "\n" + lines), held)


def _neighbour(place: Place, key: str, order: Sequence[str]) -> str | int:
    """The field after which a new one comes."""
    names = list(place.parts)
    before = order[: order.index(key)] if key in order else ()
    earlier = [name for name in names if name in before]
    return earlier[-1] if earlier else names[-1]


def _lines(value: Mapping[Any, Any], column: int, levels: int) -> str:
    lines = []
    for key, item in value.items():
        head = " " * column + _scalar(str(key), flow=False) + ":"
        if isinstance(item, Mapping) and item and levels > 1:
            lines += [head, _lines(item, column + 2, levels - 1)]
        else:
            held = written(item) if isinstance(item, (Mapping, list, tuple)) else _scalar(item, flow=False)
            lines.append(f"{head} {held}")
    return "\n".join(lines)


def _one_more(text: str, whole: Place, path: Path, value: Any) -> Edit:
    place, parent = whole.at(path), whole.at(path[:-1])
    if place is None or parent is None:
        raise _refused(path)
    if place.flow and (place.parts or parent.flow or not path):
        last = max((part.end for part in place.parts.values()), default=place.start + 1)
        return last, last, (", " if place.parts else "") + written(value)
    if place.flow:
        start = text.index(":", parent.keys[str(path[-1])][1]) + 1
        return start, place.end, "\n" + _item(value, _column(text, parent) + 2)
    after = _line_end(text, place.end)
    return after, after, "\n" + _item(value, _column(text, place))


def _item(value: Any, column: int) -> str:
    if not isinstance(value, Mapping) or not value:
        return " " * column + f"- {written(value)}"
    lines = _lines(value, column + 2, 1)
    return " " * column + "- " + lines[column + 2 :]


def _cut(text: str, parent: Place, name: str | int) -> Edit | None:
    """What to take away: whole lines where the value has lines of its own."""
    names = list(parent.parts)
    at = names.index(name)
    starts = [parent.keys[str(n)][0] if parent.keys else parent.parts[n].start for n in names]
    end = parent.parts[name].end
    if parent.flow:
        if at + 1 < len(names):
            return starts[at], starts[at + 1], ""
        return parent.parts[names[at - 1]].end, end, ""
    line = text.rfind("\n", 0, starts[at]) + 1
    if text[line : starts[at]].strip() in (("",) if parent.keys else ("-",)):
        after = _line_end(text, end)
        return (line, after + 1, "") if after < len(text) else (max(line - 1, 0), after, "")
    if at + 1 < len(names) and not text[end : starts[at + 1]].strip():
        return starts[at], starts[at + 1], ""
    return None


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _column(text: str, place: Place) -> int:
    return place.start - (text.rfind("\n", 0, place.start) + 1)


# Scalars ------------------------------------------------------------------------------------------------


def _scalar(value: Any, *, flow: bool) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, Decimal)):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if not isinstance(value, str):
        raise BadInput(f"A {type(value).__name__} cannot be written in a policy.")
    return value if _plain(value, flow=flow) else _quoted(value)


def _quoted(value: str) -> str:
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _plain(value: str, *, flow: bool) -> bool:
    """Whether the text needs no quotation marks: it reads back as itself, between others."""
    if not value or "\n" in value or value.strip() != value or (flow and "," in value):
        return False
    sample = f"{{a: {value}, b: 1}}" if flow else f"a: {value}\nb: 1\n"
    try:
        found = strict_yaml.read(sample.encode(), name="policy.yaml").value
    except (BadInput, UnicodeEncodeError):
        return False
    return bool(found == {"a": value, "b": 1})
