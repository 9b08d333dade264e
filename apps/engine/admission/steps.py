"""Which sign-offs several policies ask for together, and which of those given count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.engine.admission.facts import Question, SignOffFact
from apps.engine.policy.model import Policy, Step

# What holds where no policy names a step: nobody's model goes unreviewed.
LEAST = (Step(id="validation", role="validator"), Step(id="risk", role="risk-officer", after=("validation",)))


def steps_for(policies: Iterable[Policy], facts: Mapping[str, Any]) -> list[Step]:
    """The union of the steps that the policies ask for, the strictest of each.

    Examples
    --------
    >>> [step.id for step in steps_for([], {})]
    ['validation', 'risk']
    """
    steps: dict[str, Step] = {}
    for policy in policies:
        for step in policy.approvals.steps:
            if step.speaks_of(facts):
                steps[step.id] = _strictest(steps.get(step.id), step)
    return list(steps.values()) or list(LEAST)


def _strictest(held: Step | None, step: Step) -> Step:
    if held is None:
        return step
    after = tuple(dict.fromkeys((*held.after, *step.after)))
    return replace(held, quorum=max(held.quorum, step.quorum), after=after)


def counted(question: Question, steps: Sequence[Step]) -> dict[str, int]:
    """How many people have signed each step: genuine, approving, independent, each person once."""
    by_id = {step.id: step for step in steps}
    builders = question.version.builders if question.version else frozenset()
    people: set[str] = set()
    found = dict.fromkeys(by_id, 0)
    for signoff in sorted(question.signoffs, key=lambda s: (s.signed_at, s.person, s.statement)):
        step = by_id.get(signoff.step)
        if step is None or signoff.person in people or signoff.person in builders:
            continue
        if signoff.role == step.role and _approves(question, signoff):
            people.add(signoff.person)
            found[step.id] += 1
    return found


def _approves(question: Question, signoff: SignOffFact) -> bool:
    shown = question.approval.decision if question.approval else ""
    in_time = signoff.signed_at <= question.now
    return (
        signoff.meaning == "approve"
        and in_time
        and signoff.decision == shown
        and question.genuine(signoff.statement)
    )
