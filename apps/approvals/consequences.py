"""What another tier would ask of a model: policies, gates, signatures and dates, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from apps.approvals.queries import granted_version, standing_approval
from apps.approvals.rules import Rules, united
from apps.approvals.states import ApprovalState
from apps.engine.policy import Policy, gates_for
from apps.gates.clock import database_now
from apps.gates.queries import policies_in_each
from apps.inventory.models import ModelVersion, RegisteredModel, Use
from apps.inventory.queries import subject_fields


@dataclass(frozen=True, slots=True)
class Owed:
    """What a model of one tier owes for one use."""

    policies: Mapping[str, str]
    gates: Mapping[str, str]
    steps: tuple[str, ...]
    approval_days: int
    conditional_days: int

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "policies": list(self.policies),
            "gates": list(self.gates),
            "steps": list(self.steps),
            "approval_days": self.approval_days,
            "conditional_days": self.conditional_days,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """The approval that stands for a use today, and what would become of it."""

    version: str
    ends: datetime | None
    would_end: datetime | None
    undecided: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "version": self.version,
            "expires_at": self.ends,
            "next_would_last_until": self.would_end,
            "suffices": not self.undecided,
            "not_decided_under": list(self.undecided),
        }


@dataclass(frozen=True, slots=True)
class Consequence:
    """For one use: what is owed now, what would be, and the approval that stands."""

    use: Use
    before: Owed
    after: Owed
    approval: Standing | None

    @property
    def new_gates(self) -> list[str]:
        """Titles of gates that would be asked besides."""
        return [title for key, title in self.after.gates.items() if key not in self.before.gates]

    @property
    def gone_gates(self) -> list[str]:
        """Titles of gates that would no longer be asked."""
        return [title for key, title in self.before.gates.items() if key not in self.after.gates]

    @property
    def new_policies(self) -> list[str]:
        """Titles of policies that would apply besides."""
        return [title for key, title in self.after.policies.items() if key not in self.before.policies]

    @property
    def gone_policies(self) -> list[str]:
        """Titles of policies that would no longer apply."""
        return [title for key, title in self.before.policies.items() if key not in self.after.policies]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "use": self.use.key,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "approval": None if self.approval is None else self.approval.as_json(),
        }


def consequences(model: RegisteredModel, tier: int) -> list[Consequence]:
    """For each use that is not retired, by the newest version; empty before the first version."""
    version = model.versions.order_by("-registered_at", "-id").first()
    if version is None:
        return []
    return [_of_use(version, use, tier) for use in model.uses.filter(retired_at=None).order_by("key")]


def _of_use(version: ModelVersion, use: Use, tier: int) -> Consequence:
    now, facts = database_now(), subject_fields(version, use)
    changed = {**facts, "model.tier": tier}
    now_asked, then_asked = policies_in_each(now, [(facts, None), (changed, None)])
    before, after = _owed(now_asked, facts), _owed(then_asked, changed)
    return Consequence(use, before, after, _standing(use, after, then_asked, now))


def _owed(policies: Iterable[Policy], facts: Mapping[str, Any]) -> Owed:
    asked = list(policies)
    rules = united(asked, facts)
    return Owed(
        policies={p.id: p.title for p in asked},
        gates={g.id: g.title for g in gates_for(asked) if g.speaks_of(facts)},
        steps=_words(rules),
        approval_days=rules.approval.days,
        conditional_days=rules.conditional.days,
    )


def _words(rules: Rules) -> tuple[str, ...]:
    return tuple(f"{step['quorum']} of the role {step['role']}" for step in rules.steps)


def _standing(use: Use, after: Owed, policies: Iterable[Policy], now: datetime) -> Standing | None:
    version = granted_version(use)
    approval = standing_approval(version, use, now) if version else None
    if version is None or approval is None or approval.state != ApprovalState.GRANTED:
        return None
    decided = {str(policy["id"]) for policy in approval.subject["policies"]}
    return Standing(
        version=version.label,
        ends=approval.expires_at,
        would_end=now + timedelta(days=after.approval_days),
        undecided=tuple(policy.title for policy in policies if policy.id not in decided),
    )


def review_due(days: int | None, now: datetime | None = None) -> date | None:
    """The day on which a tier given now would be looked at again."""
    return (now or database_now()).date() + timedelta(days=days) if days else None
