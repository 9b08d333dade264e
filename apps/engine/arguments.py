"""The arguments of a check: validated against the catalogue, defaults filled in."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.engine.errors import BadInput

_WORDS = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "text",
    "strings": "a list of texts",
    "numbers": "a list of numbers",
    "attributes": "a list of attributes, or of lists of attributes",
    "object": "a mapping",
    "bins": "a rule or a list of ascending numbers",
}


def resolve(
    check: Check, given: Mapping[str, Any] | None, *, protected: Sequence[str] = ()
) -> dict[str, Any]:
    """Every argument of the check by name: as given, or its default.

    Parameters
    ----------
    given : mapping
        What a policy or a person gave.
    protected : sequence of str
        The manifest's protected attributes: the default of an argument ``attributes`` that has none.

    Raises
    ------
    BadInput
        An unknown argument, a wrong type, a value out of bounds, or a required one left out.

    Examples
    --------
    >>> from apps.engine.catalogue.spec import Arg
    >>> resolve_one(Arg(name="bins", type="integer", help="", minimum=2), Decimal("10"), "psi")
    10
    """
    known = {arg.name: arg for arg in check.args}
    for name in given or {}:
        if name not in known:
            raise BadInput(_unknown(check, name, list(known)))
    found = {name: _value(arg, given or {}, check.id) for name, arg in known.items()}
    if found.get("attributes", ()) is None:
        found["attributes"] = list(protected)
    return found


def resolve_one(arg: Arg, value: Any, check_id: str) -> Any:
    """One value, as the check function takes it."""
    read = _READERS[arg.type](value)
    if read is _WRONG or _out_of_bounds(arg, read) or (arg.choices and not _chosen(arg, read)):
        raise BadInput(f"{check_id}: {arg.name} must be {_expected(arg)}, not {_shown(value)}.")
    return read


def attribute_names(attributes: Any) -> list[str]:
    """The column names in a list of attributes and intersections, each once.

    Examples
    --------
    >>> attribute_names(["age", ["sex", "race"], "sex"])
    ['age', 'sex', 'race']
    """
    if not isinstance(attributes, (list, tuple)):
        return []
    names = [name for item in attributes for name in ([item] if isinstance(item, str) else item)]
    return list(dict.fromkeys(names))


def _unknown(check: Check, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    if not hint:
        hint = f" It takes {', '.join(known)}." if known else " It takes none."
    return f'{check.id} has no argument "{name}".{hint}'


def _value(arg: Arg, given: Mapping[str, Any], check_id: str) -> Any:
    value = given.get(arg.name)
    if value is not None:
        return resolve_one(arg, value, check_id)
    if arg.default is REQUIRED:
        raise BadInput(f"{check_id} needs the argument {arg.name}: {_expected(arg)}.")
    return list(arg.default) if isinstance(arg.default, tuple) else arg.default


_WRONG: Any = object()
_LARGEST = 2**63 - 1


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return _WRONG
    if isinstance(value, int):
        return value if abs(value) <= sys.float_info.max else _WRONG
    number = float(value)
    return number if math.isfinite(number) else _WRONG


def _integer(value: Any) -> Any:
    number = _number(value)
    if number is _WRONG or number != int(number) or abs(number) > _LARGEST:
        return _WRONG
    return int(number)


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else _WRONG


def _string(value: Any) -> Any:
    """Text; a bare number, which YAML reads as one, is taken as the text it was."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float, Decimal, date)) else _WRONG


def _each(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A list of such values; a lone text is a list of one."""

    def items(value: Any) -> Any:
        if isinstance(value, str) and value:
            value = [value]
        if not isinstance(value, (list, tuple)):
            return _WRONG
        found = [read(item) for item in value]
        return _WRONG if any(item is _WRONG for item in found) else found

    return items


def _attribute(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    parts = _each(lambda v: v if isinstance(v, str) and v else _WRONG)(value)
    return parts if parts is not _WRONG and parts and len(set(parts)) == len(parts) else _WRONG


def _object(value: Any) -> Any:
    return _undecimal(value) if isinstance(value, Mapping) else _WRONG


def _undecimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _undecimal(item) for key, item in value.items()}
    return [_undecimal(item) for item in value] if isinstance(value, (list, tuple)) else value


def _bins(value: Any) -> Any:
    """A rule by its name, or a list of ascending numbers."""
    if isinstance(value, str):
        return value
    edges = _each(_number)(value)
    ascending = edges is not _WRONG and edges and all(a < b for a, b in pairwise(edges))
    return edges if ascending else _WRONG


_READERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
    "strings": _each(_string),
    "numbers": _each(_number),
    "attributes": _each(_attribute),
    "object": _object,
    "bins": _bins,
}


def _out_of_bounds(arg: Arg, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    low = arg.minimum is not None and any(v < arg.minimum for v in numbers)
    return low or (arg.maximum is not None and any(v > arg.maximum for v in numbers))


def _chosen(arg: Arg, value: Any) -> bool:
    if arg.type == "bins" and isinstance(value, list):
        return True
    values = value if isinstance(value, list) else [value]
    return all(v in arg.choices for v in values)


def _expected(arg: Arg) -> str:
    if arg.choices:
        listed = f"one of {', '.join(str(choice) for choice in arg.choices)}"
        return listed + (", or a list of ascending numbers" if arg.type == "bins" else "")
    words = _WORDS[arg.type]
    if arg.minimum is not None and arg.maximum is not None:
        return f"{words} from {arg.minimum:g} to {arg.maximum:g}"
    if arg.minimum is not None:
        return f"{words} of at least {arg.minimum:g}"
    return words if arg.maximum is None else f"{words} of at most {arg.maximum:g}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(_undecimal(value))
    return text if len(text) <= 80 else text[:77] + "..."
