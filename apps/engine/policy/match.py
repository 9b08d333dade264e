"""`match:` and `unless:`: which models a policy, a gate or a step speaks of.

Every line must hold; a list means any of. A field that the inventory has no value for never takes
a duty away: its line holds in `match` and does not hold in `unless`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.engine.policy.form import MOST, Fault, Faults, Form, Path, dotted, shown
from apps.engine.policy.vocabulary import FIELDS, nearest

Facts = Mapping[str, Any]
_ORDER = ("gte", "gt", "lte", "lt")
_SCALAR = ("eq", "ne")
_LISTS = ("any_of", "all_of", "none_of")
OPERATORS = (*_ORDER, *_SCALAR, *_LISTS)
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Match(Form):
    """The form of a `match` or `unless` mapping."""

    def faults(self, value: Any, path: Path) -> Faults:
        """An unknown field or operator, or a value of the wrong type."""
        if not isinstance(value, dict):
            yield Fault(path, f"{dotted(path)} must be a mapping of fields, not {shown(value)}.")
            return
        for name, wanted in value.items():
            at = (*path, name)
            if name not in FIELDS:
                hint = nearest(name, FIELDS)
                yield Fault(at, f'"{name}" is no field of a model.{hint}', on_key=True)
            elif isinstance(wanted, dict):
                yield from _operator_faults(name, wanted, at)
            else:
                yield from _value_faults(name, wanted, at)


def _operator_faults(name: str, wanted: Mapping[str, Any], path: Path) -> Faults:
    if not wanted:
        yield Fault(path, f"{name} needs an operator: {', '.join(OPERATORS)}.")
    for operator, value in wanted.items():
        at = (*path, operator)
        if operator not in OPERATORS:
            hint = nearest(operator, OPERATORS)
            yield Fault(at, f'"{operator}" is no operator.{hint}', on_key=True)
        elif operator in _ORDER and FIELDS[name] != "number":
            yield Fault(at, f"{name} is {FIELDS[name]}; {operator} compares numbers.", on_key=True)
        elif operator in _LISTS and not isinstance(value, list):
            yield Fault(at, f"{operator} needs a list, not {shown(value)}.")
        elif operator not in _LISTS and isinstance(value, list):
            yield Fault(at, f"{operator} needs one value, not a list.")
        else:
            yield from _value_faults(name, value, at)


def _value_faults(name: str, wanted: Any, path: Path) -> Faults:
    values = wanted if isinstance(wanted, list) else [wanted]
    if not values or len(values) > LONGEST:
        yield Fault(path, f"{name} needs 1 to {LONGEST} values.")
    for i, value in enumerate(values):
        if not _TYPES[FIELDS[name]](value):
            at = (*path, i) if isinstance(wanted, list) else path
            yield Fault(at, f"{name} is {_WORDS[FIELDS[name]]}, so it cannot be {shown(value)}.")


def _is_number(value: Any) -> bool:
    right = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return right and abs(value) <= MOST


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "texts": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
}
_WORDS = {"text": "text", "texts": "a list of texts", "boolean": "true or false", "number": "a number"}


def holds(match: Mapping[str, Any], unless: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a model with these facts is meant: every line of `match` holds, no line of `unless`.

    Examples
    --------
    >>> holds({"model.tier": [1, 2]}, {"model.vendor": [True]}, {"model.tier": 1, "model.vendor": False})
    True
    >>> holds({"model.exposure_eur": {"gte": 50}}, {}, {"model.exposure_eur": None})
    True
    """
    meant = all(_line(name, wanted, facts.get(name), unknown=True) for name, wanted in match.items())
    return meant and not any(
        _line(name, wanted, facts.get(name), unknown=False) for name, wanted in unless.items()
    )


def line_holds(name: str, wanted: Any, actual: Any) -> bool:
    """Whether one line holds of a value that is known.

    Examples
    --------
    >>> line_holds("model.tier", {"gte": 2}, 3), line_holds("model.tier", {"gte": 2}, None)
    (True, False)
    """
    return _line(name, wanted, actual, unknown=False)


def _line(name: str, wanted: Any, actual: Any, *, unknown: bool) -> bool:
    values = [_comparable(v) for v in (actual if isinstance(actual, (list, tuple)) else [actual])]
    kind = FIELDS.get(name)
    if not values or any(v in (None, "") or (kind == "number") != isinstance(v, Decimal) for v in values):
        return unknown
    if not isinstance(wanted, Mapping):
        wanted = {"any_of": wanted if isinstance(wanted, list) else [wanted]}
    return all(_OPERATE[operator](values, _right(value)) for operator, value in wanted.items())


def _right(value: Any) -> list[Any]:
    return [_comparable(v) for v in (value if isinstance(value, (list, tuple)) else [value])]


def _comparable(value: Any) -> Any:
    """Numbers as Decimal, so that 1, 1.0 and "1.0" of a stored document are one; booleans apart."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    return value


def _ordered(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[list[Any], list[Any]], bool]:
    def operate(actual: list[Any], wanted: list[Any]) -> bool:
        return compare(actual[0], Decimal(str(wanted[0])))

    return operate


def _same(actual: list[Any], wanted: list[Any]) -> bool:
    return any(value in actual for value in map(_as(actual), wanted))


def _as(actual: list[Any]) -> Callable[[Any], Any]:
    """Text of a stored document as the number that it is, where a number is compared."""
    numeric = any(isinstance(value, Decimal) for value in actual)

    def convert(value: Any) -> Any:
        try:
            return Decimal(value) if numeric and isinstance(value, str) else value
        except ArithmeticError:
            return value

    return convert


_OPERATE: Mapping[str, Callable[[list[Any], list[Any]], bool]] = {
    "gte": _ordered(lambda a, b: a >= b),
    "gt": _ordered(lambda a, b: a > b),
    "lte": _ordered(lambda a, b: a <= b),
    "lt": _ordered(lambda a, b: a < b),
    "eq": _same,
    "ne": lambda actual, wanted: not _same(actual, wanted),
    "any_of": _same,
    "all_of": lambda actual, wanted: all(v in actual for v in map(_as(actual), wanted)),
    "none_of": lambda actual, wanted: not _same(actual, wanted),
}
