"""What feeds what: events of OpenLineage, and edges that people state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body
from apps.deploys.integrations.openlineage import read_event
from apps.inventory import lineage
from apps.inventory.commands.lineage import end_edge, state_edge, take_lineage

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import LineageEdge, LineageNode

PAGE = 200


def _node(node: LineageNode) -> dict[str, str]:
    return {"kind": node.kind, "namespace": node.namespace, "name": node.name, "label": node.label}


def _edge(row: LineageEdge) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "upstream": _node(row.upstream),
        "downstream": _node(row.downstream),
        "closes_cycle": row.closes_cycle,
        "source": row.source,
        "event": row.event.digest if row.event else None,
        "stated_by": rendering.person(row.stated_by),
        "stated_at": row.stated_at,
    }


@operation(
    "POST",
    "Take in an event of OpenLineage 2: what was read and written becomes edges of the lineage.",
    request={
        "eventType": "string?",
        "eventTime": "string",
        "schemaURL": "string",
        "producer": "string?",
        "run": "object?",
        "job": "object?",
        "inputs": "array?",
        "outputs": "array?",
    },
    answers={201: "Taken in, with the edges that are new.", 200: "The same event came before."},
    additions=True,
)
def take_event(request: HttpRequest, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.VERSION_REGISTER)
    told = read_event(body(request))
    digest = f"sha256:{hashlib.sha256(request.body).hexdigest()}"
    taken = take_lineage(
        by=by,
        source="openlineage",
        key=digest,
        digest=digest,
        lines=told.lines,
        about=told.about,
        happened_at=told.happened_at,
    )
    cycles = [str(edge) for edge in taken.edges if edge.closes_cycle]
    said = {"event": taken.row.digest, "edges": len(taken.edges), "cycles": cycles}
    return answer(said, status=201 if taken.new else 200)


@operation(
    "GET",
    "The edges that hold; with `model`, those of its versions; `before` is the id to go on from.",
    query={"model": "string", "before": "integer"},
    answers={200: "The newest first."},
)
def list_edges(request: HttpRequest, *, by: Person) -> HttpResponse:
    before = request.GET.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 18):
        raise ApiProblem(422, '"before" must be the id of an edge.', code="invalid", field="before")
    rows = lineage.listed(by, model=request.GET.get("model", ""), before=int(before or 0))[: PAGE + 1]
    found = list(rows)
    more = found[PAGE - 1].pk if len(found) > PAGE else None
    return answer({"edges": [_edge(row) for row in found[:PAGE]], "next": more})


@operation(
    "POST",
    "State that one thing feeds another; what would close a cycle is refused.",
    request={"kind": "string", "upstream": "object", "downstream": "object"},
    answers={201: "The edge, be it new or not."},
)
def state(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    kind = fields.text("kind", longest=20)
    upstream, downstream = _thing(fields, "upstream"), _thing(fields, "downstream")
    fields.done()
    return answer(_edge(state_edge(by=by, kind=kind, upstream=upstream, downstream=downstream)), status=201)


def _thing(fields: Fields, name: str) -> lineage.Thing:
    told = Fields(fields.mapping(name))
    found = lineage.thing(
        told.text("kind", longest=20),
        told.text("name", longest=300),
        namespace=told.text("namespace", "", longest=200),
        label=told.text("label", "", longest=120),
    )
    told.done()
    return found


@operation(
    "POST",
    "State that an edge no longer holds.",
    request={"reason": "string"},
    answers={200: "It is ended."},
)
def end(request: HttpRequest, edge_id: int, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    reason = fields.text("reason", longest=2000)
    fields.done()
    return answer(_edge(end_edge(by=by, edge=lineage.find_edge(by, edge_id), reason=reason)))


events = endpoint(take_event)
edges = endpoint(list_edges, state)
edge_ending = endpoint(end)
