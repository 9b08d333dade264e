"""What was changed in the form is written into the text, line by line; the text is the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.engine import strict_yaml
from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import REQUIRED, Check
from apps.engine.errors import BadInput
from apps.engine.policy.document import GATE
from apps.engine.policy_text import appended, replaced, without
from apps.engine.strict_yaml import Path
from apps.web.policy_editor.fields import Field, fields_of, order_of

_PRUNED = ("with", "pass", "warn", "match", "unless", "submission")
_ORDER = tuple(GATE.known)


@dataclass(frozen=True, slots=True)
class Edited:
    """The text after the form's changes, and what could not be written into it."""

    text: str
    refused: list[str] = field(default_factory=list)


def document_of(text: str) -> Any:
    """What the text says; None where it cannot be read."""
    try:
        return strict_yaml.read(text.encode(errors="replace"), name="policy.yaml").value
    except BadInput:
        return None


def edited(text: str, base: str, typed: Mapping[str, str]) -> Edited:
    """The text with every field that was typed otherwise than the form showed it.

    `base` is the text from which the form was drawn: only what differs from it was typed by a person.
    """
    known = document_of(base)
    changes = [f for f in fields_of(known) if f.name in typed and _differs(typed[f.name], f.value)]
    refused = []
    for one in changes:
        try:
            text = _written(text, known, one, typed[one.name])
        except BadInput as problem:
            refused.append(f"“{one.label}” could not become “{typed[one.name][:80]}”: {problem}")
    return Edited(text, refused)


def _differs(typed: str, shown: str) -> bool:
    return " ".join(typed.split()) != " ".join(shown.split())


def _written(text: str, base: Any, one: Field, typed: str) -> str:
    now = document_of(text)
    if now is None:
        raise BadInput("the text beside it cannot be read")
    path = _moved(one.path, base, now)
    value = one.typed(typed)
    if value is None:
        return _taken_away(text, now, path)
    text = replaced(text, path, value, order=order_of(path))
    return _fitting(text, path, str(value)) if path[2:] == ("check",) else text


def _moved(path: Path, base: Any, now: Any) -> Path:
    """Where the gate of the field stands in the text, which may have been edited as well."""
    if path[0] != "gates":
        return path
    name = base["gates"][path[1]].get("id")
    gates = now.get("gates") if isinstance(now, Mapping) else None
    held = [gate.get("id") if isinstance(gate, Mapping) else None for gate in gates or ()]
    if len(held) > int(path[1]) and held[int(path[1])] == name:
        return path
    if held.count(name) != 1:
        raise BadInput(f"the text no longer has one gate “{name}”")
    return ("gates", held.index(name), *path[2:])


def _taken_away(text: str, now: Any, path: Path) -> str:
    value = now
    for part in path:
        there = part in value if isinstance(value, Mapping) else isinstance(value, list)
        if not there:
            return text
        value = value[part]
    text = without(text, path)
    parent = path[:-1]
    if path[-2:-1] and path[-2] in _PRUNED and not _at(document_of(text), parent):
        return without(text, parent)
    return text


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _fitting(text: str, path: Path, name: str) -> str:
    """With another check the arguments that it does not take go."""
    check = all_checks().get(name)
    own = {arg.name for arg in check.args} if check is not None else set()
    held = _at(document_of(text), path[:2]).get("with")
    for argument in list(held) if check is not None and isinstance(held, Mapping) else ():
        if argument not in own and argument not in ("dataset", "reference"):
            text = _taken_away(text, document_of(text), (*path[:2], "with", argument))
    return text


# Whole gates ---------------------------------------------------------------------------------------


def with_gate(text: str, check_id: str) -> str:
    """The text with one more gate; its bound is for a person to say."""
    check = all_checks().get(check_id)
    if check is None:
        raise BadInput("Please choose a check of the catalogue.")
    known = document_of(text)
    if not isinstance(known, Mapping):
        raise BadInput("The text cannot be read; mend it first.")
    gates = known.get("gates")
    taken = {str(gate.get("id")) for gate in gates or () if isinstance(gate, Mapping)}
    return appended(text, ("gates",), _new_gate(check, taken), order=order_of(("gates",)))


def _new_gate(check: Check, taken: set[str]) -> dict[str, Any]:
    name, number = check.id.replace("_", "-"), 2
    while name in taken:
        name, number = f"{check.id.replace('_', '-')}-{number}", number + 1
    needed = {arg.name: None for arg in check.args if arg.default is REQUIRED}
    ends = {"higher": ["min"], "lower": ["max"], "nearest": ["min", "max"]}.get(check.direction, [])
    gate: dict[str, Any] = {"id": name, "title": check.title, "check": check.id}
    gate["with"] = {"dataset": "holdout", **needed}
    if ends:
        gate["pass"] = dict.fromkeys(ends)
    return gate | {"enforcement": "waivable", "severity": "medium", "source": "firm"}


def without_gate(text: str, name: str) -> str:
    """The text without a gate and its lines."""
    known = document_of(text)
    gates = known.get("gates") if isinstance(known, Mapping) else None
    held = [gate.get("id") if isinstance(gate, Mapping) else None for gate in gates or ()]
    if name not in held:
        raise BadInput(f"The text has no gate “{name[:80]}”.")
    return without(text, ("gates", held.index(name)))


def with_version(text: str, version: str) -> str:
    """The text with another version."""
    return replaced(text, ("metadata", "version"), version, order=order_of(("metadata", "version")))
