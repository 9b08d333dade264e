"""The graph around a thing over HTTP, what is exposed to it, and what follows for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.approvals.commands import revalidate
from apps.deploys.exposure import exposed, lineage_of
from apps.inventory.graph import find_thing
from apps.inventory.lineage import Thing, thing

if TYPE_CHECKING:
    from apps.access.models import Person

Json = dict[str, Any]


@operation(
    "GET",
    "What feeds a thing and what it feeds, so far as the caller may see, and the versions exposed to it.",
    query={"kind": "string", "name": "string", "namespace": "string", "label": "string"},
    answers={200: "Things by their distance (upstream negative), edges, and what is exposed."},
)
def show_lineage(request: HttpRequest, *, by: Person) -> HttpResponse:
    given = {part: request.GET.get(part, "") for part in ("kind", "name", "namespace", "label")}
    graph = lineage_of(by, find_thing(by, **given))
    things = [{**_thing(one), "distance": place} for one, place in graph.places.items()]
    edges = [
        {
            "id": arrow.edge,
            "kind": arrow.kind,
            "upstream": _thing(arrow.upstream),
            "downstream": _thing(arrow.downstream),
            "source": arrow.source,
            "closes_cycle": arrow.closes_cycle,
        }
        for arrow in graph.arrows
    ]
    told = [one.as_json() for one in exposed(by, graph)]
    centre = _thing(graph.centre)
    return answer({"centre": centre, "things": things, "edges": edges, "more": graph.cut, "exposed": told})


def _thing(one: Thing) -> Json:
    return {"kind": one.kind, "name": one.name, "namespace": one.namespace, "label": one.label}


def _read(given: Json) -> Thing:
    fields = Fields(given)
    found = thing(
        fields.text("kind"),
        fields.text("name"),
        namespace=fields.text("namespace", ""),
        label=fields.text("label", ""),
    )
    fields.done()
    return found


@operation(
    "POST",
    "Open a task to re-validate for each version in use that a thing feeds.",
    request={"thing": "object", "reason": "string"},
    answers={201: "The findings, and how many versions are for others to open them."},
)
def open_revalidations(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    given, reason = fields.mapping("thing"), fields.text("reason")
    fields.done()
    one = _read(given)
    found = find_thing(by, kind=one.kind, name=one.name, namespace=one.namespace, label=one.label)
    made = revalidate(by=by, of=found, reason=reason)
    told = {"findings": [rendering.finding(row) for row in made.opened], "left": made.left}
    return answer(told, status=201)


around = endpoint(show_lineage)
revalidations = endpoint(open_revalidations)
