"""What can be taken away, by whom it was, and the receipts of what was sealed."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render

from apps.access.guards import may, require_anywhere
from apps.access.states import Permission
from apps.approvals.queries import hides
from apps.audit import trail
from apps.audit.errors import NotFound
from apps.audit.queries import inclusion, statement
from apps.deploys import lists as deployed
from apps.deploys.queries import visible_admissions
from apps.reports import lists
from apps.reports.commands.exporting import MEDIA, export_list, known_format
from apps.reports.commands.packing import make_pack
from apps.reports.facts import readable_statement
from apps.reports.packs_scope import asked_scope
from apps.reports.tables import TABLES
from apps.web.pages import LISTS, own_path, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page("GET", "POST")
def export_page(request: HttpRequest, *, by: Person) -> HttpResponseBase:
    """The lists and packs that there are and who took what; a form takes one of them."""
    if request.method == "POST":
        return _list(request, by)
    require_anywhere(by, Permission.EXPORT_MAKE)
    takers = trail.event_page({"action": "export.made"}, None) if may(by, Permission.EVENT_SEE) else None
    context = {
        "title": "Exports",
        "lists": list(TABLES),
        "formats": list(MEDIA),
        "takers": takers,
        "model": request.GET.get("model", ""),
    }
    return render(request, "exports/page.html", context)


def _list(request: HttpRequest, by: Person) -> HttpResponseBase:
    name = lists.known_list(request.POST.get("list", "models"))
    kind = known_format(request.POST.get("format", "csv"))
    lists.may_take(by, name)
    filters = lists.known_filters(name, _given(request, name))
    found = deployed.rows_of(name, by, filters)
    rows = lists.rows_of(name, by, filters) if found is None else found
    made = export_list(by=by, name=name, rows=rows, format=kind, filters=filters)
    return _sent(made.file, made.name, made.media)


def _given(request: HttpRequest, name: str) -> dict[str, str]:
    """What the list is narrowed by on the page that the form stands on, else what the form says."""
    at = urlsplit(own_path(request, request.headers.get("Referer", "")))
    if LISTS.get(at.path) == name:
        return dict(parse_qsl(at.query))
    return {key: str(value) for key, value in request.POST.items()}


@page("POST")
def take_pack(request: HttpRequest, *, by: Person) -> HttpResponseBase:
    """An auditor pack, as a file."""
    told = {name: request.POST.get(name, "").strip() for name in ("model", "from", "to")}
    made = make_pack(by=by, scope=asked_scope(by, told))
    return _sent(made.file, made.name, "application/zip")


def _sent(file: IO[bytes], name: str, media: str) -> HttpResponseBase:
    size = file.seek(0, 2)
    file.seek(0)
    told = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingHttpResponse(lists.Parts(file), content_type=media, headers=told)


@page()
def receipt_page(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    """That the log holds what was sealed: the index, the checkpoint, and the proof to take away."""
    seen = may(by, Permission.EVENT_SEE) or readable_statement(by, digest, visible_admissions(by))
    if not seen or hides(by, digest):
        raise NotFound(f"There is no statement {digest[:80]}.")
    found = statement(digest)
    place = trail.place_of(found.event_id)
    if request.GET.get("as") == "text" and place is not None:
        proof = inclusion(found.event_id)
        told = {"Content-Disposition": f'attachment; filename="receipt-{digest[7:19]}.txt"'}
        body = proof.to_bytes() if proof is not None else b""
        return HttpResponse(body, content_type="text/plain; charset=utf-8", headers=told)
    context = {
        "title": "Receipt",
        "statement": found,
        "place": place,
        "event": trail.event_line(found.event_id),
        "kind": found.predicate_type.rstrip("/")
        .split("/")[-2]
        .replace("-", " ")
        .replace("signoff", "sign-off"),
    }
    return render(request, "exports/receipt.html", context)
