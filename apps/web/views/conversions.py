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
    context = {
        "title": "Conversions",
        "rows": list(conversions.visible_openings(by)[:100]),
        "may_open": may(by, Permission.CONVERSION_OPEN),
        "longest": conversions.LONGEST_HOURS,
        "now": timezone.now(),
    }
    return render(request, "conversions/list.html", context)


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
    """Convert one's own file."""
    made = commands.convert_file(by=by, digest=request.POST.get("digest", ""))
    messages.success(request, f"Converted to {made.format}: {made.made_id}")
    return redirect("/conversions")
