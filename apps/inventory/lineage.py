"""What feeds what, as it was told: names of things, the edges that hold, and whether one closes a cycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.guards import may_anywhere
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.access.text import clean, required, storable
from apps.audit.errors import Invalid, NotFound
from apps.inventory.models import LineageEdge, LineageNode, ModelVersion, RegisteredModel
from apps.inventory.queries import find_model
from apps.inventory.states import EDGES, EdgeKind, NodeKind

_REACHES = """
WITH RECURSIVE below(id) AS (
    SELECT %s::bigint
  UNION
    SELECT e.downstream_id FROM inventory_lineageedge e JOIN below ON e.upstream_id = below.id
    WHERE e.holds AND NOT EXISTS (
        SELECT FROM inventory_lineageedge n
        WHERE n.upstream_id = e.upstream_id AND n.downstream_id = e.downstream_id
          AND n.kind = e.kind AND n.id > e.id)
)
SELECT EXISTS (SELECT FROM below WHERE id = %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A thing by its name; of a model version `name` is the key of the model and `label` the version's."""

    kind: NodeKind
    name: str
    namespace: str = ""
    label: str = ""

    @classmethod
    def of(cls, version: ModelVersion) -> Thing:
        """A version of a model of the inventory."""
        return cls(kind=NodeKind.MODEL_VERSION, name=version.model.key, label=version.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One edge as it is told."""

    kind: EdgeKind
    upstream: Thing
    downstream: Thing


def thing(kind: str, name: str, *, namespace: str = "", label: str = "") -> Thing:
    """A thing, each part of its name as the record can hold it; Invalid names what cannot be."""
    if kind not in list(NodeKind):
        raise Invalid(f"A thing is one of {', '.join(NodeKind)}, not “{kind[:40]}”.", field="kind")
    return Thing(
        kind=NodeKind(kind),
        name=required(name, field="name", longest=300),
        namespace=clean(namespace, field="namespace", longest=200),
        label=clean(label, field="label", longest=120),
    )


def line(kind: str, upstream: Thing, downstream: Thing) -> Line:
    """An edge between two things that may stand so; Invalid says which may."""
    if kind not in EDGES:
        raise Invalid(f"An edge is one of {', '.join(EDGES)}, not “{kind[:40]}”.", field="kind")
    above, below = EDGES[kind]
    for end, may, where in ((upstream, above, "before"), (downstream, below, "after")):
        if end.kind not in may:
            kinds = ", ".join(sorted(may))
            raise Invalid(f"{where.title()} “{kind}” stands {kinds}, not {end.kind}.", field="kind")
    if upstream == downstream:
        raise Invalid(f"“{upstream.name}” cannot feed itself.", field="downstream")
    return Line(kind=EdgeKind(kind), upstream=upstream, downstream=downstream)


def edges_in_force() -> QuerySet[LineageEdge]:
    """The newest edge of each kind between two things, where it says that it holds."""
    newer = LineageEdge.objects.filter(
        upstream=OuterRef("upstream"),
        downstream=OuterRef("downstream"),
        kind=OuterRef("kind"),
        pk__gt=OuterRef("pk"),
    )
    rows = LineageEdge.objects.filter(~Exists(newer), holds=True)
    return rows.select_related("upstream", "downstream", "stated_by", "event")


def visible_edges(by: Person) -> QuerySet[LineageEdge]:
    """The edges in force of which no end is a model that the person may not see."""
    if not may_anywhere(by, Permission.MODEL_SEE):
        return LineageEdge.objects.none()
    hidden = RegisteredModel.objects.exclude(pk__in=visible_models(by)).values("key")
    unseen = LineageNode.objects.filter(kind=NodeKind.MODEL_VERSION, name__in=hidden).values("pk")
    return edges_in_force().exclude(Q(upstream__in=unseen) | Q(downstream__in=unseen))


def edges_at(by: Person, things: Iterable[Thing], *, below: bool) -> list[LineageEdge]:
    """The visible edges that lead down from these things, or up from them."""
    end = "upstream" if below else "downstream"
    wanted = Q(pk__in=[])
    for one in things:
        parts = {"kind": one.kind, "namespace": one.namespace, "name": one.name, "label": one.label}
        wanted |= Q(**{f"{end}__{part}": value for part, value in parts.items()})
    return list(visible_edges(by).filter(wanted))


def listed(by: Person, *, model: str = "", before: int = 0) -> QuerySet[LineageEdge]:
    """The visible edges, the newest first; those of the versions of one model, where it is named."""
    rows = visible_edges(by)
    if model:
        ours = LineageNode.objects.filter(kind=NodeKind.MODEL_VERSION, name=find_model(by, model).key)
        rows = rows.filter(Q(upstream__in=ours) | Q(downstream__in=ours))
    return (rows.filter(pk__lt=before) if before else rows).order_by("-pk")


def things_named(by: Person, text: str, *, at_most: int = 50) -> list[Thing]:
    """Things whose name has a text in it, as far as an edge that the person may see speaks of them."""
    wanted = text.strip()[:300]
    if not storable(wanted):
        return []
    seen = visible_edges(by)
    spoken = Q(pk__in=seen.values("upstream")) | Q(pk__in=seen.values("downstream"))
    rows = LineageNode.objects.filter(spoken, name__icontains=wanted).order_by("kind", "name", "label")
    return [named(node) for node in rows[:at_most]]


def find_edge(by: Person, edge_id: int) -> LineageEdge:
    """A visible edge that holds; NotFound otherwise."""
    row = visible_edges(by).filter(pk=edge_id).first() if edge_id < 2**63 else None
    if row is None:
        raise NotFound("There is no such edge.")
    return row


def named(node: LineageNode) -> Thing:
    """The thing that a row names."""
    return Thing(kind=NodeKind(node.kind), name=node.name, namespace=node.namespace, label=node.label)


def feeds_already(upstream: LineageNode, downstream: LineageNode) -> bool:
    """Whether the first thing feeds the second, at any distance."""
    with connection.cursor() as cursor:
        cursor.execute(_REACHES, [upstream.pk, downstream.pk])
        return bool(cursor.fetchone()[0])
