"""What each environment asks of a version: the policies in force there, their gates and their sign-offs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from apps.audit.past import clock
from apps.deploys.models import Environment
from apps.deploys.queries import environments
from apps.engine.policy.deployment import DeployRules, rules_of
from apps.engine.policy.model import Policy
from apps.gates.models import PolicyRelease
from apps.gates.queries import policy_of


@dataclass(frozen=True, slots=True)
class Demand:
    """One policy as an environment sees it."""

    policy: Policy
    own: bool
    match: str

    @property
    def gates(self) -> int:
        """How many gates block."""
        return sum(gate.blocking for gate in self.policy.gates)

    @property
    def deploying(self) -> DeployRules:
        """As what, and in which patterns, it lets a version be deployed; empty where it says nothing."""
        return rules_of(self.policy.document)

    @property
    def signoffs(self) -> int:
        """How many people sign, where every step applies."""
        return sum(step.quorum for step in self.policy.approvals.steps)


@dataclass(frozen=True, slots=True)
class Demands:
    """An environment and what it asks; own policies come before those for everywhere."""

    environment: Environment
    policies: list[Demand]


def demands(now: datetime | None = None) -> list[Demands]:
    """What each declared environment asks at a moment."""
    at = now or clock()
    in_force = _in_force(at)
    return [Demands(place, _of(place.key, in_force)) for place in environments()]


def _in_force(at: datetime) -> list[Policy]:
    """The newest version in force of each policy, without those whose place another takes."""
    day = at.date()
    rows = PolicyRelease.objects.filter(
        Q(effective_from__isnull=True) | Q(effective_from__lte=day),
        Q(effective_until__isnull=True) | Q(effective_until__gt=day),
        released_at__lte=at,
    )
    newest: dict[str, Policy] = {}
    for policy in map(policy_of, rows):
        held = newest.get(policy.id)
        if policy.effective.covers(at) and (held is None or _number(policy) > _number(held)):
            newest[policy.id] = policy
    gone = {name for policy in newest.values() for name in policy.supersedes}
    return [newest[key] for key in sorted(newest) if key not in gone]


def _number(policy: Policy) -> list[int]:
    return [int(part) for part in policy.version.split(".")]


def _of(key: str, policies: list[Policy]) -> list[Demand]:
    here = [p for p in policies if not p.applies_to.environments or key in p.applies_to.environments]
    found = [Demand(p, bool(p.applies_to.environments), _told(p)) for p in here]
    return sorted(found, key=lambda demand: (not demand.own, demand.policy.id))


def _told(policy: Policy) -> str:
    """Of which models it speaks, in short."""
    match = policy.applies_to.match
    return ", ".join(f"{name} {_value(value)}" for name, value in match.items()) or "every model"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return " or ".join(map(str, value))
    return str(value)
