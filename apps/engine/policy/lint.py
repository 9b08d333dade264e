"""`policy lint`: everything that is wrong with a policy file, and what looks wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.fields import NAME
from apps.engine.files import read_document
from apps.engine.policy.build import plain, policy_of
from apps.engine.policy.form import Fault, shown
from apps.engine.policy.library import Library
from apps.engine.policy.model import Policy, Step
from apps.engine.policy.reach import impossible, nameless, unasked
from apps.engine.policy.read import examine, sentence
from apps.engine.policy.regulation import Controls
from apps.engine.policy.vocabulary import nearest
from apps.engine.strict_yaml import Document

MOST_PEOPLE = 20


def lint(
    data: bytes,
    *,
    name: str,
    library: Library | None = None,
    controls: Controls | None = None,
    others: bool = False,
) -> list[str]:
    """Every fault of a policy file, one sentence each, with file, line and column.

    Parameters
    ----------
    library : Library, optional
        Where `extends` looks; by default the policies that come with the program.
    controls : Controls, optional
        The controls that are known; None: they are not looked up.
    others : bool
        Whether other controls may be named too, such as a firm's own.
    """
    try:
        document = strict_yaml.read(data, name=name)
    except BadInput as problem:
        return [str(problem)]
    resolved, faults = examine(document, library)
    if not faults:
        policy = policy_of(plain(resolved))
        faults = [
            *_people(document, policy),
            *_unused(document.value),
            *_datasets(document.value),
            *unasked(document.value),
            *impossible(document.value),
            *nameless(document.value, sorted({one.framework for one in (controls or {}).values()})),
            *_itself(document, policy),
            *_sources(document, controls),
            *(() if others else _controls(document, controls)),
        ]
    return [str(sentence(document, fault)) for fault in faults]


def _unused(value: Mapping[str, Any]) -> Iterator[Fault]:
    """Parameters that no gate takes: somebody believes that they hold."""
    taken = set(_texts(value.get("gates")))
    for name in value.get("parameters") or {}:
        if f"${name}" not in taken:
            yield Fault(("parameters", name), f'No gate takes the parameter "{name}": write ${name} there.')


def _datasets(value: Mapping[str, Any]) -> Iterator[Fault]:
    """Data sets by names that no manifest may give."""
    for i, gate in enumerate(value.get("gates") or ()):
        name = (gate.get("with") or {}).get("dataset")
        if isinstance(name, str) and not name.startswith("$") and not NAME.match(name):
            yield Fault(("gates", i, "with", "dataset"), f"No data set can be called {shown(name)}.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _people(document: Document, policy: Policy) -> Iterator[Fault]:
    """Quorums that no set of people could fill, and steps that come after nothing that leads to them."""
    steps = (document.value.get("approvals") or {}).get("steps") or ()
    places = {step["id"]: i for i, step in enumerate(steps)}
    for step in policy.approvals.steps:
        path = ("approvals", "steps", places[step.id]) if step.id in places else ("approvals",)
        if step.quorum > MOST_PEOPLE:
            yield Fault((*path, "quorum"), f"The step {step.id} asks for {step.quorum} people.")
    yield from _together(policy)
    if policy.waivers.quorum > MOST_PEOPLE:
        words = f"A waiver would ask for {policy.waivers.quorum} people."
        yield Fault(("waivers", "approval", "quorum"), words)
    conditional, full = policy.validity.conditional, policy.validity.approval
    if conditional > full:
        words = f"A conditional approval would last {conditional.days} days, a full one only {full.days}."
        yield Fault(("validity",), words)
    for i, early in enumerate(policy.validity.remind_before):
        if early >= full:
            words = f"A reminder {early.days} days before the end comes before the approval begins."
            yield Fault(("validity", "remind_before", i), words)


def _together(policy: Policy) -> Iterator[Fault]:
    """Steps of one role that no one may sign twice, and that together ask for more people than any bench."""
    if not policy.approvals.distinct_people:
        return
    asked: dict[str, list[Step]] = {}
    for step in policy.approvals.steps:
        if step.quorum <= MOST_PEOPLE:
            asked.setdefault(step.role, []).append(step)
    for role, steps in asked.items():
        people = sum(step.quorum for step in steps)
        if people > MOST_PEOPLE:
            names = " and ".join(step.id for step in steps)
            told = f"The steps {names} ask together for {people} different people of the role {role}."
            yield Fault(("approvals", "steps"), told)


def _itself(document: Document, policy: Policy) -> Iterator[Fault]:
    parents = {str(pin).partition("@")[0] for pin in document.value.get("extends") or ()}
    for i, old in enumerate(policy.supersedes):
        path = ("metadata", "supersedes", i)
        if old == policy.id:
            yield Fault(path, f"{old} cannot take its own place.")
        elif old in parents:
            yield Fault(path, f"{old} cannot be superseded by a policy that extends it.")


def _controls(document: Document, controls: Controls | None) -> Iterator[Fault]:
    if controls is None:
        return
    named = [(("metadata", "controls"), document.value["metadata"].get("controls") or ())]
    for key in ("gates", "evidence"):
        for i, item in enumerate(document.value.get(key) or ()):
            named.append(((key, i, "controls"), item.get("controls") or ()))  # type: ignore[arg-type]
    for path, names in named:
        for i, name in enumerate(names):
            if name not in controls:
                yield Fault((*path, i), f'There is no control "{name}".{nearest(name, controls)}')


def _sources(document: Document, controls: Controls | None) -> Iterator[Fault]:
    """A bound that is called the law's, where no control of the gate has a number of the law."""
    if controls is None:
        return
    for i, gate in enumerate(document.value.get("gates") or ()):
        source, named = gate.get("source", "firm"), gate.get("controls") or ()
        known = [controls[name] for name in named if name in controls]
        if source == "firm" or len(known) < len(named):
            continue
        if source not in {control.threshold for control in known}:
            said = ", ".join(f"{c.framework}/{c.id} {_SETS[c.threshold]}" for c in known)
            told = f"{gate['id']}: source {source} needs a control whose number is of that source"
            yield Fault(("gates", i, "source"), f"{told}; {said or 'the gate names no control'}.")


_SETS = {
    "law": "has a number of the law",
    "guidance": "has a number of guidance",
    "firm": "leaves the number to the firm",
    "none": "sets no number",
}


def lint_file(
    path: FilePath, *, library: Library | None = None, controls: Controls | None = None
) -> list[str]:
    """The same for a file."""
    try:
        data = read_document(path, strict_yaml.MAX_BYTES)
    except BadInput as problem:
        return [str(problem)]
    return lint(data, name=str(path), library=library, controls=controls)
