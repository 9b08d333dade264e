"""A policy's bytes → Policy: strict, every refusal with the file, the line and the column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy import vocabulary as words
from apps.engine.policy.build import plain, policy_of
from apps.engine.policy.document import POLICY
from apps.engine.policy.form import Fault, Faults, Path, dotted, shown
from apps.engine.policy.gate_rules import gate_faults
from apps.engine.policy.inherit import merged
from apps.engine.policy.library import Library
from apps.engine.policy.model import Policy
from apps.engine.strict_yaml import Document

DEEPEST = 3
_PARAMETERS_IN = ("with", "pass", "warn", "max_age")


def read_policy(data: bytes, *, name: str, library: Library | None = None) -> Policy:
    """Read a policy; its parameters and what it extends are resolved.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        How messages name the file.
    library : Library, optional
        Where `extends` looks; by default the policies that come with the program.

    Raises
    ------
    BadInput
        The first fault, with file, line and column.

    Examples
    --------
    >>> text = b'''apiVersion: governance/v1
    ... kind: Policy
    ... metadata: {id: small, version: 1.0.0, title: A small one}
    ... effective: {from: 2026-01-01}
    ... gates: []
    ... '''
    >>> read_policy(text, name="small.yaml").version
    '1.0.0'
    >>> read_policy(text.replace(b"title:", b"titel:"), name="small.yaml")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    apps.engine.errors.BadInput: small.yaml, line 3, column 39: metadata has no field "titel". ...
    """
    document = strict_yaml.read(data, name=name)
    resolved, faults = examine(document, library)
    if faults:
        raise sentence(document, faults[0])
    return policy_of(plain(resolved))


def examine(
    document: Document, library: Library | None, chain: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[Fault]]:
    """The resolved document and every fault: unknown names first, then in the order of the file."""
    value = document.value
    faults: list[Fault] = []
    if not isinstance(value, dict) or value.get("kind") != "Policy":
        kind = shown(value.get("kind")) if isinstance(value, dict) else shown(value)
        return {}, [Fault(("kind",), f"The file must be a mapping with kind: Policy, not {kind}.")]
    value = _with_parameters(value, faults)
    faults += POLICY.faults(value, ())
    if not faults:
        faults += _whole_faults(value)
    if not faults:
        value = _extended(value, faults, library, chain)
    if not faults:
        faults += _gates_faults(value, document.value)
        faults += _step_faults(value)
    return value, sorted(faults, key=lambda f: (not f.on_key, document.position(f.path, key=f.on_key)))


def sentence(document: Document, fault: Fault) -> BadInput:
    """The refusal that names where the fault stands."""
    return document.refuse(fault.path, fault.sentence, key=fault.on_key)


# Parameters ----------------------------------------------------------------------------------------


def _with_parameters(value: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """The document with every ``$name`` in a gate replaced by the parameter's value."""
    parameters = value.get("parameters")
    known = parameters if isinstance(parameters, dict) else {}
    answer, gates = dict(value), value.get("gates")
    if isinstance(gates, list):
        answer["gates"] = [_gate_parameters(g, ("gates", i), known, faults) for i, g in enumerate(gates)]
    return answer


def _gate_parameters(gate: Any, path: Path, known: Mapping[str, Any], faults: list[Fault]) -> Any:
    if not isinstance(gate, dict):
        return gate
    return {
        key: _replaced(item, (*path, key), known, faults) if key in _PARAMETERS_IN else item
        for key, item in gate.items()
    }


def _replaced(value: Any, path: Path, known: Mapping[str, Any], faults: list[Fault]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, (*path, key), known, faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, (*path, i), known, faults) for i, item in enumerate(value)]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value[1:] not in known:
        hint = words.nearest(value[1:], known)
        faults.append(Fault(path, f'There is no parameter "{value[1:]}".{hint}'))
        return 0
    if known[value[1:]] is None:
        faults.append(Fault(path, f'The parameter "{value[1:]}" has no value.'))
        return 0
    return known[value[1:]]


