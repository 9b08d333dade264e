"""Taking away: lists as files, auditor packs, receipts of what was sealed."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.access.guards import may
from apps.access.states import Permission
from apps.api import reading
from apps.api.endpoints import endpoint, operation
from apps.api.views.facts import visible_statement
from apps.approvals.queries import hides
from apps.audit.errors import Invalid, NotFound
from apps.audit.queries import inclusion, statement
from apps.deploys import lists as deployed
from apps.reports import lists
from apps.reports.commands.exporting import MEDIA, export_list, known_format
from apps.reports.commands.packing import make_pack
from apps.reports.packs_scope import asked_scope

if TYPE_CHECKING:
    from apps.access.models import Person

_NAMES = ("list", "format", *(name for names in lists.FILTERS.values() for name in names))


@operation(
    "GET",
    "A list as a file: CSV, XLSX or JSON Lines. That it was taken is an event.",
    query=dict.fromkeys(_NAMES, "string"),
    answers={200: "The file.", 403: "Only who may export."},
    produces=tuple(media.partition(";")[0] for media in MEDIA.values()),
)
def take_list(request: HttpRequest, *, by: Person) -> HttpResponseBase:
    name = lists.known_list(request.GET.get("list", "models"))
    kind = known_format(request.GET.get("format", "csv"))
    lists.may_take(by, name)
    filters = lists.known_filters(name, {key: str(value) for key, value in request.GET.items()})
    found = deployed.rows_of(name, by, filters)
    rows = lists.rows_of(name, by, filters) if found is None else found
    made = export_list(by=by, name=name, rows=rows, format=kind, filters=filters)
    return _sent(made.file, made.name, made.media, made.digest)


def _sent(file: IO[bytes], name: str, media: str, digest: str) -> HttpResponseBase:
    size = file.seek(0, 2)
    file.seek(0)
    told = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingHttpResponse(
        lists.Parts(file), content_type=media, headers={**told, "ETag": f'"{digest}"'}
    )


@operation(
    "POST",
    "An auditor pack: of one model, of a time, or of everything. That it was made is an event.",
    request={"model": "string", "from": "string", "to": "string"},
    answers={200: "The archive.", 403: "Only who may export.", 409: "Too large here, or no checkpoint yet."},
    produces=("application/zip",),
)
def take_pack(request: HttpRequest, *, by: Person) -> HttpResponseBase:
    if request.headers.get("Idempotency-Key"):
        raise Invalid(
            "A file is not kept to be given twice: send no Idempotency-Key.", field="Idempotency-Key"
        )
    told = reading.body(request)
    scope = asked_scope(by, {name: told.get(name) for name in ("model", "from", "to")})
    made = make_pack(by=by, scope=scope)
    return _sent(made.file, made.name, "application/zip", made.digest)


@operation(
    "GET",
    "The receipt of a statement: that the log holds the event which sealed it, as C2SP tlog-proof text.",
    answers={200: "The proof.", 404: "No such statement, or not in the log yet."},
    produces=("text/plain",),
)
def show_receipt(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    seen = may(by, Permission.EVENT_SEE) or visible_statement(by, digest)
    if not seen or hides(by, digest):
        raise NotFound(f"There is no statement {digest[:80]}.")
    proof = inclusion(statement(digest).event_id)
    if proof is None:
        raise NotFound("The event is written and waits for its place in the log; ask again in a second.")
    told = {"Content-Disposition": f'attachment; filename="receipt-{digest[7:19]}.txt"'}
    return HttpResponse(proof.to_bytes(), content_type="text/plain; charset=utf-8", headers=told)


exports = endpoint(take_list)
packs = endpoint(take_pack)
receipt = endpoint(show_receipt)
