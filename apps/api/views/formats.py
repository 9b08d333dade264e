"""A version in the formats that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import endpoint, operation
from apps.reports.formats import FORMATS, made_as

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    f"A version as {', '.join(FORMATS)}, made from its facts.",
    answers={200: "The file.", 409: "There is no decision yet that it could speak of."},
    produces=tuple(dict.fromkeys(one.media.partition(";")[0] for one in FORMATS.values())),
)
def show_version_as(request: HttpRequest, key: str, label: str, format: str, *, by: Person) -> HttpResponse:
    found = made_as(by, key, label, format)
    named = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return HttpResponse(found.content, content_type=found.media, headers=named)


version_as = endpoint(show_version_as)
