"""The documents of a model."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.access.queries import find_person
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.inventory import commands, documents, queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation("GET", "The documents of a model that hold, and what is missing.", answers={200: "Documents."})
def list_documents(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    lines = documents.lines_of(model)
    missing = [str(kind) for kind in documents.missing_kinds(model, lines)]
    return answer({"documents": [_told(line) for line in lines], "missing": missing})


def _told(line: documents.Line) -> dict[str, Any]:
    row = line.document
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "title": row.title,
        "label": row.label,
        "state": line.state,
        "digest": row.blob_id,
        "size": row.blob.size,
        "filename": row.filename,
        "expires_on": row.expires_on.isoformat() if row.expires_on else None,
        "review_on": row.review_on.isoformat() if row.review_on else None,
        "owner": row.owner.username,
        "registered_by": row.registered_by.username,
        "registered_at": row.registered_at.isoformat(),
        "statement": row.statement_digest,
    }


@operation(
    "POST",
    "Register a version of a document whose bytes were uploaded before.",
    request={
        "kind": "string",
        "title": "string",
        "label": "string",
        "digest": "string",
        "filename": "string?",
        "expires_on": "string (a day)?",
        "review_on": "string (a day)?",
        "owner": "string?",
    },
    answers={201: "The document.", 404: "No such model, or the bytes are not yours.", 409: "It is there."},
)
def register(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    kind, title, label = fields.text("kind"), fields.text("title"), fields.text("label")
    digest, filename, owner = fields.text("digest"), fields.text("filename", ""), fields.text("owner", "")
    expires, review = fields.text("expires_on", ""), fields.text("review_on", "")
    fields.done()
    made = commands.register_document(
        by=by,
        model=model,
        kind=kind,
        title=title,
        label=label,
        stream=io.BytesIO(queries.own_bytes(by, digest, documents.LARGEST)),
        filename=filename or title,
        owner=find_person(owner) if owner else None,
        expires_on=documents.day_of(expires, "expires_on"),
        review_on=documents.day_of(review, "review_on"),
    )
    line = next(line for line in documents.lines_of(model) if line.document.pk == made.pk)
    return answer(_told(line), status=201)


@operation(
    "GET",
    "The bytes of a document.",
    answers={200: "The file.", 404: "No such document."},
    produces=("application/octet-stream",),
)
def take_document(request: HttpRequest, key: str, document_id: UUID, *, by: Person) -> HttpResponseBase:
    found = documents.find_document(by, key, document_id)
    told = StreamingHttpResponse(documents.pieces(found), content_type="application/octet-stream")
    told.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.filename)}"
    told.headers["X-Content-Type-Options"] = "nosniff"
    return told


all_of_them = endpoint(list_documents, register)
file = endpoint(take_document)
