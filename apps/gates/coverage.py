"""Frameworks, what of the released policies serves their controls, and for which models it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.engine.coverage import Coverage, Served, coverage, serving
from apps.engine.impact import decided
from apps.engine.policy import Library, Policy, read_policy, select
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


@cache
def pack(key: str) -> Policy:
    """The pack of a framework as it ships."""
    entry = [entry for entry in Library.shipped().entries() if entry.id == key][-1]
    return read_policy(entry.data, name=entry.name)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the pack of a framework would serve, where it is not in force; and why it is not."""

    policy: Policy
    why: str
    served: Mapping[str, tuple[Served, ...]]


def offered(key: str, now: datetime) -> Offer | None:
    """The shipped pack of a framework; None where it is released and in force."""
    framework_, controls = framework(key)
    policy = pack(key)
    released = PolicyRelease.objects.filter(policy=key).exists()
    if released and policy.effective.covers(now):
        return None
    return Offer(
        policy=policy,
        why=_why_not(policy, released, now),
        served={c.id: tuple(serving(f"{framework_.id}/{c.id}", [policy])) for c in controls},
    )


def _why_not(policy: Policy, released: bool, now: datetime) -> str:
    effective, day = policy.effective, now.date()
    if effective.until is not None and day >= effective.until:
        return f"ended on {effective.until:%-d %b %Y}"
    begins = f"begins on {effective.start:%-d %b %Y}" if day < effective.start else ""
    return " and ".join(part for part in ("" if released else "is not released", begins) if part)


def served_counts(now: datetime) -> dict[str, int]:
    """By framework, how many of its controls something of the released policies serves."""
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    policies = select(released, facts={}, now=now)
    return {
        key: sum(bool(one.served) for one in coverage(controls, policies, {}))
        for key, (_, controls) in frameworks().items()
    }
