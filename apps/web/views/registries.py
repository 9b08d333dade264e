"""Registries elsewhere on the page of their integration: what they hold, read now, marked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.audit.errors import NotFound
from apps.deploys import commands
from apps.deploys.integrations.adapters import REGISTRIES
from apps.deploys.integrations.standing import entries_of, poll_of
from apps.web.pages import done

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Integration


def section(row: Integration) -> dict[str, Any]:
    """What the page of an integration shows of its registry; nothing where it is none."""
    if row.kind not in REGISTRIES:
        return {}
    return {"poll": poll_of(row), "entries": list(entries_of(row))}


def look(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    """Have it read now."""
    commands.look_again(by=by, integration=row)
    return done(request, f"{row.name} is read within seconds.", _back(row))


def mark(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    """Leave our mark again where somebody else changed it."""
    wanted = request.POST.get("entry", "")
    entry = next((one.entry for one in entries_of(row) if str(one.entry.pk) == wanted), None)
    if entry is None:
        raise NotFound("There is no such version in the registry.")
    commands.mark_again(by=by, entry=entry, reason=request.POST.get("reason", ""))
    return done(request, f"{entry} is marked again at the next reading.", _back(row))


def _back(row: Integration) -> str:
    return f"/administration/integrations/{row.pk}#registry"
