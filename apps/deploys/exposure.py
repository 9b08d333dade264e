"""What is exposed to a thing: the versions that it feeds, how grave they are, where they run, how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Sum

from apps.access.models import Person
from apps.approvals.models import Approval
from apps.approvals.states import ApprovalState
from apps.audit.past import clock
from apps.deploys.models import CallCount, Deployment
from apps.deploys.running import slots
from apps.inventory.graph import Arrow, Graph, around, seen_versions
from apps.inventory.lineage import Thing
from apps.inventory.models import ModelVersion
from apps.inventory.queries import current_tier
from apps.inventory.states import EdgeKind, NodeKind

VOLUME = timedelta(days=30)


@dataclass(slots=True)
class Exposed:
    """A version that is fed, what it is approved for, and where it runs."""

    version: ModelVersion
    tier: int | None
    approvals: list[Approval] = field(default_factory=list)
    running: list[Deployment] = field(default_factory=list)
    # Calls of the last 30 days; None where nobody counts them.
    calls: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "model": self.version.model.key,
            "version": self.version.label,
            "digest": self.version.digest,
            "tier": self.tier,
            "decisions": [
                {"use": a.use.key, "statement": a.statement_digest, "expires_at": a.expires_at}
                for a in self.approvals
            ],
            "running": [{"environment": d.environment.key, "slot": d.slot} for d in self.running],
            "calls_30_days": self.calls,
        }


def exposed(by: Person, graph: Graph) -> list[Exposed]:
    """The versions below the centre that the person may see, the gravest first."""
    versions = seen_versions(by, graph.below)
    found = {v.pk: Exposed(v, current_tier(v.model)) for v in versions}
    granted = Approval.objects.filter(version__in=versions, state=ApprovalState.GRANTED)
    for approval in granted.filter(expires_at__gt=clock(), use__retired_at=None).select_related("use"):
        found[approval.version_id].approvals.append(approval)
    for slot in _running(by, versions):
        if slot.version_id in found:
            one = found[slot.version_id]
            one.running.append(slot)
            calls = _calls(slot)
            one.calls = calls if one.calls is None else one.calls + (calls or 0)
    return sorted(found.values(), key=lambda one: (one.tier or 1, one.version.model.key))


def _running(by: Person, versions: Iterable[ModelVersion]) -> list[Deployment]:
    keys = {version.pk for version in versions}
    return [slot for slot in slots(by) if slot.version_id in keys] if keys else []


def _calls(slot: Deployment) -> int | None:
    rows = CallCount.objects.filter(environment=slot.environment, slot=slot.slot)
    total: int | None = rows.filter(begins__gte=clock() - VOLUME).aggregate(all=Sum("calls"))["all"]
    return total


def with_endpoints(by: Person, graph: Graph) -> Graph:
    """The graph with what serves its versions, so far as it was reported."""
    versions = seen_versions(by, [graph.centre, *graph.below])
    arrows, places = list(graph.arrows), dict(graph.places)
    for slot in _running(by, versions):
        version = next(v for v in versions if v.pk == slot.version_id)
        at = Thing(kind=NodeKind.ENDPOINT, name=slot.slot, namespace=slot.environment.key)
        above = Thing.of(version)
        arrows.append(Arrow(kind=EdgeKind.SERVES, upstream=above, downstream=at, source=str(slot.source)))
        places.setdefault(at, places.get(above, 0) + 1)
    return Graph(centre=graph.centre, places=places, arrows=tuple(dict.fromkeys(arrows)), cut=graph.cut)


def lineage_of(by: Person, centre: Thing) -> Graph:
    """Everything that feeds a thing and that it feeds, with where it runs."""
    return with_endpoints(by, around(by, centre))
