"""Models, versions and the bytes they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest, HttpResponse

from apps.access.queries import find_person
from apps.api import rendering
from apps.api.bodies import Upload
from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body, content_length, refuse_large
from apps.approvals import commands as approvals
from apps.audit.errors import Forbidden
from apps.engine.errors import Problem
from apps.engine.manifest import read_manifest
from apps.inventory import commands, queries, store
from apps.inventory.listing import LONGEST_PAGE, PAGE, model_page

if TYPE_CHECKING:
    from apps.access.models import Person

MODEL_FILTERS = (
    "q",
    "tier",
    "kind",
    "domain",
    "unit",
    "vendor",
    "regime",
    "scope",
    "determination",
    "missing",
)


@operation(
    "GET",
    f"List the models that the caller may see, {PAGE} a page or as many as asked for.",
    query={
        **dict.fromkeys((*MODEL_FILTERS, "cursor"), "string"),
        "limit": f"integer, models a page, 1 to {LONGEST_PAGE}",
    },
    answers={200: "Models and the next cursor."},
)
def list_models(request: HttpRequest, *, by: Person) -> HttpResponse:
    filters = {k: request.GET[k] for k in MODEL_FILTERS if request.GET.get(k)}
    found = model_page(by, filters, request.GET.get("cursor"), size=_size(request))
    return answer({"models": [rendering.model(m) for m in found.rows], "next": found.next})


def _size(request: HttpRequest) -> int:
    asked = request.GET.get("limit", str(PAGE))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 6):
        raise ApiProblem(
            422, f'"limit" is 1 to {LONGEST_PAGE}, not {asked[:20]!r}.', code="invalid", field="limit"
        )
    return int(asked)


@operation(
    "POST",
    "Register a model.",
    request={
        "key": "string",
        "title": "string",
        "kind": "string",
        "unit": "string",
        "owner": "string",
        "purpose": "string?",
        "limitations": "string?",
        "domain": "string?",
        "jurisdictions": "array?",
        "vendor": "boolean?",
        "exposure_eur": "string?",
        "use": "string?",
        "answers": "object?",
    },
    answers={201: "The model.", 409: "It exists already."},
)
def register_model(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    given = _given(fields, by)
    use, answers = fields.text("use", ""), fields.mapping("answers", {})
    fields.done()
    model = commands.open_idea(by=by, **given, use=use, answers=answers)
    return answer(rendering.model(model), status=201, headers={"Location": f"/api/v1/models/{model.key}"})


def _given(fields: Fields, by: Person) -> dict[str, Any]:
    return {
        "key": fields.text("key"),
        "title": fields.text("title"),
        "kind": fields.text("kind"),
        "unit": queries.find_unit(fields.text("unit")),
        "owner": find_person(fields.text("owner", by.username)),
        "purpose": fields.text("purpose", ""),
        "limitations": fields.text("limitations", ""),
        "domain": fields.text("domain", ""),
        "jurisdictions": fields.texts("jurisdictions", []),
        "exposure_eur": fields.text("exposure_eur", "") or None,
        "vendor": fields.truth("vendor", False),
    }


@operation("GET", "One model.", answers={200: "The model with its versions.", 404: "No such model."})
def show_model(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    versions = [rendering.version(v) for v in model.versions.select_related("registered_by")]
    return answer({**rendering.model(model), "versions": versions})


@operation(
    "POST",
    "Register a version: its manifest, and the digests of the bytes uploaded before.",
    request={
        "manifest": "string (model.yaml)",
        "blobs": "object (artifact and datasets by digest, or {parts: {name: digest}} for a folder)",
    },
    answers={
        201: "The version.",
        409: "The label stands for other bytes.",
        422: "The manifest cannot be used.",
    },
)
def register_version(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    manifest, blobs = fields.text("manifest", longest=262_144).encode(), fields.mapping("blobs", {})
    fields.done()
    _of_this_model(manifest, key)
    try:
        version = commands.register_version(by=by, manifest=manifest, blobs=blobs)
    except Forbidden:
        queries.find_model(by, key)  # whoever may not see the model is not told that it exists
        raise
    approvals.open_untold_findings(by=by, model=version.model)
    place = f"/api/v1/models/{key}/versions/{version.label}"
    return answer(rendering.version(version), status=201, headers={"Location": place})


def _of_this_model(manifest: bytes, key: str) -> None:
    """Refused before anything is written when the manifest speaks of another model than the address."""
    try:
        named = read_manifest(manifest).model
    except Problem as problem:
        raise ApiProblem(422, str(problem), code="invalid", field="manifest") from None
    if named != key:
        raise ApiProblem(422, f"The manifest is of {named}, not of {key}.", code="invalid", field="manifest")


@operation("GET", "One version.", answers={200: "The version.", 404: "No such version."})
def show_version(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    return answer(rendering.version(queries.find_version(by, key, label)))


@operation(
    "PUT",
    "Upload bytes by their SHA-256, streamed.",
    answers={
        201: "Stored.",
        411: "No Content-Length.",
        413: "Too large.",
        422: "Other digest.",
        507: "No space.",
    },
    media="application/octet-stream",
)
def put_blob(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    refuse_large(request, store.largest())
    wanted = store.plain_digest(digest)
    media = request.headers.get("Content-Type", "")
    stream = cast("store.Readable", Upload(request))
    blob = commands.store_blob(
        by=by, stream=stream, expected_digest=wanted, media=media, size=content_length(request)
    )
    return answer({"digest": blob.digest, "size": blob.size}, status=201)


@operation("HEAD", "Whether bytes of that digest are stored.", answers={200: "Yes.", 404: "No."})
def has_blob(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    return HttpResponse(status=200 if queries.has_blob(by, digest) else 404)


models = endpoint(list_models, register_model)
model = endpoint(show_model)
versions = endpoint(register_version)
version = endpoint(show_version)
blob = endpoint(put_blob, has_blob)
