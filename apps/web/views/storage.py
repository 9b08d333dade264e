"""Files on their way into the store, and what the store holds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from apps.access.queries import signed_in
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.inventory import commands, queries, reconciling, room, store
from apps.web.pages import page, refusal

if TYPE_CHECKING:
    from apps.access.models import Person

GIB = 1 << 30
FRAME = 64 << 10  # what a form has around its file


@csrf_exempt  # the length is looked at before the body is read for the token, which `_uploads` asks for
def uploads(request: HttpRequest) -> HttpResponseBase:
    """The page on which files are uploaded."""
    told = str(request.META.get("CONTENT_LENGTH") or "0")
    size = int(told) if told.isascii() and told.isdigit() else 0
    by = signed_in(request.user)
    if request.method != "POST" or by is None:
        return _page(request)
    if not 0 < size <= store.largest() + FRAME:
        return _too_large(request, by)
    return _protected(request)


def _too_large(request: HttpRequest, by: Person) -> HttpResponse:
    """The answer before a byte of the body is read."""
    try:
        return _shown(request, by, wrong=f"A file has at most {store.largest():,} bytes.", status=413)
    except Forbidden as refused:
        return refusal(request, refused, 403)


@page("GET", "POST")
def _page(request: HttpRequest, *, by: Person) -> HttpResponse:
    if request.method == "GET":
        return _shown(request, by)
    queries.may_upload(by)
    given = request.FILES.get("file")
    if not isinstance(given, UploadedFile):
        return _shown(request, by, wrong="Choose a file.", status=422)
    try:
        blob = commands.store_blob(by=by, stream=given, size=given.size or 0, media=given.content_type or "")
    except (Invalid, Refused) as refused:
        if refused.code in ("forbidden", "not_found"):
            raise
        return _shown(request, by, wrong=str(refused), status=422)
    messages.success(request, f"Stored: {blob.digest}")
    return redirect("/uploads")


_protected = csrf_protect(_page)


def _shown(request: HttpRequest, by: Person, *, wrong: str = "", status: int = 200) -> HttpResponse:
    queries.may_upload(by)
    context = {
        "title": "Uploads",
        "largest": store.largest(),
        "days": settings.UNREFERENCED_DAYS,
        "open": room.open_uploads().filter(person=by).order_by("-begun_at")[:50],
        "loose": room.loose(by),
        "wrong": wrong,
    }
    return render(request, "storage/uploads.html", context, status=status)


@page("GET", "POST")
def storage(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What everybody and each unit keeps, and the quotas."""
    queries.may_see_storage(by)
    if request.method == "POST":
        named = request.POST.get("unit", "")
        unit = queries.find_unit(named) if named else None
        size = _bytes(request.POST.get("gib", ""))
        commands.set_quota(by=by, unit=unit, size=size, reason=request.POST.get("reason", ""))
        messages.success(request, f"The quota of {unit.key if unit else 'everybody'} is set.")
        return redirect("/storage")
    found = reconciling.compared() if request.GET.get("compare") else None
    return render(request, "storage/usage.html", {"usage": room.usages(), "found": found})


def _bytes(gib: str) -> int:
    try:
        size = Decimal(gib) * GIB
    except InvalidOperation:
        size = Decimal("NaN")
    if not size.is_finite():
        raise Invalid(f"{gib[:40]!r} is no number of GiB.", field="gib")
    return int(size)
