"""What the policies that decided ask of people: steps, validity and waivers; the strictest of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apps.approvals.steps import Step
from apps.engine.admit import steps_for
from apps.engine.policy.model import Policy
from apps.gates.models import Decision
from apps.gates.queries import pinned_policies

APPROVAL = timedelta(days=365)
CONDITIONAL = timedelta(days=90)
WAIVER = timedelta(days=90)
RENEWALS = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """The people's part of several policies, united."""

    steps: list[Step]
    approval: timedelta
    conditional: timedelta
    waiver: timedelta
    renewals: int
    majors: dict[str, int]
    # Before anybody is asked to review: how complete the entry is in per cent, and what it must have.
    completeness: int = 0
    parts: tuple[str, ...] = ()


def rules_of(decision: Decision) -> Rules:
    """The rules of the policies under which the decision was made."""
    return united(pinned_policies(decision.run), decision.run.pinned.get("fields") or {})


def united(policies: Sequence[Policy], facts: Mapping[str, Any]) -> Rules:
    """Every step, the shortest durations, the fewest renewals."""
    asked = steps_for(policies, facts)
    return Rules(
        steps=[{"id": s.id, "role": s.role, "quorum": s.quorum, "after": list(s.after)} for s in asked],
        approval=min((p.validity.approval for p in policies), default=APPROVAL),
        conditional=min((p.validity.conditional for p in policies), default=CONDITIONAL),
        waiver=min((p.waivers.max_duration for p in policies), default=WAIVER),
        renewals=min((p.waivers.max_renewals for p in policies), default=RENEWALS),
        majors={p.id: p.major for p in policies},
        completeness=max((p.completeness for p in policies), default=0),
        parts=tuple(dict.fromkeys(part for p in policies for part in p.entry_parts)),
    )
