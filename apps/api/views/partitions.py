"""Partitions of a run, for jobs elsewhere: take one, keep it, hand in what was summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body
from apps.gates import commands, queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Take the next waiting partition of a run, to sum it up elsewhere under a lease.",
    request={},
    answers={201: "The partition, its parts, the gates to sum up for, and the fence.", 409: "None waits."},
)
def take_partition(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    Fields(body(request)).done()
    taken = commands.take_partition(by=by, run=run)
    if taken is None:
        raise ApiProblem(409, "No partition of this run waits for anybody.", code="none_waits")
    return answer(rendering.taken_partition(taken, *queries.asked_of(run, taken)), status=201)


@operation(
    "POST",
    "Keep the lease of a partition that you took.",
    request={"fence": "integer"},
    answers={200: "Until when it is yours.", 404: "You hold no such partition.", 409: "It is yours no more."},
)
def keep(request: HttpRequest, run_id: UUID, partition_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    fields = Fields(body(request))
    fence = fields.whole("fence")
    fields.done()
    held = commands.keep_partition(by=by, run=run, partition_id=partition_id, fence=fence)
    return answer({"partition": held.pk, "fence": held.fence, "lease_until": held.lease_until})


@operation(
    "POST",
    "Hand in what was summed up of a partition that you took: the digest of bytes uploaded before.",
    request={"fence": "integer", "summary": "string"},
    answers={201: "Taken in.", 404: "You hold no such partition.", 409: "Not yours any more.", 422: "Unfit."},
)
def hand_in(request: HttpRequest, run_id: UUID, partition_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    fields = Fields(body(request))
    fence, summary = fields.whole("fence"), fields.text("summary")
    fields.done()
    done = commands.hand_in_partition(by=by, run=run, partition_id=partition_id, fence=fence, summary=summary)
    return answer({"partition": done.pk, "state": done.state, "statement": done.statement_digest}, status=201)


waiting = endpoint(take_partition)
kept = endpoint(keep)
summaries = endpoint(hand_in)
