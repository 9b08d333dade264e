"""How a policy's section on deploying is written, inherited and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from apps.engine.policy.deployment import (
    Condition,
    DeployPattern,
    DeployRules,
    condition_of,
)
from apps.engine.policy.form import AnyFields, Fault, Fields, Flag, Form, Items, Number, Path, Text, dotted
from apps.engine.properties import DEPLOY_TYPES, property_name

Doc = Mapping[str, Any]
Say = Callable[[Path, str], None]
Effect = Literal["stricter", "looser", "changed"]

# The form --------------------------------------------------------------------------------------------------


def _one_question(value: Doc, path: Path) -> Iterator[Fault]:
    kinds = [bool({"min", "max"} & set(value)), "one_of" in value, "equals" in value]
    if sum(kinds) > 1:
        yield Fault(path, f"{dotted(path)} asks one thing: min and max, one_of, or equals.")
    elif not sum(kinds) and value.get("stated") is not True:
        yield Fault(path, f"{dotted(path)} asks nothing: give min, max, one_of, equals, or stated: true.")
    low, high = _number(value.get("min")), _number(value.get("max"))
    if low is not None and high is not None and low > high:
        yield Fault(path, f"{dotted(path)} can never hold: {low} is more than {high}.")


def _number(value: Any) -> Decimal | None:
    right = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return Decimal(value) if right else None


def _named_properties(value: Doc, path: Path) -> Iterator[Fault]:
    requires = value.get("requires")
    for name in requires if isinstance(requires, dict) else ():
        if not property_name(str(name)):
            told = f'"{str(name)[:60]}" is no name of a property: small letters, digits and _.'
            yield Fault((*path, "requires", name), told, on_key=True)


def _together(value: Doc, path: Path) -> Iterator[Fault]:
    """Patterns that no deployment may be in, or a section that says nothing."""
    if not value:
        yield Fault(path, f"{dotted(path)} says nothing: give types, patterns or both.")
    types, seen = value.get("types"), set()
    patterns = value.get("patterns")
    for i, one in enumerate(patterns if isinstance(patterns, list) else ()):
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            continue
        here: Path = (*path, "patterns", i)
        if one["id"] in seen:
            yield Fault((*here, "id"), f'{dotted(path)}.patterns has "{one["id"]}" a second time.')
        seen.add(one["id"])
        if _apart(one.get("types"), types):
            yield Fault((*here, "types"), f"{one['id']} is for types that {dotted(path)}.types leaves out.")


def _apart(mine: Any, types: Any) -> bool:
    """Whether two lists of types have none in common."""
    if not isinstance(mine, list) or not isinstance(types, list):
        return False
    return not set(map(str, mine)) & set(map(str, types))


def deployment_form(name: Form) -> Form:
    """The form of the section; `name` is that of a pattern's id."""
    types = Items(Text(words=DEPLOY_TYPES), least=1)
    condition = Fields(
        {
            "min": Number(),
            "max": Number(),
            "one_of": Items(Text(), least=1),
            "equals": Flag(),
            "stated": Flag(),
        },
        also=_one_question,
    )
    pattern = Fields(
        {"id": name, "title": Text(), "note": Text(), "types": types, "requires": AnyFields(condition)},
        required=("id", "types"),
        also=_named_properties,
    )
    return Fields({"types": types, "patterns": Items(pattern, least=1)}, also=_together)


# Inheritance and change ------------------------------------------------------------------------------------


def inherited(child: Doc, parent: Doc, say: Say) -> dict[str, Any]:
    """What a child keeps: it may leave types and patterns out and ask more of a pattern, nothing else."""
    mine, theirs = child.get("deployment") or {}, parent.get("deployment") or {}
    answer = {**theirs, **mine}
    _fewer(mine, theirs, ("deployment", "types"), say)
    held = {one["id"]: one for one in theirs.get("patterns") or ()}
    for i, one in enumerate(mine.get("patterns") or () if held else ()):
        path: Path = ("deployment", "patterns", i)
        if one["id"] not in held:
            say((*path, "id"), f"{one['id']} is no pattern")
            continue
        _fewer(one, held[one["id"]], (*path, "types"), say)
        _no_less(one, held[one["id"]], path, say)
    return answer


def _fewer(mine: Doc, theirs: Doc, path: Path, say: Say) -> None:
    key = str(path[-1])
    more = [t for t in mine.get(key) or () if t not in theirs[key]] if key in theirs else []
    if more:
        say(path, f"types adds {', '.join(more)}, which is not allowed")


def _no_less(mine: Doc, theirs: Doc, path: Path, say: Say) -> None:
    asked = mine.get("requires") or {}
    for name, condition in (theirs.get("requires") or {}).items():
        if name not in asked or not _tighter(condition_of(asked[name]), condition_of(condition)):
            say((*path, "requires"), f"{mine['id']}: {name} asks less than")


def _tighter(mine: Condition, theirs: Condition) -> bool:
    if theirs.equals is not None:
        return mine.equals is theirs.equals
    if theirs.one_of:
        return bool(mine.one_of) and set(mine.one_of) <= set(theirs.one_of)
    low = theirs.min is None or (mine.min is not None and mine.min >= theirs.min)
    return low and (theirs.max is None or (mine.max is not None and mine.max <= theirs.max))


def changes(old: DeployRules, new: DeployRules) -> Iterator[tuple[str, Effect]]:
    """Each difference: the sentence, and whether it is stricter, looser or changed."""
    if old.types != new.types:
        told = f"deploy types: {_list(old.types)} → {_list(new.types)}"
        yield told, _effect(old.types, new.types)
    before, after = ({one.id: one for one in rules.patterns} for rules in (old, new))
    if set(before) != set(after):
        told = f"deploy patterns: {_list(tuple(before))} → {_list(tuple(after))}"
        yield told, _effect(tuple(before), tuple(after))
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if (one.types, one.requires) != (other.types, other.requires):
            yield f"deploy pattern {name}: {_told(one)} → {_told(other)}", "changed"


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or "any"


def _told(pattern: DeployPattern) -> str:
    asked = "; ".join(f"{name} {condition.words()}" for name, condition in pattern.requires.items())
    return f"{', '.join(pattern.types)}{': ' if asked else ''}{asked}"


def _effect(old: Sequence[str], new: Sequence[str]) -> Effect:
    """Nothing named is anything allowed: fewer words are stricter, none are looser."""
    if not old or (new and set(new) <= set(old)):
        return "stricter"
    return "looser" if not new or set(old) <= set(new) else "changed"
