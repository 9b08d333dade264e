"""Frameworks, what of the released policies serves their controls, and for which models it holds."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.engine.coverage import Coverage, coverage
from apps.engine.impact import decided
from apps.engine.policy import select
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
    decisions = {
        s.subject.model: decided(s, select(released, facts=s.subject.facts, now=now), now)
        for s in standings(visible_models(by))
    }
    return coverage(controls, select(released, facts={}, now=now), decisions)


def served_counts(now: datetime) -> dict[str, int]:
    """By framework, how many of its controls something of the released policies serves."""
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    policies = select(released, facts={}, now=now)
    return {
        key: sum(bool(one.served) for one in coverage(controls, policies, {}))
        for key, (_, controls) in frameworks().items()
    }
