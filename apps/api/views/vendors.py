"""A vendor's model over HTTP: its file held against the checklist, and what the vendor told of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.approvals import commands as approvals
from apps.inventory import commands, documents, queries, vendors

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import ChangeNotice, VendorReview


@operation(
    "GET",
    "The newest review of the vendor's file, the checklist, the change notices, and versions without one.",
    answers={200: "The vendor; the review is null where nobody made one."},
)
def show_vendor(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    review = vendors.newest_review(model)
    items = [{"id": i.id, "title": i.title, "asks": i.asks, "weight": i.weight} for i in vendors.ITEMS]
    return answer(
        {
            "model": model.key,
            "vendor": model.vendor,
            "checklist": items,
            "review": _review(review) if review else None,
            "notices": [_notice(row) for row in vendors.notices_of(model)],
            "untold": [version.label for version in vendors.untold(model)],
        }
    )


@operation(
    "POST",
    "Keep a review of the vendor's file: for each item met (yes, partly or no) and a note. "
    "Gaps become findings.",
    request={"vendor": "string", "answers": "object"},
    answers={201: "The review."},
)
def review_vendor(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    vendor, answers = fields.text("vendor"), fields.mapping("answers")
    fields.done()
    made = approvals.review_vendor(by=by, model=model, vendor=vendor, answers=answers)
    return answer(_review(made), status=201)


@operation(
    "POST",
    "Hold a vendor's evidence pack, registered as the vendor's file before, against the checklist: verified "
    "under the vendor's keys, which are a key set as GET /keys gives it. Gaps become findings.",
    request={"document": "string", "vendor": "string", "keys": "object"},
    answers={
        201: "The review with its score, and what the pack says.",
        404: "No such document of the model.",
        422: "The pack is not genuine under these keys, or of no single model; nothing was kept.",
    },
)
def import_pack(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    require(by, Permission.FINDING_OPEN, queries.find_model(by, key))
    fields = Fields(body(request))
    told, vendor, keys = fields.text("document"), fields.text("vendor"), fields.mapping("keys")
    fields.done()
    document = documents.find_document(by, key, documents.document_id(told))
    made = approvals.import_vendor_pack(by=by, document=document, vendor=vendor, keys=vendors.keys_of(keys))
    says = [list(pair) for pair in made.pack.says]
    return answer({**_review(made.review), "pack": {"model": made.pack.model, "says": says}}, status=201)


@operation(
    "POST",
    "Write down what the vendor told of a version, before or after it is registered.",
    request={
        "announces": "string",
        "told_on": "string (a day)",
        "effective_on": "string (a day)?",
        "summary": "string",
    },
    answers={201: "The notice."},
)
def note_change(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    announces, told_on, summary = fields.text("announces"), fields.day("told_on"), fields.text("summary")
    effective = fields.day("effective_on") if fields.names("effective_on") else None
    fields.done()
    made = commands.note_change(
        by=by, model=model, announces=announces, told_on=told_on, effective_on=effective, summary=summary
    )
    return answer(_notice(made), status=201)


def _review(row: VendorReview) -> dict[str, Any]:
    return {
        "vendor": row.vendor,
        "answers": row.answers,
        "points": row.points,
        "of": row.of,
        "checklist": row.checklist,
        "reviewed_by": rendering.person(row.reviewed_by),
        "statement": row.statement_digest,
    }


def _notice(row: ChangeNotice) -> dict[str, Any]:
    return {
        "announces": row.announces,
        "told_on": row.told_on,
        "effective_on": row.effective_on,
        "summary": row.summary,
        "registered_by": rendering.person(row.registered_by),
        "statement": row.statement_digest,
    }


vendor = endpoint(show_vendor)
reviews = endpoint(review_vendor)
packs = endpoint(import_pack)
change_notices = endpoint(note_change)
