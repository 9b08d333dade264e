"""Business units over HTTP: which there are, one more, another title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access import overseeing
from apps.access.guards import require
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.inventory import commands

if TYPE_CHECKING:
    from apps.access.models import Person


def _unit(row: Any) -> dict[str, str]:
    return {"key": row.key, "title": row.title}


@operation("GET", "The business units, each with the number of its models.", answers={200: "Units."})
def list_units(request: HttpRequest, *, by: Person) -> HttpResponse:
    overseeing.may_oversee(by)
    rows = overseeing.units_told()
    return answer({"units": [{**_unit(unit), "models": models} for unit, models in rows]})


@operation(
    "POST",
    "Declare a business unit; the same again is the one that stands.",
    request={"key": "string", "title": "string"},
    answers={201: "The unit.", 409: "It is there under another title."},
)
def declare_unit(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.PERSON_MANAGE)
    fields = Fields(body(request))
    key, title = fields.text("key"), fields.text("title")
    fields.done()
    return answer(_unit(commands.declare_unit(by=by, key=key, title=title)), status=201)


@operation(
    "POST",
    "Give a business unit another title; its key stays.",
    request={"title": "string", "reason": "string"},
    answers={200: "The unit."},
)
def rename_unit(request: HttpRequest, unit: str, *, by: Person) -> HttpResponse:
    found = overseeing.find_unit(by, unit)
    require(by, Permission.PERSON_MANAGE)
    fields = Fields(body(request))
    title, reason = fields.text("title"), fields.text("reason")
    fields.done()
    return answer(_unit(commands.rename_unit(by=by, unit=found, title=title, reason=reason)))


units = endpoint(list_units, declare_unit)
unit_renaming = endpoint(rename_unit)
