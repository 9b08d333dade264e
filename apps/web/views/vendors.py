"""A vendor's model: its file held against the checklist, and what the vendor told of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals import commands as approvals
from apps.audit.errors import Invalid
from apps.engine.canonical import read_json
from apps.engine.errors import Problem
from apps.inventory import commands, documents, queries, vendors
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import RegisteredModel

LARGEST_KEYS = 1 << 20


@page()
def vendor(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The newest review, its gaps, and the change notices."""
    model = queries.find_model(by, key)
    review = vendors.newest_review(model)
    answers = review.answers if review else {}
    context = {
        "title": f"Vendor of {model.title}",
        "model": model,
        "review": review,
        "called": review.vendor if review else "",
        "percent": 100 * review.points // review.of if review else None,
        "items": [(item, answers.get(item.id, {})) for item in vendors.ITEMS],
        "notices": vendors.notices_of(model),
        "untold": vendors.untold(model),
        "files": documents.vendor_files(model),
        "no_review": _hindered(by, model, Permission.FINDING_OPEN),
        "no_notice": _hindered(by, model, Permission.MODEL_REGISTER),
    }
    return render(request, "models/vendor.html", context)


def _hindered(by: Person, model: RegisteredModel, permission: Permission) -> str:
    if not model.vendor:
        return f"{model.key} was built here: there is no vendor to ask."
    return why_not(require, by, permission, model)


@page("POST")
def review(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Keep the answers; gaps become findings."""
    model, post = queries.find_model(by, key), request.POST
    answers = {
        item.id: {"met": post.get(f"met-{item.id}", ""), "note": post.get(f"note-{item.id}", "")}
        for item in vendors.ITEMS
    }
    made = approvals.review_vendor(by=by, model=model, vendor=post.get("vendor", ""), answers=answers)
    told = f"The file of {made.vendor} reaches {made.points} of {made.of} points; its gaps are findings."
    return done(request, told, f"/models/{model.key}/vendor")


@page("POST")
def pack(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Hold an evidence pack of the vendor against the checklist; gaps become findings."""
    require(by, Permission.FINDING_OPEN, queries.find_model(by, key))
    document = documents.find_document(by, key, documents.document_id(request.POST.get("document", "")))
    made = approvals.import_vendor_pack(
        by=by,
        document=document,
        vendor=request.POST.get("vendor", ""),
        keys=vendors.keys_of(_keys(request.FILES.get("keys"))),
    )
    row = made.review
    told = f"The pack of {made.pack.model} is genuine; it reaches {row.points} of {row.of} points."
    return done(request, told, f"/models/{document.model.key}/vendor")


def _keys(given: object) -> object:
    if not isinstance(given, UploadedFile) or (given.size or 0) > LARGEST_KEYS:
        raise Invalid("Choose the file with the vendor's keys.", field="keys")
    try:
        return read_json(given.read(), what="The vendor's key set")
    except Problem as problem:
        raise Invalid(str(problem), field="keys") from None


@page("POST")
def notice(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Write down a change notice."""
    model, post = queries.find_model(by, key), request.POST
    if not post.get("announces", "").strip():
        raise Invalid("Name the version that the notice announces.", field="announces")
    made = commands.note_change(
        by=by,
        model=model,
        announces=post["announces"].strip(),
        told_on=documents.day_of(post.get("told_on"), "told_on"),
        effective_on=documents.day_of(post.get("effective_on"), "effective_on"),
        summary=post.get("summary", ""),
    )
    return done(request, f"The notice of {made.announces} is kept.", f"/models/{model.key}/vendor")
