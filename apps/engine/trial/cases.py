"""Cases: a policy is tested like code. What is given, what must come out, and what no case covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy.case_form import CASES, spelled
from apps.engine.policy.form import Path
from apps.engine.policy.model import Gate, Policy
from apps.engine.policy.unite import gates_for
from apps.engine.policy.vocabulary import nearest
from apps.engine.strict_yaml import Document
from apps.engine.trial.world import (
    DATA,
    World,
    critical,
    documents,
    ends_of,
    measured,
    passing,
    signed,
    waived,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a policy.

    Parameters
    ----------
    expect : Mapping
        Some of ``applies``, ``outcome``, ``gates``, ``admission``, ``reasons``.
    line : str
        What the short form of a gate says of it (``passes``, ``fails``, …); empty in the long form.
    """

    name: str
    file: str
    at: tuple[int, int]
    world: World
    expect: Mapping[str, Any]
    gate: str = ""
    line: str = ""
    given: Any = field(default=None, repr=False)

    def faults(self, policy: Policy) -> list[str]:
        """What comes out otherwise than it must; empty when all is as expected."""
        return list(_faults(self, policy))


def read_cases(data: bytes, *, name: str, policy: Policy) -> list[Case]:
    """Read a file of cases for a policy.

    Raises
    ------
    BadInput
        With file, line and column: an unknown field, gate, step or document.
    """
    document = strict_yaml.read(data, name=name)
    for fault in sorted(CASES.faults(document.value, ()), key=lambda f: document.position(f.path)):
        raise document.refuse(fault.path, fault.sentence, key=fault.on_key)
    if document.value["policy"] != policy.id:
        sentence = f'These are cases of "{document.value["policy"]}", not of "{policy.id}".'
        raise document.refuse(("policy",), sentence)
    maker = _Maker(document, policy)
    maker.known(document.value.get("documents") or (), [rule.id for rule in policy.evidence], "document")
    return [maker.case(*one) for one in spelled(document.value)]


class _Maker:
    """Makes the cases of one file."""

    def __init__(self, document: Document, policy: Policy) -> None:
        self._document, self._policy = document, policy
        self._gates = {gate.id: gate for gate in gates_for([policy])}
        self._steps = {step.id for step in policy.approvals.steps}
        self._documents = {rule.id for rule in policy.evidence}

    def case(self, name: str, path: Path, given: Mapping[str, Any], expect: Mapping[str, Any]) -> Case:
        short = path[0] == "gates"
        self.known(expect.get("gates") or {}, self._gates, "gate", path)
        return Case(
            name=name,
            file=self._document.name,
            at=self._document.position(path),
            world=self._world(given, path),
            expect=expect,
            gate=str(path[1]) if short else "",
            line=str(path[2]) if short else "",
            given=(given.get("measurements") or {}).get(path[1]) if short else None,
        )

    def known(
        self, names: Iterable[str], known: Iterable[str], word: str, path: Path = ("documents",)
    ) -> None:
        """Refuse a name that the policy does not have."""
        held = list(known)
        for name in names:
            if name not in held:
                hint = nearest(name, held)
                raise self._document.refuse(path, f'{self._policy.id} has no {word} "{name}".{hint}')

    def _world(self, given: Mapping[str, Any], path: Path) -> World:
        whole = self._document.value
        now = _moment(given.get("now", whole["now"]))
        facts = {**whole["subject"], **(given.get("subject") or {})}
        signoffs = given.get("signoffs", {})
        asked = given.get("documents", ())
        self.known({} if signoffs == "all" else signoffs, self._steps, "step", path)
        self.known(() if asked == "all" else asked, self._documents, "document", path)
        self.known(given.get("waivers") or (), self._gates, "gate", path)
        waivers = {
            gate: now + timedelta(days=1) if until == "soon" else _moment(until)
            for gate, until in (given.get("waivers") or {}).items()
        }
        return World(
            now=now,
            environment=given.get("environment", whole.get("environment", "production")),
            facts=facts,
            measurements=self._measurements(given.get("measurements", "all-pass"), now, path),
            signoffs=signed(self._policy, signoffs, facts=facts, now=now),
            documents=documents(self._policy, asked, now=now),
            waivers=tuple(waived(gate, until, now=now) for gate, until in waivers.items()),
            findings=critical(given.get("findings") or ()),
            datasets={name: DATA for gate in self._gates.values() for name in (gate.dataset, gate.reference)},
        )

    def _measurements(self, given: Any, now: datetime, path: Path) -> dict[str, Any]:
        """Every gate passes, but for those that are named."""
        named = {} if given == "all-pass" else dict(given)
        self.known(named, self._gates, "gate", path)
        found = {
            name: measured(gate, named.get(name, "passes"), now=now) for name, gate in self._gates.items()
        }
        return {name: one for name, one in found.items() if one is not None}


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as problem:
        raise BadInput(f'"{text}" is no time of the calendar.') from problem


