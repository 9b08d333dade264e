"""Policies: those released, what a draft would change, and drafts offered for release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.audit.errors import Invalid
from apps.gates import commands, queries
from apps.gates.clock import database_now
from apps.gates.impacts import Steps, impact_of, impact_steps
from apps.gates.sharing import used_by
from apps.reports.supersession import superseded

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.gates.models import PolicyProposal

LONGEST = 256 << 10
LINES = "application/x-ndjson"


@operation("GET", "Released policies.", answers={200: "Policies."})
def list_policies(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"policies": [rendering.policy(p) for p in queries.released_policies()]})


@operation(
    "POST",
    "What a draft would change: each model's latest evidence decided again with it. Changes no state. With "
    "Accept: application/x-ndjson a line for each step, then the impact in the last.",
    request={"policy": "string"},
    answers={200: "Decisions that change, by model, with reasons; and what cannot be replayed."},
    produces=("application/json", LINES),
)
def show_impact(request: HttpRequest, *, by: Person) -> HttpResponseBase:
    fields = Fields(body(request))
    text = fields.verbatim("policy", longest=LONGEST)
    fields.done()
    if LINES in request.headers.get("Accept", "") and "Idempotency-Key" not in request.headers:
        steps = impact_steps(by=by, data=text.encode())
        return StreamingHttpResponse(_lines(steps), content_type=LINES, headers={"X-Accel-Buffering": "no"})
    return answer(impact_of(by=by, data=text.encode()).as_json())


def _lines(steps: Steps) -> Iterator[bytes]:
    """A line for each step; an answer without a last line of an impact was cut short."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            yield _line({"impact": end.value.as_json()})
            return
        yield _line({"done": done, "of": total})


def _line(said: object) -> bytes:
    return json.dumps(said, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@operation("GET", "Policies offered for release, newest first.", answers={200: "Proposals."})
def list_proposals(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"proposals": [rendering.proposal(p) for p in queries.open_proposals()]})


@operation(
    "POST",
    "Offer a policy with its cases for release by a second person.",
    request={"policy": "string", "cases": "object", "note": "string?"},
    answers={201: "The proposal, with what its cases, the comparison and the impact say."},
)
def propose(request: HttpRequest, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.POLICY_PROPOSE)
    fields = Fields(body(request))
    text, note = fields.verbatim("policy", longest=LONGEST), fields.text("note", "")
    cases = fields.mapping("cases")
    fields.done()
    if not all(isinstance(case, str) and len(case) <= LONGEST for case in cases.values()):
        raise Invalid("“cases” must be an object of files: the text of each by its name.", field="cases")
    files = {name: case.encode() for name, case in cases.items()}
    found = commands.propose_policy(by=by, data=text.encode(), cases=files, note=note)
    place = {"Location": f"/api/v1/policies/proposals/{found.pk}"}
    return answer(_proposal(found, by), status=201, headers=place)


@operation("GET", "One proposal.", answers={200: "The proposal.", 404: "No such proposal."})
def show_proposal(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    return answer(_proposal(queries.find_proposal(proposal_id), by))


def _proposal(row: PolicyProposal, by: Person) -> rendering.Json:
    """A proposal, with what still names the policies whose place it takes."""
    left = superseded(row, now=database_now(), by=by)
    return {**rendering.proposal(row), "supersedes": [one.as_json() for one in left]}


@operation(
    "GET",
    "The policies that extend one, each with the version that it rests on; those behind first.",
    answers={200: "Policies.", 404: "No such policy."},
)
def list_dependents(request: HttpRequest, policy: str, *, by: Person) -> HttpResponse:
    newest = queries.find_policy(policy)
    return answer({"policy": str(newest), "used_by": [one.as_json() for one in used_by(policy)]})


policies = endpoint(list_policies)
impact = endpoint(show_impact)
proposals = endpoint(list_proposals, propose)
proposal = endpoint(show_proposal)
dependents = endpoint(list_dependents)
