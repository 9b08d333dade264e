"""What the policies that decided ask of people: steps, validity and waivers; the strictest of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.approvals.steps import Step, strictest
from apps.gates.models import Decision, PolicyRelease

DEFAULT_APPROVAL_DAYS = 365
DEFAULT_CONDITIONAL_DAYS = 90
DEFAULT_WAIVER_DAYS = 90
DEFAULT_RENEWALS = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """The people's part of several policies, united."""

    steps: list[Step]
    approval_days: int
    conditional_days: int
    waiver_days: int
    waiver_renewals: int
    environments: list[str]


def days(duration: str | None, default: int) -> int:
    """Whole days of an ISO 8601 duration such as P90D; the default where there is none."""
    match = re.fullmatch(r"P(\d+)D", duration or "")
    return int(match[1]) if match else default


def rules_of(decision: Decision) -> Rules:
    """The rules of the policies under which the decision was made."""
    digests = [p["digest"] for p in decision.policies]
    documents = list(PolicyRelease.objects.filter(digest__in=digests).values_list("document", flat=True))
    return united(documents)


def united(documents: Iterable[Mapping[str, Any]]) -> Rules:
    """The strictest of each part: every step, the shortest durations, the fewest renewals."""
    docs = list(documents)
    validity = [d.get("validity") or {} for d in docs]
    waivers = [d.get("waivers") or {} for d in docs]
    asked = [step for d in docs for step in (d.get("approvals") or {}).get("steps") or ()]
    places = sorted({e for d in docs for e in (d.get("applies_to") or {}).get("environments") or ()})
    return Rules(
        steps=strictest(asked),
        approval_days=_least(
            (days(v.get("approval"), DEFAULT_APPROVAL_DAYS) for v in validity), DEFAULT_APPROVAL_DAYS
        ),
        conditional_days=_least(
            (days(v.get("conditional"), DEFAULT_CONDITIONAL_DAYS) for v in validity), DEFAULT_CONDITIONAL_DAYS
        ),
        waiver_days=_least(
            (days(w.get("max_duration"), DEFAULT_WAIVER_DAYS) for w in waivers), DEFAULT_WAIVER_DAYS
        ),
        waiver_renewals=_least(
            (int(w.get("max_renewals", DEFAULT_RENEWALS)) for w in waivers), DEFAULT_RENEWALS
        ),
        environments=places,
    )


def _least(numbers: Iterable[int], default: int) -> int:
    return min(numbers, default=default)
