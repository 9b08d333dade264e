"""Frameworks, what of the released policies serves their controls, and for which models it holds."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.engine.coverage import Coverage, coverage
from apps.engine.decide import Decision, decide, gates_for
from apps.engine.impact import Standing, asked_of
from apps.engine.policy import Policy, select
from apps.engine.policy.regulation import Control, Framework
from apps.engine.policy.regulation import frameworks as shipped
from apps.gates.impacts import standings
from apps.gates.models import PolicyRelease
from apps.gates.queries import policy_of


@cache
def frameworks() -> dict[str, tuple[Framework, tuple[Control, ...]]]:
    """Every framework that ships, by id, with its controls."""
    return shipped()


def framework(key: str) -> tuple[Framework, tuple[Control, ...]]:
    if key not in frameworks():
        raise NotFound(f"There is no framework {key}; there is {', '.join(frameworks())}.")
    return frameworks()[key]


def covered(by: Person, key: str, now: datetime) -> list[Coverage]:
    """Each control of a framework, over the models that the person may see."""
    _, controls = framework(key)
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    decisions = {s.subject.model: _decided(s, released, now) for s in standings(visible_models(by))}
    return coverage(controls, _newest(released, now), decisions)


def served_counts(now: datetime) -> dict[str, int]:
    """By framework, how many of its controls something of the released policies serves."""
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    policies = _newest(released, now)
    return {
        key: sum(bool(one.served) for one in coverage(controls, policies, {}))
        for key, (_, controls) in frameworks().items()
    }


def _newest(released: list[Policy], now: datetime) -> list[Policy]:
    """The version of each policy that speaks now, whatever model it speaks of."""
    newest: dict[str, Policy] = {}
    for policy in sorted(released, key=lambda p: [int(n) for n in p.version.split(".")]):
        if policy.effective.covers(now):
            newest[policy.id] = policy
    return [newest[name] for name in sorted(newest)]


def _decided(standing: Standing, released: list[Policy], now: datetime) -> Decision:
    policies = select(released, facts=standing.subject.facts, now=now)
    found = {gate.id: standing.measured.get(asked_of(gate)) for gate in gates_for(policies)}
    held = {name: measured for name, measured in found.items() if measured is not None}
    return decide(policies=policies, measurements=held, now=now, subject=standing.subject)
