"""Files that can run code and are converted: openings and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.inventory import commands, conversions

if TYPE_CHECKING:
    from uuid import UUID

    from apps.access.models import Person
    from apps.inventory.models import Conversion, ConversionJob, ConversionOpening


@operation(
    "GET",
    "The newest 100 conversions that were opened for bytes of the caller; all, for who may open them.",
    answers={200: "Openings, each with what came of it."},
)
def listed(_: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"conversions": [_opening(row) for row in conversions.visible_openings(by)[:100]]})


@operation(
    "POST",
    "Convert bytes that the caller handed in from a file that can run code into one that is data.",
    request={"digest": "string"},
    answers={202: "Accepted; Location names the conversion.", 409: "It is not open."},
)
def convert(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    digest = fields.text("digest")
    fields.done()
    job = commands.ask_conversion(by=by, digest=digest)
    return answer(_job(job), status=202, headers={"Location": f"/api/v1/conversions/{job.pk}"})


@operation(
    "GET",
    "How far a conversion is, and what came of it.",
    answers={200: "State, cause of a refusal, and the new file where there is one."},
)
def read_conversion(_: HttpRequest, *, by: Person, job_id: UUID) -> HttpResponse:
    return answer(_job(conversions.find_job(by, job_id)))


@operation(
    "POST",
    "Let one file that can run code be converted once, for a time.",
    request={"digest": "string", "reason": "string", "hours": "integer"},
    answers={201: "The opening, with what the scanner found.", 404: "No such bytes."},
)
def open_one(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    digest, reason, hours = fields.text("digest"), fields.text("reason"), fields.whole("hours")
    fields.done()
    opening = commands.open_conversion(by=by, digest=digest, reason=reason, hours=hours)
    return answer(_opening(opening), status=201)


all_of_them = endpoint(listed, convert)
one_of_them = endpoint(read_conversion)
openings = endpoint(open_one)


def _job(row: ConversionJob) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "state": row.state,
        "given": row.opening.given_id,
        "asked_by": row.asked_by.username,
        "asked_at": row.asked_at.isoformat(),
        "started_at": row.started_at and row.started_at.isoformat(),
        "finished_at": row.finished_at and row.finished_at.isoformat(),
        "cause": row.cause,
        "conversion": None if row.conversion is None else _conversion(row.conversion),
    }


def _opening(row: ConversionOpening) -> dict[str, Any]:
    done = getattr(row, "conversion", None)
    return {
        "given": row.given_id,
        "reason": row.reason,
        "findings": row.findings,
        "until": row.until.isoformat(),
        "opened_by": row.opened_by.username,
        "opened_at": row.opened_at.isoformat(),
        "statement": row.statement_digest,
        "conversion": None if done is None else _conversion(done),
        "asked": [{"id": str(job.pk), "state": job.state, "cause": job.cause} for job in row.jobs.all()],
    }


def _conversion(row: Conversion) -> dict[str, Any]:
    return {
        "digest": row.made_id,
        "format": row.format,
        "claimed": row.claimed,
        "equivalence": row.equivalence,
        "converted_by": row.converted_by.username,
        "converted_at": row.converted_at.isoformat(),
        "statement": row.statement_digest,
    }
