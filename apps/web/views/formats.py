"""A version taken away in the formats that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.reports.commands.attesting import export_version
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def take(request: HttpRequest, key: str, label: str, format: str, *, by: Person) -> HttpResponse:
    """The file."""
    found = export_version(by=by, model=key, label=label, format=format)
    named = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return HttpResponse(found.content, content_type=found.media, headers=named)
