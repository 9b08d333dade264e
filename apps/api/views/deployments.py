"""Which version runs where: reports, the places, what the inventory lacks, and the way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.identities import asking, pipeline_of
from apps.api.reading import Fields, body
from apps.audit.errors import Forbidden
from apps.audit.queries import envelope, statement
from apps.deploys import running
from apps.deploys.commands.revocations import seal_revocations
from apps.deploys.commands.running import count_calls, report_deployment, roll_back, settle

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Deployment
    from apps.deploys.running import Asset, Offer


def _lines(rows: Sequence[Deployment]) -> list[dict[str, Any]]:
    """Reports, each with whether it says what was signed."""
    true = running.genuine(rows)
    return [{**_line(row), "genuine": row.pk in true} for row in rows]


def _line(row: Deployment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "environment": row.environment.key,
        "slot": row.slot,
        "running": row.running,
        "model": row.version.model.key if row.version else None,
        "version": row.version.label if row.version else None,
        "version_digest": row.version.digest if row.version else None,
        "digest": row.digest or None,
        "named": {"model": row.model_key or None, "version": row.version_label or None},
        "governed": row.version is not None,
        "admission": row.admission_id,
        "type": row.deploy_type or None,
        "source": row.source,
        "since": row.since,
        "reported_at": row.reported_at,
        "reported_by": rendering.person(row.reported_by),
        "statement": row.statement_digest,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "version": offer.version.label,
        "digest": offer.version.digest,
        "ran_since": offer.ran.since,
        "allowed": offer.answer.allowed,
        "reasons": [reason.as_json() for reason in offer.answer.reasons],
    }


def _whole(found: Asset) -> dict[str, Any]:
    seen = found.monitored
    return {
        **_line(found.row),
        "last_change": _line(found.changed) if found.changed else None,
        "history": [{**_line(row), "genuine": row.pk in found.genuine} for row in found.history],
        "genuine": found.row.pk in found.genuine,
        "findings": [rendering.finding(finding) for finding in found.findings],
        "approvers": [rendering.signoff(signoff) for signoff in found.approvers],
        "monitoring": seen
        and {"outcome": seen.outcome, "decided_at": seen.decided_at, "decision": seen.statement_digest},
        "calls": [{"begins": c.begins, "ends": c.ends, "calls": c.calls} for c in found.calls],
        "settled": found.settled
        and {"answer": found.settled.answer, "reason": found.settled.reason, "until": found.settled.until},
        "rollback_offers": [_offer(offer) for offer in found.offers],
    }


@operation(
    "GET",
    "What runs, one line for each slot of each environment; with `at` what ran at that second.",
    query={"environment": "string", "model": "string", "gone": "integer, 1 shows what no longer runs"},
    answers={200: "Exactly one version and digest for each slot."},
)
def list_slots(request: HttpRequest, *, by: Person) -> HttpResponse:
    if pipeline_of(request):
        raise Forbidden("A pipeline or a cluster tells what runs; it reads nothing of others here.")
    rows = running.slots(
        by,
        environment=request.GET.get("environment", ""),
        model=request.GET.get("model", ""),
        gone=request.GET.get("gone") == "1",
    )
    return answer({"deployments": _lines(rows)})


@operation(
    "POST",
    "Report what a slot runs; an empty digest says that it runs nothing any more.",
    request={
        "environment": "string",
        "slot": "string",
        "digest": "string?",
        "model": "string?",
        "version": "string?",
        "source": "string?",
        "type": "string?",
        "since": "string?",
    },
    answers={200: "What is known of the slot now; the same report again changes nothing."},
)
def report(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    said = {
        "environment": fields.text("environment", longest=80),
        "slot": fields.text("slot", longest=253),
        "digest": fields.text("digest", "", longest=71),
        "model": fields.text("model", "", longest=200),
        "version": fields.text("version", "", longest=120),
        "source": fields.text("source", "pipeline", longest=20),
        "deploy_type": fields.text("type", "", longest=20),
    }
    since = fields.instant("since") if fields.names("since") else None
    fields.done()
    if pipeline := pipeline_of(request):
        pipeline.permit_place(said["environment"])
    return answer(_line(report_deployment(by=by, since=since, **said)))


@operation(
    "GET",
    "One slot: what runs, the change before, open findings, who approved, monitoring, calls, ways back.",
    answers={200: "Everything that is known of it."},
)
def show_deployment(request: HttpRequest, deployment_id: UUID, *, by: Person) -> HttpResponse:
    return answer(_whole(running.asset(by, running.find_deployment(by, deployment_id))))


@operation("GET", "What runs and the inventory lacks.", answers={200: "One line for each slot."})
def inbox(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"deployments": _lines(running.ungoverned(by))})


@operation(
    "POST",
    "Answer to something ungoverned: bound to a model, ignored until a date, or a finding.",
    request={"answer": "string", "reason": "string", "model": "string?", "until": "string?"},
    answers={201: "The answer, in the record."},
)
def settlement(request: HttpRequest, deployment_id: UUID, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    said = {
        "answer": fields.text("answer", longest=20),
        "reason": fields.text("reason", longest=2000),
        "model": fields.text("model", "", longest=200),
    }
    until = fields.instant("until") if fields.names("until") else None
    fields.done()
    row = settle(by=by, deployment=running.find_deployment(by, deployment_id), until=until, **said)
    told = {"id": row.pk, "answer": row.answer, "model": row.model.key if row.model else None}
    return answer({**told, "finding": row.finding_id, "until": row.until}, status=201)


@operation(
    "POST",
    "Go back to a version that ran in the slot before and whose approval holds now.",
    request={"version": "string", "reason": "string"},
    answers={201: "The rollback with its signed admission and the finding that it opened."},
)
def back(request: HttpRequest, deployment_id: UUID, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    row = running.find_deployment(by, deployment_id)
    version, reason = fields.text("version", longest=120), fields.text("reason", longest=2000)
    fields.done()
    made = roll_back(by=by, environment=row.environment.key, slot=row.slot, version=version, reason=reason)
    told = {"id": made.pk, "version": made.version.label, "digest": made.version.digest}
    stored = json.loads(bytes(made.admission.answer))
    return answer({**told, "finding": made.finding_id, "admission": stored}, status=201)


@operation(
    "POST",
    "How often a slot was called in a period.",
    request={
        "environment": "string",
        "slot": "string",
        "begins": "string",
        "ends": "string",
        "calls": "integer",
    },
    answers={201: "The count, in the record."},
)
def counted(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    place, slot = fields.text("environment", longest=80), fields.text("slot", longest=253)
    begins, ends, times = fields.instant("begins"), fields.instant("ends"), fields.whole("calls")
    fields.done()
    row = count_calls(by=by, environment=place, slot=slot, begins=begins, ends=ends, calls=times)
    return answer({"slot": row.slot, "begins": row.begins, "ends": row.ends, "calls": row.calls}, status=201)


@operation(
    "GET",
    "The newest signed list of revocations: a verifier that has it refuses answers of earlier epochs.",
    answers={200: "A DSSE envelope."},
)
def revocation_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    row = seal_revocations(by=by)
    return answer(envelope(statement(row.statement_digest)))


deployments = endpoint(list_slots, report, who=asking)
deployment = endpoint(show_deployment)
ungoverned = endpoint(inbox)
settlements = endpoint(settlement)
rollbacks = endpoint(back)
calls = endpoint(counted)
revocations = endpoint(revocation_list, who=asking)
