"""Files that can run code: who opened a conversion for them, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from apps.access.guards import may
from apps.access.states import Permission
from apps.inventory import commands, conversions
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page("GET")
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Openings that the person may see, the newest first, and the forms that they may use."""
    rows = [(row, next(iter(row.jobs.all()), None)) for row in conversions.visible_openings(by)[:100]]
    context = {
        "title": "Conversions",
        "rows": rows,
        "working": any(job and job.state in conversions.UNFINISHED for _, job in rows),
        "may_open": may(by, Permission.CONVERSION_OPEN),
        "longest": conversions.LONGEST_HOURS,
        "now": timezone.now(),
    }
    part = "HX-Request" in request.headers
    return render(request, "conversions/rows.html" if part else "conversions/list.html", context)


@page("POST")
def open_one(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Let one file be converted once."""
    digest, hours = request.POST.get("digest", ""), request.POST.get("hours", "")
    lasting = int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 6 else 0
    commands.open_conversion(by=by, digest=digest, reason=request.POST.get("reason", ""), hours=lasting)
    messages.success(request, "The conversion is open. Whoever handed the file in may use it once.")
    return redirect("/conversions")


@page("POST")
def convert(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Let a worker convert one's own file."""
    commands.ask_conversion(by=by, digest=request.POST.get("digest", ""))
    messages.success(request, "A worker converts the file; what comes of it stands here.")
    return redirect("/conversions")
