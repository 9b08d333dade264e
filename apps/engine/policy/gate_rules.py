"""What a gate must satisfy beyond its form: a known check, its arguments, bounds that point the right way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.engine import arguments
from apps.engine.catalogue import all_checks, find
from apps.engine.catalogue.spec import REQUIRED, Check
from apps.engine.errors import BadInput
from apps.engine.policy.form import Fault, Faults, Path, shown
from apps.engine.policy.vocabulary import nearest

_RANGE = re.compile(r"[(\[{](-?(?:inf|[\d.]+)), (?:[\d.]+, )*(-?(?:inf|[\d.]+))[)\]}]")
_SETS = ("dataset", "reference")


def gate_faults(gate: Mapping[str, Any], path: Path) -> Faults:
    """Every fault of one gate, inheritance merged, against the catalogue."""
    name = str(gate.get("id"))
    if not isinstance(gate.get("check"), str):
        yield Fault(path, f'{name} needs the field "check".')
        return
    try:
        check = find(gate["check"])
    except BadInput as problem:
        yield Fault((*path, "check"), f"{name}: {problem}")
        return
    yield from _argument_faults(check, gate.get("with") or {}, (*path, "with"))
    yield from _bound_faults(check, gate, path)
    if "on_review" in gate and check.range != "{0, 1, 2}":
        yield Fault((*path, "on_review"), f"{name}: {check.id} never answers “review”.", on_key=True)


def split(check: Check, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The check's own arguments, and the data sets (`dataset`, `reference`) named among them."""
    own = {arg.name for arg in check.args}
    sets = {name: given[name] for name in _SETS if name in given and name not in own}
    return {name: value for name, value in given.items() if name not in sets}, sets


def _argument_faults(check: Check, given: Mapping[str, Any], path: Path) -> Faults:
    own, sets = split(check, given)
    for name, value in sets.items():
        if not isinstance(value, str) or not value:
            yield Fault((*path, name), f"{name} must be the name of a data set, not {shown(value)}.")
    known = {arg.name: arg for arg in check.args}
    for name, value in own.items():
        try:
            if name not in known:
                words = nearest(name, known) if known else " It takes none."
                yield Fault((*path, name), f'{check.id} has no argument "{name}".{words}', on_key=True)
            elif value is not None:
                arguments.resolve_one(known[name], value, check.id)
        except BadInput as problem:
            yield Fault((*path, name), str(problem))
        except (ArithmeticError, ValueError, TypeError):
            yield Fault((*path, name), f"{check.id}: {name} cannot be {shown(value)}.")
    for name, arg in known.items():
        if arg.default is REQUIRED and own.get(name) is None:
            yield Fault(path, f"{check.id} needs the argument {name}: {arg.help}")


def _bound_faults(check: Check, gate: Mapping[str, Any], path: Path) -> Faults:
    name, bound = gate["id"], gate.get("pass") or {}
    if not bound:
        if check.direction != "none":
            yield Fault(path, f'{name} needs the field "pass": {_wanted(check)}.')
        return
    at = (*path, "pass")
    end = {"higher": "min", "lower": "max"}.get(check.direction)
    if end and end not in bound:
        other = next(iter(bound))
        yield Fault(
            (*at, other),
            f"{name}: of {check.id} {check.direction} is better, so pass needs {end}, not {other}.",
        )
    yield from _ordered(name, bound, at)
    warn = gate.get("warn") or {}
    yield from _ordered(name, warn, (*path, "warn"))
    for place, given in (("pass", bound), ("warn", warn)):
        yield from _range_faults(check, name, given, (*path, place))
    for side, looser in (("min", _below), ("max", _above)):
        if side in bound and side in warn and looser(warn[side], bound[side]):
            sentence = f"warn {side} {warn[side]} can never be reached, because pass asks for {bound[side]}."
            yield Fault((*path, "warn", side), f"{name}: {sentence}")


def _wanted(check: Check) -> str:
    return {"higher": "a min, because higher is better", "lower": "a max, because lower is better"}.get(
        check.direction, "a min, a max or both"
    )


def _below(one: Any, other: Any) -> bool:
    return Decimal(str(one)) < Decimal(str(other))


def _above(one: Any, other: Any) -> bool:
    return Decimal(str(one)) > Decimal(str(other))


def _ordered(name: str, bound: Mapping[str, Any], path: Path) -> Faults:
    if "min" in bound and "max" in bound and _above(bound["min"], bound["max"]):
        yield Fault(
            (*path, "min"), f"{name}: min {bound['min']} is above max {bound['max']}; nothing can pass."
        )


def _range_faults(check: Check, name: str, bound: Mapping[str, Any], path: Path) -> Faults:
    """A bound outside the numbers that the check can give: nothing passes it, or everything does."""
    found = _RANGE.fullmatch(check.range)
    if found is None:
        return
    low, high = (Decimal(end) for end in found.groups())
    for side, value in bound.items():
        number = Decimal(str(value))
        if low <= number <= high:
            continue
        what = "nothing can pass" if (number > high) == (side == "min") else "everything passes"
        yield Fault((*path, side), f"{name}: {check.id} lies in {check.range}; with {side} {value} {what}.")


def known_check(check_id: str) -> Check | None:
    """The check of that id, or None."""
    return all_checks().get(check_id)
