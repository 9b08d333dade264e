"""Uploads that go on after a break: announced, sent piece by piece from an offset, completed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.api.bodies import Upload, content_digest, whole_number
from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body, content_length
from apps.inventory import commands, queries, reconciling, room, store
from apps.inventory.guards import WrongOffset

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import Upload as Row

# One request brings at most this much, so that a break costs little and no worker is held for long.
LARGEST_PIECE = 64 << 20
OFFSET, LENGTH, COMPLETE = "Upload-Offset", "Upload-Length", "Upload-Complete"


@operation(
    "POST",
    "Announce an upload: its digest, its size, the business unit whose quota it counts to.",
    request={"digest": "string", "size": "integer", "media": "string?", "unit": "string?"},
    answers={
        200: "The bytes are there already, or this upload was begun before: go on at its offset.",
        201: "The upload.",
        413: "Too large.",
        507: "It does not fit the quota.",
    },
)
def begin(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    digest, size = store.plain_digest(fields.text("digest")), fields.whole("size")
    media, unit = fields.text("media", ""), fields.text("unit", "")
    fields.done()
    if queries.has_blob(by, digest):
        return answer({"digest": digest, "complete": True})
    upload = commands.begin_upload(by=by, digest=digest, size=size, media=media, unit=unit)
    fresh = upload.received == 0
    told = answer(_told(upload), status=201 if fresh else 200, headers=_headers(upload))
    told.headers["Location"] = f"/api/v1/uploads/{upload.pk}"
    return told


def _told(upload: Row) -> dict[str, Any]:
    return {
        "id": str(upload.pk),
        "digest": upload.digest,
        "size": upload.size,
        "unit": upload.unit.key if upload.unit else None,
        "offset": upload.received,
        "complete": upload.complete,
        "largest_piece": LARGEST_PIECE,
        "expires_at": upload.expires_at.isoformat(),
    }


def _headers(upload: Row) -> dict[str, str]:
    return {
        OFFSET: str(upload.received),
        LENGTH: str(upload.size),
        COMPLETE: "?1" if upload.complete else "?0",
    }


@operation(
    "GET",
    "How far an upload of the caller's has come; HEAD tells it in Upload-Offset.",
    answers={200: "The upload.", 404: "No such upload, or it expired."},
)
def show_upload(request: HttpRequest, upload_id: UUID, *, by: Person) -> HttpResponse:
    upload = queries.find_upload(by, upload_id)
    return answer(_told(upload), headers=_headers(upload))


@operation(
    "PATCH",
    "Send the next bytes from Upload-Offset on; with Content-Digest they are checked at once.",
    answers={
        200: "The upload and its new offset.",
        400: "The body ended early; what arrived is kept.",
        408: "Too slow; what arrived is kept.",
        409: "Another offset; Upload-Offset tells which.",
        413: "Too large a piece.",
        422: "Another digest.",
        507: "No space.",
    },
    media="application/partial-upload",
)
def send(request: HttpRequest, upload_id: UUID, *, by: Person) -> HttpResponse:
    known = queries.find_upload(by, upload_id)
    offset, checksum = whole_number(request, OFFSET), content_digest(request)
    _refuse_large_piece(request, known)
    stream = cast("store.Readable", Upload(request))
    try:
        upload = commands.add_piece(
            by=by, upload_id=upload_id, offset=offset, stream=stream, checksum=checksum
        )
    except WrongOffset as wrong:
        raise _elsewhere(wrong) from wrong
    return answer(_told(upload), headers=_headers(upload))


def _refuse_large_piece(request: HttpRequest, upload: Row) -> None:
    size = content_length(request)
    if size > LARGEST_PIECE:
        raise ApiProblem(413, f"A piece may have {LARGEST_PIECE:,} bytes.", code="too_large")
    if size > upload.size - upload.received:
        left = upload.size - upload.received
        raise ApiProblem(413, f"The upload has only {left:,} bytes left.", code="too_large")


def _elsewhere(wrong: WrongOffset) -> ApiProblem:
    return ApiProblem(409, str(wrong), code="offset", headers={OFFSET: str(wrong.at)})


@operation(
    "POST",
    "Put the pieces together; the same request again gives the same answer.",
    answers={201: "Stored under its digest.", 409: "Bytes are missing.", 422: "Another digest; forgotten."},
)
def complete(request: HttpRequest, upload_id: UUID, *, by: Person) -> HttpResponse:
    try:
        blob = commands.complete_upload(by=by, upload_id=upload_id)
    except WrongOffset as wrong:
        raise _elsewhere(wrong) from wrong
    return answer({"digest": blob.digest, "size": blob.size}, status=201)


@operation("DELETE", "Forget an upload.", answers={204: "Forgotten.", 404: "No such upload."})
def cancel(request: HttpRequest, upload_id: UUID, *, by: Person) -> HttpResponse:
    commands.cancel_upload(by=by, upload_id=upload_id)
    return HttpResponse(status=204)


@operation(
    "GET",
    "What is kept and how much may be: everybody together, then each business unit.",
    answers={200: "Bytes kept, promised to open uploads, and the quotas in force; 0 is no limit."},
)
def show_storage(request: HttpRequest, *, by: Person) -> HttpResponse:
    queries.may_see_storage(by)
    return answer(
        {
            "largest_upload": store.largest(),
            "unreferenced_days": settings.UNREFERENCED_DAYS,
            "usage": [_usage(each) for each in room.usages()],
        }
    )


def _usage(usage: room.Usage) -> dict[str, Any]:
    return {
        "unit": usage.unit.key if usage.unit else None,
        "files": usage.files,
        "kept_bytes": usage.kept,
        "promised_bytes": usage.promised,
        "quota_bytes": usage.quota,
    }


@operation(
    "POST",
    "Set the quota of a business unit, or without one of everybody; 0 is no limit.",
    request={"unit": "string?", "bytes": "integer", "reason": "string"},
    answers={201: "The quota in force."},
)
def set_quota(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    named, size, reason = fields.text("unit", ""), fields.whole("bytes"), fields.text("reason")
    fields.done()
    unit = queries.find_unit(named) if named else None
    commands.set_quota(by=by, unit=unit, size=size, reason=reason)
    return answer(_usage(room.usage_of(unit)), status=201)


@operation(
    "GET",
    "Compare the books with the store by digest, both ways.",
    answers={200: "What is missing, extra or of another size, each named."},
)
def show_comparison(request: HttpRequest, *, by: Person) -> HttpResponse:
    queries.may_see_storage(by)
    found = reconciling.compared()
    return answer(
        {
            "ok": found.ok,
            "sound": found.sound,
            "missing": found.missing,
            "extra": [entry.place for entry in found.extra],
            "wrong_size": found.wrong_size,
        }
    )


uploads = endpoint(begin)
upload = endpoint(show_upload, send, cancel)
completion = endpoint(complete)
storage = endpoint(show_storage)
quotas = endpoint(set_quota)
comparison = endpoint(show_comparison)
