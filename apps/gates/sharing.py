"""Policies that rest on others: which version each was proved against, and who is behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apps.engine.policy import Policy
from apps.gates.models import PolicyRelease

Number = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """A policy in its newest version, and the version of another that it was proved to tighten."""

    policy: str
    version: str
    rests_on: str
    newest: str
    title: str

    @property
    def behind(self) -> bool:
        """Whether a newer version is released than the one it rests on."""
        return number(self.rests_on) < number(self.newest)

    def as_json(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "version": self.version,
            "title": self.title,
            "rests_on": self.rests_on,
            "newest": self.newest,
            "behind": self.behind,
        }


def number(version: str) -> Number:
    """A version as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def confined_to(policy: Policy) -> frozenset[str]:
    """The business units that a policy cannot reach beyond; empty where nothing confines it.

    Every model has a unit, so a line on it in `applies_to.match` is a proof.
    """
    wanted = policy.applies_to.match.get("model.unit")
    if isinstance(wanted, dict):
        wanted = next((wanted[name] for name in ("any_of", "all_of", "eq") if name in wanted), None)
    return frozenset([wanted] if isinstance(wanted, str) else wanted or ())


def used_by(policy: str, draft: Policy | None = None) -> list[Dependent]:
    """Every policy that extends this one, in its newest version; those behind first.

    With a draft they are measured against it: who would be on the old one once it is released.
    """
    newest = draft.version if draft else _newest(policy)
    rows = PolicyRelease.objects.only("policy", "version", "document")
    heads: dict[str, PolicyRelease] = {}
    for row in rows:
        if row.policy not in heads or number(row.version) > number(heads[row.policy].version):
            heads[row.policy] = row
    found = [one for row in heads.values() for one in _resting(row, policy, newest)]
    return sorted(found, key=lambda one: (not one.behind, one.policy))


def _newest(policy: str) -> str:
    versions = PolicyRelease.objects.filter(policy=policy).values_list("version", flat=True)
    return max(versions, key=number, default="0.0.0")


def _resting(row: PolicyRelease, policy: str, newest: str) -> Iterator[Dependent]:
    """What a release rests on was written into it on the day of its release; a newer one changes nothing."""
    for parent in row.document.get("resolved_from") or ():
        if parent["id"] == policy:
            yield Dependent(
                policy=row.policy,
                version=row.version,
                rests_on=parent["version"],
                newest=newest,
                title=row.document["metadata"]["title"],
            )
