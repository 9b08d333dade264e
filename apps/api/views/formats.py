"""A version in the formats that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import endpoint, operation
from apps.reports.commands.attesting import export_version
from apps.reports.formats import FORMATS

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    f"A version as {', '.join(FORMATS)}, made from its facts. An in-toto statement comes in a DSSE envelope "
    "that the service signs, the same one while the facts are the same; it is for whoever may export, and "
    "that it was taken is an event.",
    answers={200: "The file.", 409: "There is no decision yet that it could speak of."},
    produces=tuple(dict.fromkeys(one.media.partition(";")[0] for one in FORMATS.values())),
)
def show_version_as(request: HttpRequest, key: str, label: str, format: str, *, by: Person) -> HttpResponse:
    found = export_version(by=by, model=key, label=label, format=format)
    named = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return HttpResponse(found.content, content_type=found.media, headers=named)


version_as = endpoint(show_version_as)
