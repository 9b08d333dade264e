"""Mutation: each way of weakening a policy, one at a time. A change that no case notices is a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from apps.engine.policy.model import Bound, Gate, Policy, Step
from apps.engine.policy.vocabulary import ENFORCEMENTS
from apps.engine.trial.cases import Case

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A weakened policy: what was changed, in words, and which gate it concerns (empty: a step)."""

    change: str
    policy: Policy
    gate: str = ""
    mandatory: bool = False


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every gate deleted and each of its demands loosened; every step dropped and its quorum lowered."""
    for i, gate in enumerate(policy.gates):
        rest = (*policy.gates[:i], *policy.gates[i + 1 :])
        mandatory = gate.enforcement == "mandatory"
        deleted = replace(policy, gates=rest)
        yield Mutant(change=f"{gate.id} deleted", policy=deleted, gate=gate.id, mandatory=mandatory)
        for change, weaker in _weaker_gates(gate):
            gates = (*policy.gates[:i], weaker, *policy.gates[i + 1 :])
            weakened = replace(policy, gates=gates)
            yield Mutant(change=f"{gate.id} {change}", policy=weakened, gate=gate.id, mandatory=mandatory)
    yield from _steps(policy)
    yield from _documents(policy)


def _weaker_gates(gate: Gate) -> Iterator[tuple[str, Gate]]:
    bound = gate.bound
    if bound.min is not None:
        low = bound.min - unit(bound.min)
        yield f"min {bound.min} → {low}", replace(gate, bound=Bound(min=low, max=bound.max))
    if bound.max is not None:
        high = bound.max + unit(bound.max)
        yield f"max {bound.max} → {high}", replace(gate, bound=Bound(min=bound.min, max=high))
    if gate.basis == "interval":
        yield "basis interval → estimate", replace(gate, basis="estimate")
    rank = ENFORCEMENTS.index(gate.enforcement)
    if rank:
        weaker = ENFORCEMENTS[rank - 1]
        yield f"enforcement {gate.enforcement} → {weaker}", replace(gate, enforcement=weaker)


def unit(number: Decimal) -> Decimal:
    """One in the last place that the number was written with.

    Examples
    --------
    >>> unit(Decimal("0.80")), unit(Decimal(3))
    (Decimal('0.01'), Decimal('1'))
    """
    exponent = number.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) and exponent < 0 else 0)


def _steps(policy: Policy) -> Iterator[Mutant]:
    steps = policy.approvals.steps
    for i, step in enumerate(steps):
        rest = (*steps[:i], *steps[i + 1 :])
        if rest:
            yield Mutant(change=f"step {step.id} dropped", policy=_with_steps(policy, rest))
        if step.quorum > 1:
            lower = (*steps[:i], replace(step, quorum=step.quorum - 1), *steps[i + 1 :])
            change = f"step {step.id} quorum {step.quorum} → {step.quorum - 1}"
            yield Mutant(change=change, policy=_with_steps(policy, lower))


def _with_steps(policy: Policy, steps: tuple[Step, ...]) -> Policy:
    return replace(policy, approvals=replace(policy.approvals, steps=steps))


def _documents(policy: Policy) -> Iterator[Mutant]:
    for i, rule in enumerate(policy.evidence):
        if rule.required:
            rest = (*policy.evidence[:i], *policy.evidence[i + 1 :])
            yield Mutant(change=f"document {rule.id} dropped", policy=replace(policy, evidence=rest))


def survivors(policy: Policy, cases: Sequence[Case]) -> list[Mutant]:
    """The changes that no case notices: under the weakened policy all still comes out as expected."""
    return [mutant for mutant in mutants(policy) if not _noticed(mutant, cases)]


def _noticed(mutant: Mutant, cases: Sequence[Case]) -> bool:
    order: Callable[[Case], bool] = lambda case: case.gate != mutant.gate  # noqa: E731 - its own cases first
    return any(case.faults(mutant.policy) for case in sorted(cases, key=order))
