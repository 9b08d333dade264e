"""The cases that a policy still lacks, written for it: a first draft that a person reads and completes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.engine.policy import Policy, gates_for
from apps.engine.policy.model import Bound, Gate
from apps.engine.policy_text import replaced
from apps.engine.trial.cases import passing
from apps.engine.trial.mutate import unit
from apps.web.policy_editor.edits import document_of

_LINES = ("enforcement", "passes", "boundary", "warns", "fails", "cannot_be_measured", "not_applicable")


def with_missing(cases: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """The files of cases with every line that a gate, a step or a document still lacks, in the first file."""
    name = min(cases)
    text, known = cases[name], [document_of(other) for other in cases.values()]
    for gate in gates_for([policy]):
        held = [_at(document, "gates", gate.id) for document in known]
        there = {line for one in held for line in one}
        lines = {key: value for key, value in _lines(gate).items() if key not in there}
        if held and any(held) and set(lines) <= {"enforcement"}:
            continue
        text = _put_in(text, gate.id, lines)
    return {**cases, name: _signed(text, known, policy)}


def _at(document: Any, *path: str) -> Mapping[str, Any]:
    for part in path:
        document = document.get(part) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def _put_in(text: str, gate: str, lines: Mapping[str, Any]) -> str:
    known = document_of(text)
    if not _at(known, "gates", gate):
        whole = isinstance(known, Mapping) and isinstance(known.get("gates"), Mapping)
        return replaced(text, ("gates", gate), dict(lines), block=1 if whole else 2)
    for key, value in lines.items():
        if key not in _at(document_of(text), "gates", gate):
            text = replaced(text, ("gates", gate, key), value, order=_LINES)
    return text


def _lines(gate: Gate) -> dict[str, Any]:
    lines: dict[str, Any] = {"enforcement": gate.enforcement}
    low, high = gate.bound.min, gate.bound.max
    lines["passes"] = [_short(passing(gate))]
    ends = [end for end in (low, high) if end is not None]
    if ends:
        lines["boundary"] = ends[0]
    if gate.warn is not None and (warned := _warned(gate.bound, gate.warn)) is not None:
        lines["warns"] = [warned]
    lines["fails"] = _failing(gate.bound)
    lines["cannot_be_measured"] = ["missing", "insufficient"]
    return lines


def _failing(bound: Bound) -> list[Any]:
    below = [] if bound.min is None else [bound.min - unit(bound.min)]
    above = [] if bound.max is None else [bound.max + unit(bound.max)]
    return [*below, *above] or ["nan"]


def _warned(bound: Bound, warn: Bound) -> Decimal | None:
    """A number that passes with a warning, where there is room for one."""
    for one, other in ((bound.min, warn.min), (bound.max, warn.max)):
        if one is not None and other is not None and one != other:
            return _short((one + other) / 2)
    return None


def _short(number: Decimal) -> Decimal:
    return Decimal(format(number.normalize(), "f"))


def _signed(text: str, known: list[Any], policy: Policy) -> str:
    """Steps and documents, where no file speaks of them."""
    steps = {step.id: step.quorum for step in policy.approvals.steps}
    if steps and not any(_at(document, "steps") for document in known):
        text = replaced(text, ("steps",), steps, block=1)
    papers = [rule.id for rule in policy.evidence if rule.required]
    spoken = any(isinstance(d, Mapping) and d.get("documents") for d in known)
    return replaced(text, ("documents",), papers) if papers and not spoken else text
