"""The graph around a thing: what feeds it and what it feeds, as told and as the inventory itself knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.inventory import queries
from apps.inventory.lineage import Thing, edges_in_force, named, thing, visible_edges
from apps.inventory.models import DataSet, LineageEdge, ModelVersion
from apps.inventory.states import EdgeKind, NodeKind

DEEPEST = 8
MOST = 200
INVENTORY = "inventory"
# What a version was made from, by the usual names of its data sets; the others test it.
_TRAINING = frozenset({"development", "training", "train"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One edge of the graph; `edge` is its number where somebody told it and nobody ended it."""

    kind: str
    upstream: Thing
    downstream: Thing
    source: str
    edge: int | None = None
    closes_cycle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Things by how far above (negative) or below the centre they stand, and the arrows between them."""

    centre: Thing
    places: dict[Thing, int]
    arrows: tuple[Arrow, ...]
    # Whether there is more than was looked at.
    cut: bool

    @property
    def above(self) -> list[Thing]:
        return [one for one, place in self.places.items() if place < 0]

    @property
    def below(self) -> list[Thing]:
        return [one for one, place in self.places.items() if place > 0]


def plain(one: Thing) -> Thing:
    """A data set known by its bytes is the same whatever it is called."""
    if one.kind == NodeKind.DATASET and one.label.startswith("sha256:"):
        return replace(one, name="", namespace="")
    return one


def find_thing(by: Person, *, kind: str, name: str, namespace: str = "", label: str = "") -> Thing:
    """The thing; NotFound where nothing that the person may see speaks of it."""
    found = thing(kind, name, namespace=namespace, label=label)
    if found.kind == NodeKind.MODEL_VERSION:
        return Thing.of(queries.find_version(by, found.name, found.label))
    if not around(by, found, deepest=1).arrows:
        raise NotFound(f"Nothing is known of the {found.kind} “{found.name[:80]}”.")
    return found


def around(by: Person | None, centre: Thing, *, deepest: int = DEEPEST) -> Graph:
    """Everything that feeds a thing and that it feeds, so far as the person may see; None sees all."""
    walk = _Walk(by, plain(centre))
    for below in (False, True):
        walk.go(below=below, deepest=deepest)
    names = walk.names | {plain(centre): centre}
    places = {names.get(one, one): place for one, place in walk.places.items()}
    arrows = dict.fromkeys(_named(arrow, names) for arrow in walk.arrows)
    return Graph(centre=centre, places=places, arrows=tuple(arrows), cut=walk.cut)


def _named(arrow: Arrow, names: Mapping[Thing, Thing]) -> Arrow:
    above, below = (names.get(one, one) for one in (arrow.upstream, arrow.downstream))
    return replace(arrow, upstream=above, downstream=below)


def fed_by(centre: Thing) -> list[ModelVersion]:
    """Every version that a thing feeds at any distance, whoever may see it."""
    keys = [one for one in around(None, centre, deepest=50).below if one.kind == NodeKind.MODEL_VERSION]
    return list(_versions(None, keys))


def seen_versions(by: Person, things: Iterable[Thing]) -> list[ModelVersion]:
    """The versions among these things that the person may see."""
    return list(_versions(by, [one for one in things if one.kind == NodeKind.MODEL_VERSION]))


def _versions(by: Person | None, things: Iterable[Thing]) -> QuerySet[ModelVersion]:
    named_so = [Q(model__key=one.name, label=one.label) for one in things]
    rows = ModelVersion.objects.filter(reduce(or_, named_so, Q(pk__in=[])))
    rows = rows if by is None else rows.filter(model__in=visible_models(by))
    return rows.select_related("model__unit", "model__owner").order_by("model__key", "-registered_at")


class _Walk:
    """Step by step away from the centre, each step with a query for each kind of edge."""

    def __init__(self, by: Person | None, centre: Thing) -> None:
        self._by = by
        self.places: dict[Thing, int] = {centre: 0}
        self.names: dict[Thing, Thing] = {}
        self.arrows: list[Arrow] = []
        self.cut = False
        self._told = edges_in_force() if by is None else visible_edges(by)

    def go(self, *, below: bool, deepest: int) -> None:
        edge = [one for one, place in self.places.items() if place == 0]
        for depth in range(1, deepest + 1):
            following = []
            for arrow in (*self._edges(edge, below=below), *self._own(edge, below=below)):
                self.arrows.append(arrow)
                one = arrow.downstream if below else arrow.upstream
                if one not in self.places:
                    self.places[one] = depth if below else -depth
                    following.append(one)
            edge = following
            if len(self.places) > MOST and self._by is not None:
                self.cut = self.cut or bool(edge)
                return
        self.cut = self.cut or bool(edge and self._more(edge, below=below))

    def _more(self, things: list[Thing], *, below: bool) -> bool:
        return any(True for _ in self._edges(things, below=below)) or any(
            True for _ in self._own(things, below=below)
        )

    def _edges(self, things: list[Thing], *, below: bool) -> Iterator[Arrow]:
        end = "upstream" if below else "downstream"
        wanted = reduce(or_, (_at(end, one) for one in things), Q(pk__in=[]))
        for row in self._told.filter(wanted):
            yield self._arrow(row)

    def _arrow(self, row: LineageEdge) -> Arrow:
        return Arrow(
            kind=row.kind,
            upstream=self._plain(named(row.upstream)),
            downstream=self._plain(named(row.downstream)),
            source=row.source,
            edge=row.pk,
            closes_cycle=row.closes_cycle,
        )

    def _plain(self, one: Thing) -> Thing:
        found = plain(one)
        if found != one:
            self.names.setdefault(found, one)
        return found

    def _own(self, things: list[Thing], *, below: bool) -> Iterator[Arrow]:
        """The data sets of versions, and where each says that it comes from."""
        digests = [one.label for one in things if one.kind == NodeKind.DATASET and one == plain(one)]
        digests = [label for label in digests if label.startswith("sha256:")]
        rows = DataSet.objects.select_related("version__model")
        if self._by is not None:
            rows = rows.filter(version__model__in=visible_models(self._by))
        if below:
            for row in rows.filter(digest__in=digests).order_by("pk")[:MOST]:
                yield self._pinned(row)
            return
        versions = _versions(self._by, [one for one in things if one.kind == NodeKind.MODEL_VERSION])
        for row in rows.filter(version__in=versions).order_by("pk")[:MOST]:
            yield self._pinned(row)
        for row in rows.filter(digest__in=digests).order_by("pk")[:MOST]:
            if origin := told_source(row):
                yield Arrow(
                    kind=EdgeKind.DERIVES,
                    upstream=Thing(kind=NodeKind.DATASET, name=origin),
                    downstream=self._plain(_data(row)),
                    source=INVENTORY,
                )

    def _pinned(self, row: DataSet) -> Arrow:
        kind = EdgeKind.TRAINS if row.name in _TRAINING else EdgeKind.TESTS
        return Arrow(
            kind=kind, upstream=self._plain(_data(row)), downstream=Thing.of(row.version), source=INVENTORY
        )


def told_source(row: DataSet) -> str:
    """Where a data set says in model.yaml that it comes from; nothing where it does not say."""
    origin = (row.declared or {}).get("source")
    return origin.strip()[:300] if isinstance(origin, str) else ""


def _data(row: DataSet) -> Thing:
    return Thing(kind=NodeKind.DATASET, name=row.name, namespace=row.version.model.key, label=row.digest)


def _at(end: str, one: Thing) -> Q:
    if one.kind == NodeKind.DATASET and not one.name:
        return Q(**{f"{end}__kind": one.kind, f"{end}__label": one.label})
    parts = {"kind": one.kind, "namespace": one.namespace, "name": one.name, "label": one.label}
    return Q(**{f"{end}__{part}": value for part, value in parts.items()})


def missing_upstream(version: ModelVersion) -> list[str]:
    """What nothing says of where a version comes from, a sentence each."""
    graph = around(None, Thing.of(version), deepest=2)
    into = {one.downstream for one in graph.arrows}
    lacking = []
    if not any(a.kind == EdgeKind.TRAINS and a.downstream == graph.centre for a in graph.arrows):
        lacking.append(f"Nothing says what {version} was trained on.")
    for row in version.datasets.select_related("version__model").order_by("name"):
        shown = next((a.upstream for a in graph.arrows if a.upstream.label == row.digest), None)
        if shown not in into:
            lacking.append(f"Nothing says where the data set {row.name} of {version} comes from.")
    return lacking