# The whole document --------------------------------------------------------------------------------


def _whole_faults(value: Mapping[str, Any]) -> Faults:
    effective = value["effective"]
    until = effective.get("until")
    if until is not None and date.fromisoformat(until) <= date.fromisoformat(effective["from"]):
        yield Fault(
            ("effective", "until"),
            f"The policy would end on {until}, not after it begins on {effective['from']}.",
        )
    approvals: tuple[str, ...] = ("approvals", "steps")
    for path in (("gates",), ("evidence",), approvals):
        yield from _twins(value, path)
    yield from _self_extension(value)


def _self_extension(value: Mapping[str, Any]) -> Faults:
    for i, pin in enumerate(value.get("extends") or ()):
        if pin.split("@")[0] == value["metadata"]["id"]:
            yield Fault(("extends", i), f"{pin} extends itself.")


def _twins(value: Mapping[str, Any], path: tuple[str, ...]) -> Faults:
    items: Any = value
    for key in path:
        items = items.get(key) or {}
    seen: set[str] = set()
    for i, item in enumerate(items):
        if item["id"] in seen:
            yield Fault((*path, i, "id"), f'{dotted(path)} has "{item["id"]}" a second time.')
        seen.add(item["id"])


def _gates_faults(value: Mapping[str, Any], written: Mapping[str, Any]) -> Faults:
    """Faults of each gate of its own; what is inherited whole was read before."""
    places = {gate["id"]: i for i, gate in enumerate(written["gates"])}
    for gate in value["gates"]:
        if gate["id"] in places:
            yield from gate_faults(gate, ("gates", places[gate["id"]]))


def _step_faults(value: Mapping[str, Any]) -> Iterator[Fault]:
    path: Path = ("approvals", "steps")
    steps = {step["id"]: step for step in (value.get("approvals") or {}).get("steps") or ()}
    for name, step in steps.items():
        if "role" not in step:
            yield Fault(path, f'The step "{name}" needs the field "role".')
        for before in step.get("after") or ():
            if before not in steps:
                hint = words.nearest(before, steps)
                yield Fault(path, f'The step "{name}" comes after "{before}", which is no step.{hint}')
        if name in _before(name, steps):
            yield Fault(path, f'The step "{name}" would have to come after itself.')


def _before(name: str, steps: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(steps[name].get("after") or ())
    while waiting:
        one = waiting.pop()
        if one not in found and one in steps:
            found.add(one)
            waiting += steps[one].get("after") or ()
    return found


# Inheritance ---------------------------------------------------------------------------------------


def _extended(
    value: dict[str, Any], faults: list[Fault], library: Library | None, chain: tuple[str, ...]
) -> dict[str, Any]:
    pins = value.get("extends") or []
    chain = (*chain, value["metadata"]["id"])
    parents = []
    for i, pin in enumerate(pins):
        try:
            library = library or Library.shipped()
            parent = _parent(pin, library, chain)
        except BadInput as problem:
            faults.append(Fault(("extends", i), str(problem)))
            continue
        value = merged(value, parent, faults)
        parents.append(policy_of(plain(parent)).named())
    if parents:
        value["resolved_from"] = parents
    return value


def _parent(pin: str, library: Library, chain: tuple[str, ...]) -> dict[str, Any]:
    policy_id, _, major = pin.partition("@")
    if policy_id in chain:
        raise BadInput(f"extends goes round in a circle: {' → '.join((*chain, policy_id))}.")
    if len(chain) >= DEEPEST:
        raise BadInput(f"extends is more than {DEEPEST} policies deep: {' → '.join((*chain, policy_id))}.")
    entry = library.find(policy_id, int(major))
    document = strict_yaml.read(entry.data, name=entry.name)
    value, faults = examine(document, library, chain)
    if faults:
        raise sentence(document, faults[0])
    return value
