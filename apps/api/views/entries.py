"""The entry of a model over HTTP: mended with a reason; its uses, added and one day ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access.queries import find_person
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.inventory import commands, queries

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import Use


@operation(
    "POST",
    "Mend the entry of a model; what is not given stays.",
    request={
        "reason": "string",
        "title": "string?",
        "purpose": "string?",
        "limitations": "string?",
        "owner": "string?",
        "exposure_eur": "string?",
    },
    answers={200: "The model."},
)
def mend(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    told = {name: fields.text(name, "").strip() or None for name in ("title", "purpose", "limitations")}
    owner, exposure = fields.text("owner", ""), fields.text("exposure_eur", "") or None
    reason = fields.text("reason")
    fields.done()
    changed = commands.change_model(
        by=by,
        model=model,
        reason=reason,
        owner=find_person(owner) if owner else None,
        exposure_eur=exposure,
        **told,
    )
    return answer(rendering.model(changed))


@operation("GET", "What a model is used for, also what ended.", answers={200: "Uses."})
def list_uses(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    return answer({"model": model.key, "uses": [_use(use) for use in queries.uses_of(model)]})


@operation(
    "POST",
    "Add a use of a model; the same again is the one that stands.",
    request={"use": "string", "title": "string?"},
    answers={201: "The use."},
)
def add_use(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    name, title = fields.text("use"), fields.text("title", "")
    fields.done()
    return answer(_use(commands.add_use(by=by, model=model, key=name, title=title)), status=201)


@operation(
    "POST",
    "End a use: from now on no version may run for it.",
    request={"reason": "string"},
    answers={200: "The use.", 404: "No such use.", 409: "It had ended."},
)
def retire_use(request: HttpRequest, key: str, use: str, *, by: Person) -> HttpResponse:
    found = queries.find_use(queries.find_model(by, key), use)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return answer(_use(commands.retire_use(by=by, use=found, reason=reason)))


def _use(row: Use) -> dict[str, Any]:
    return {"use": row.key, "title": row.title, "retired_at": row.retired_at}


entry = endpoint(mend)
uses = endpoint(list_uses, add_use)
use_retiring = endpoint(retire_use)