# Running -------------------------------------------------------------------------------------------


def _faults(case: Case, policy: Policy) -> Iterator[str]:
    world, expect = case.world, case.expect
    if "applies" in expect:
        applies = policy.applies(world.facts, environment=world.environment, now=world.now)
        if applies is not expect["applies"]:
            yield f"the policy {'applies' if applies else 'does not apply'}"
    decision = world.decided(policy)
    if expect.get("outcome", decision.outcome) != decision.outcome:
        yield f"the outcome is {decision.outcome}, not {expect['outcome']}"
    found = {result.id: result for result in decision.gates}
    for gate, wanted in (expect.get("gates") or {}).items():
        actual = found[gate].outcome if gate in found else "absent"
        if not _as_wanted(actual, wanted):
            why = f" ({found[gate].why})" if gate in found else ""
            yield f"{gate} is {actual}, not {wanted}{why}"
    if "admission" in expect or "reasons" in expect:
        yield from _admission_faults(case, policy, decision)


def _as_wanted(actual: str, wanted: str) -> bool:
    if wanted == "unmeasured":
        return actual in ("missing", "insufficient")
    return actual == wanted


def _admission_faults(case: Case, policy: Policy, decision: Any) -> Iterator[str]:
    admission = case.world.admitted(policy, decision)
    codes = [reason.code for reason in admission.reasons]
    wanted = case.expect.get("admission", admission.outcome)
    if admission.outcome != wanted:
        words = "; ".join(reason.message for reason in admission.reasons)
        yield f"the admission is {admission.outcome}, not {wanted} ({words})"
    for code in case.expect.get("reasons") or ():
        if code not in codes:
            yield f"the reason {code} is not given, only {', '.join(codes) or 'none'}"


# Coverage ------------------------------------------------------------------------------------------


def uncovered(policy: Policy, cases: Sequence[Case]) -> list[str]:
    """What the cases leave out: of each gate some pass, fail, sit on the boundary, cannot be measured."""
    missing: list[str] = []
    for gate in gates_for([policy]):
        mine = [case for case in cases if case.gate == gate.id]
        lines = {case.line for case in mine}
        for line in ("passes", "fails", "cannot_be_measured"):
            if line not in lines:
                missing.append(f'{gate.id} has no case under "{line}".')
        missing += _boundary_faults(gate, mine)
    return missing


def _boundary_faults(gate: Gate, cases: Sequence[Case]) -> list[str]:
    ends = ends_of(gate.bound)
    if not ends:
        return []
    given = {_edge(case.given) for case in cases if case.line == "boundary"}
    if not given & set(ends):
        return [f"{gate.id} has no case on its boundary, {' or '.join(str(end) for end in ends)}."]
    return []


def _edge(given: Any) -> Decimal | None:
    if isinstance(given, Mapping):
        if "exact" in given:
            top, _, bottom = given["exact"].partition("/")
            return Decimal(top) / Decimal(bottom)
        given = given.get("value")
    return Decimal(str(given)) if isinstance(given, (int, Decimal)) and not isinstance(given, bool) else None


__all__ = ["Case", "passing", "read_cases", "uncovered"]
