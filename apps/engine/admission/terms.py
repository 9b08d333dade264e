"""Which version of a policy binds an approval: the one it was given under, for as long as that still counts.

A patch or a minor version speaks from the next submission on. A new major version, and a policy that was
not there at all when the decision was made, take what was approved away once their `grace` has run out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from apps.engine.admission.facts import Question
from apps.engine.policy.model import Policy


def decided_policies(question: Question) -> dict[str, Mapping[str, Any]]:
    """The policies that the decision names, by id."""
    document = question.decision.document if question.decision else {}
    return {str(named.get("id")): named for named in document.get("policies") or ()}


def in_grace(policy: Policy, now: datetime) -> bool:
    """Whether what was approved before this policy still counts (days begin in UTC)."""
    return now.astimezone(UTC).date() < policy.effective.start + policy.effective.grace


def spared(question: Question, policy: Policy) -> bool:
    """Whether the approval lives on grace: it was given before this policy, under less of it or under none.

    Every version that has come since must still spare it: a later one never revives what an earlier ended.
    """
    since = _since(question, policy)
    return bool(since) and all(in_grace(one, question.now) for one in since)


def _since(question: Question, policy: Policy) -> list[Policy]:
    """The versions that came after the decision and ask for a new one; none if that cannot be told."""
    every = [policy, *(one for one in question.earlier if one.id == policy.id)]
    named = decided_policies(question).get(policy.id)
    if named is None:
        return every if all(_came_later(one, question) for one in every) else []
    old = major(named.get("version"))
    later = [one for one in every if old is not None and one.major > old]
    return later if policy in later else []


def _came_later(policy: Policy, question: Question) -> bool:
    """Whether the policy was not in force yet when the decision was made; not known is no."""
    decided = question.decision.document.get("decided_at") if question.decision else None
    try:
        return datetime.fromisoformat(str(decided)).astimezone(UTC).date() < policy.effective.start
    except ValueError:
        return False


def major(version: Any) -> int | None:
    """The first number of a version; None where it is none."""
    first = str(version).split(".")[0]
    return int(first) if first.isdecimal() else None


def terms(question: Question) -> list[Policy]:
    """The policies in force as they bind this approval: each in the version that it was decided under.

    A version that no longer counts, or whose text is not at hand, gives way to the one in force.
    """
    named, earlier = decided_policies(question), {policy.digest: policy for policy in question.earlier}
    found = []
    for policy in question.policies:
        old = earlier.get(str(named.get(policy.id, {}).get("digest")))
        if policy.id not in named and spared(question, policy):
            continue
        if old is not None and old.id == policy.id:
            counts = old.major == policy.major or spared(question, policy)
            found.append(old if counts else policy)
        else:
            found.append(policy)
    return found


def spared_until(question: Question) -> list[datetime]:
    """The ends of the graces that the approval lives on."""
    living = [policy for policy in question.policies if spared(question, policy)]
    since = [one.effective for policy in living for one in _since(question, policy)]
    return [datetime.combine(one.start + one.grace, time(), UTC) for one in since]
