"""What feeds what: the picture around a thing, what is exposed to it, and the edges that people state."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from apps.access.guards import may_anywhere
from apps.access.states import Permission
from apps.approvals.commands import revalidate
from apps.audit.errors import Invalid, NotFound
from apps.deploys.exposure import exposed, lineage_of
from apps.inventory import commands, queries
from apps.inventory.graph import find_thing
from apps.inventory.lineage import Thing, thing, things_named, visible_edges
from apps.inventory.listing import model_page
from apps.inventory.states import EDGES, NodeKind
from apps.web.lineage_pictures import picture_of
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person

PARTS = ("kind", "name", "namespace", "label")


@page()
def around(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What feeds a thing and what it feeds; where none is named, the things to begin with."""
    if not any(request.GET.get(part) for part in PARTS):
        return _start(request, by)
    centre = _centre(by, request.GET)
    graph = lineage_of(by, centre)
    lines = [(arrow, address(arrow.upstream), address(arrow.downstream)) for arrow in graph.arrows]
    context = {
        "title": f"Lineage of {centre.name or centre.label}",
        "centre": centre,
        "here": address(centre),
        "model": queries.find_model(by, centre.name) if centre.kind == NodeKind.MODEL_VERSION else None,
        "graph": graph,
        "picture": picture_of(graph),
        "lines": lines,
        "cycles": [arrow for arrow in graph.arrows if arrow.closes_cycle],
        "exposed": exposed(by, graph),
        "kinds": list(EDGES),
        "things": list(NodeKind),
        "may_state": may_anywhere(by, Permission.VERSION_REGISTER),
        "may_open": may_anywhere(by, Permission.FINDING_OPEN),
    }
    return render(request, "lineage/record.html", context)


def _start(request: HttpRequest, by: Person) -> HttpResponse:
    """Models to begin with, and the things that a word finds."""
    wanted = request.GET.get("q", "")
    models = model_page(by, {"q": wanted} if wanted else {}, request.GET.get("after"))
    things = [(one, address(one)) for one in things_named(by, wanted)]
    context = {
        "title": "Lineage",
        "q": wanted,
        "models": [one for one in models.rows if one.newest_label],
        "next": models.next,
        "things": [(one, where) for one, where in things if one.kind != NodeKind.MODEL_VERSION],
    }
    return render(request, "lineage/start.html", context)


def _centre(by: Person, given: QueryDict) -> Thing:
    """The thing that the address names; of a model without a version its newest one."""
    kind, name, label = (
        given.get("kind", NodeKind.MODEL_VERSION),
        given.get("name", ""),
        given.get("label", ""),
    )
    if kind == NodeKind.MODEL_VERSION and not label:
        newest = queries.find_model(by, name).versions.order_by("-registered_at").first()
        if newest is None:
            raise NotFound(f"{name} has no version yet, so nothing feeds it.")
        return Thing.of(newest)
    return find_thing(by, kind=kind, name=name, namespace=given.get("namespace", ""), label=label)


def address(one: Thing) -> str:
    """Where the lineage of a thing stands."""
    return "/lineage?" + urlencode({part: getattr(one, part) for part in PARTS if getattr(one, part)})


@page("POST")
def state(request: HttpRequest, *, by: Person) -> HttpResponse:
    """State that one thing feeds another."""
    centre = _centre(by, request.POST)
    ends = {part: request.POST.get(f"other-{part}", "") for part in PARTS}
    other = thing(ends["kind"], ends["name"], namespace=ends["namespace"], label=ends["label"])
    way = request.POST.get("way", "")
    if way not in ("above", "below"):
        raise Invalid("Say whether it feeds this or is fed by it.", field="way")
    above, below = (other, centre) if way == "above" else (centre, other)
    edge = commands.state_edge(by=by, kind=request.POST.get("edge", ""), upstream=above, downstream=below)
    return done(request, f"Stated: {edge}.", address(centre))


@page("POST")
def end(request: HttpRequest, line_id: int, *, by: Person) -> HttpResponse:
    """End an edge that no longer holds, or never did."""
    edge = visible_edges(by).filter(pk=line_id).first()
    if edge is None:
        raise NotFound("There is no such edge, or it was ended.")
    commands.end_edge(by=by, edge=edge, reason=request.POST.get("reason", ""))
    return done(request, f"Ended: {edge}.", "/lineage?" + request.POST.get("back-to", ""))


@page("POST")
def ask(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Open a task to re-validate for everything that a thing feeds."""
    centre = _centre(by, request.POST)
    made = revalidate(by=by, of=centre, reason=request.POST.get("reason", ""))
    left = f" {made.left} more are for others to open." if made.left else ""
    number = len(made.opened)
    return done(request, f"{number} task{'' if number == 1 else 's'} to re-validate.{left}", address(centre))
