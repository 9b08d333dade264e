"""The documents of a model: what holds, what is missing, and new versions of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.queries import find_person
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.inventory import commands, documents, queries
from apps.inventory.states import DocumentKind, owed_documents
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import ModelDocument, RegisteredModel


@page("GET", "POST")
def listed(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The register of one model; a form adds to it."""
    model = queries.find_model(by, key)
    if request.method == "GET":
        return _shown(request, by, model)
    try:
        made = _registered(request, by, model)
    except (Forbidden, NotFound):
        raise
    except Refused as refused:
        return _shown(request, by, model, refused)
    return done(request, f"{made} is registered.", f"/models/{model.key}/documents")


def _registered(request: HttpRequest, by: Person, model: RegisteredModel) -> object:
    require(by, Permission.MODEL_REGISTER, model)
    post, file = request.POST, request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise Invalid("Choose the file.", field="file")
    return commands.register_document(
        by=by,
        model=model,
        kind=post.get("kind", ""),
        title=post.get("title", ""),
        label=post.get("label", ""),
        stream=file,
        filename=file.name or "",
        size=file.size or 0,
        expires_on=documents.day_of(post.get("expires_on"), "expires_on"),
        review_on=documents.day_of(post.get("review_on"), "review_on"),
        owner=_owner(post.get("owner", "")),
    )


def _owner(username: str) -> Person | None:
    try:
        return find_person(username) if username else None
    except NotFound as unknown:
        raise Invalid(str(unknown), field="owner") from unknown


def _shown(
    request: HttpRequest, by: Person, model: RegisteredModel, refused: Exception | None = None
) -> HttpResponse:
    lines = documents.lines_of(model)
    context = {
        "title": f"Documents of {model.title}",
        "model": model,
        "lines": lines,
        "history": documents.history_of(model),
        "tier": queries.current_tier(model),
        "owed": owed_documents(queries.current_tier(model), vendor=model.vendor),
        "missing": documents.missing_kinds(model, lines),
        "kinds": list(DocumentKind),
        "largest": documents.LARGEST,
        "given": request.POST.dict() or request.GET.dict(),
        "wrong": str(refused or ""),
        "field": getattr(refused, "field", "") or "",
        "why_not": why_not(require, by, Permission.MODEL_REGISTER, model),
    }
    return render(request, "models/documents.html", context, status=422 if refused else 200)


@page()
def file(request: HttpRequest, key: str, document_id: UUID, *, by: Person) -> HttpResponseBase:
    """The bytes of one version, to be kept and never run."""
    return sent(documents.find_document(by, key, document_id))


def sent(document: ModelDocument) -> StreamingHttpResponse:
    """A file as an attachment that no browser takes for a page."""
    answer = StreamingHttpResponse(documents.pieces(document), content_type=documents.media_of(document))
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(document.filename)}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Length"] = str(document.blob.size)
    return answer
