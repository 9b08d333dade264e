"""Evidence that was measured elsewhere, over HTTP: self-reported, sealed, and no gate rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.inventory import commands, elsewhere, queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "What jobs elsewhere say that they measured of a version: self-reported, and no gate rests on it.",
    answers={200: "The reports, the newest first, each with its statement."},
)
def list_reported(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    version = queries.find_version(by, key, label)
    require(by, Permission.EVIDENCE_SEE, version.model)
    return answer({"reported": [_told(one) for one in elsewhere.reported_of(version)]})


@operation(
    "POST",
    "Hand in what a job elsewhere measured of a version: which run of which system, in which image, on which "
    "data, with which results. The same run is told once.",
    request={
        "system": "string",
        "run": "string",
        "image": "string",
        "data": "object",
        "results": "object",
        "note": "string?",
    },
    answers={
        201: "The statement's digest; the same report again gives the same.",
        409: "This run was told with other words before.",
    },
)
def report_evidence(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    version = queries.find_version(by, key, label)
    fields = Fields(body(request))
    given: dict[str, Any] = {
        "system": fields.text("system"),
        "run": fields.text("run"),
        "image": fields.text("image"),
        "data": fields.mapping("data"),
        "results": fields.mapping("results"),
        "note": fields.text("note", ""),
    }
    fields.done()
    made = commands.report_evidence(by=by, version=version, given=given)
    return answer({"statement": made.digest, "provenance": "self-reported"}, status=201)


def _told(one: elsewhere.Reported) -> dict[str, Any]:
    names = ("system", "run", "image", "results", "note", "provenance")
    data = {
        name: {"digest": digest, "data_set_of_the_version": one.known.get(digest)}
        for name, digest in one.said["data"].items()
    }
    return {"statement": one.digest, **{name: one.said[name] for name in names}, "data": data}


reported = endpoint(list_reported, report_evidence)
