"""Experiments over HTTP: two versions share the calls of a slot, for a time, until something stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.audit.past import clock
from apps.deploys import commands, experiments
from apps.deploys import queries as deploys
from apps.deploys.commands.experiments import Plan
from apps.inventory.queries import find_use, find_version

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Experiment, ExperimentResult

Json = dict[str, Any]


@operation(
    "GET",
    "Every experiment that the caller may see, newest first.",
    query={"cursor": "string"},
    answers={200: "Experiments and the next cursor."},
)
def list_experiments(request: HttpRequest, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.ADMISSION_SEE)
    rows = experiments.visible(by)
    return answer(listed(request, "experiments", rows, by_time="begun_at", render=_experiment))


@operation(
    "POST",
    "Let two versions share the calls of a slot. Each must be allowed there now by itself.",
    request={
        "title": "string",
        "model": "string",
        "champion": "string",
        "challenger": "string",
        "challenger_model": "string?",
        "use": "string?",
        "environment": "string",
        "slot": "string",
        "share": "string",
        "begins": "string?",
        "ends": "string",
        "stops": "array?",
        "reason": "string",
    },
    answers={201: "It is begun.", 409: "One of the two may not run there, or the slot is taken."},
)
def begin_experiment(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    model = fields.text("model", longest=200)
    champion = find_version(by, model, fields.text("champion", longest=120))
    other = fields.text("challenger_model", model, longest=200)
    challenger = find_version(by, other, fields.text("challenger", longest=120))
    use = find_use(champion.model, fields.text("use", "", longest=120))
    plan = Plan(
        title=fields.text("title", longest=200),
        environment=deploys.find_environment(fields.text("environment", longest=80)),
        slot=fields.text("slot", longest=253),
        share=fields.text("share", longest=10),
        begins=fields.instant("begins") if fields.names("begins") else None,
        ends=fields.instant("ends"),
        stops=fields.texts("stops", []),
        reason=fields.text("reason", longest=2000),
    )
    fields.done()
    made = commands.begin_experiment(by=by, use=use, champion=champion, challenger=challenger, plan=plan)
    return answer(_experiment(experiments.find(by, made.pk)), status=201)


@operation("GET", "One experiment with its results.", answers={200: "Everything that is known of it."})
def show(request: HttpRequest, experiment_id: UUID, *, by: Person) -> HttpResponse:
    row = experiments.find(by, experiment_id)
    results = [_result(one) for one in row.results.select_related("version", "reported_by")[:500]]
    return answer({**_experiment(row), "genuine": experiments.genuine(row), "results": results})


@operation(
    "POST",
    "End an experiment now; the deploy gate then denies what is asked for it.",
    request={"reason": "string"},
    answers={200: "It has ended.", 409: "It had ended before."},
)
def end_experiment(request: HttpRequest, experiment_id: UUID, *, by: Person) -> HttpResponse:
    row = experiments.find(by, experiment_id)
    fields = Fields(body(request))
    reason = fields.text("reason", longest=2000)
    fields.done()
    commands.end_experiment(by=by, experiment=row, reason=reason)
    return answer(_experiment(experiments.find(by, experiment_id)))


@operation(
    "POST",
    "What one arm brought in a period: evidence of its version, told once.",
    request={
        "arm": "string",
        "begins": "string",
        "ends": "string",
        "calls": "integer",
        "measured": "object?",
    },
    answers={201: "The result, in the record.", 409: "This period was told before."},
)
def report_result(request: HttpRequest, experiment_id: UUID, *, by: Person) -> HttpResponse:
    row = experiments.find(by, experiment_id)
    fields = Fields(body(request))
    arm, begins, ends = fields.text("arm", longest=20), fields.instant("begins"), fields.instant("ends")
    calls, measured = fields.whole("calls"), fields.mapping("measured", {})
    fields.done()
    made = commands.report_result(
        by=by, experiment=row, arm=arm, begins=begins, ends=ends, calls=calls, measured=measured
    )
    return answer(_result(made), status=201)


def _experiment(row: Experiment) -> Json:
    end = getattr(row, "end", None)
    return {
        "id": row.pk,
        "title": row.title,
        "stands": experiments.stands(row, clock()),
        "use": row.use.key,
        "environment": row.environment.key,
        "slot": row.slot,
        "champion": _version(row.champion),
        "challenger": _version(row.challenger),
        "share": format(row.share, "f"),
        "begins": row.begins_at,
        "ends": row.ends_at,
        "stops": row.stops,
        "reason": row.reason,
        "begun_by": rendering.person(row.begun_by),
        "begun_at": row.begun_at,
        "statement": row.statement_digest,
        "ended": end
        and {
            "at": end.ended_on,
            "cause": end.cause,
            "why": end.why,
            "finding": end.finding_id,
            "by": rendering.person(end.ended_by) if end.ended_by else None,
            "statement": end.statement_digest,
        },
    }


def _version(version: Any) -> Json:
    return {"model": version.model.key, "version": version.label, "digest": version.digest}


def _result(row: ExperimentResult) -> Json:
    return {
        "id": row.pk,
        "arm": row.arm,
        "version": row.version.digest,
        "begins": row.begins,
        "ends": row.ends,
        "calls": row.calls,
        "measured": row.measured,
        "provenance": "self-reported",
        "reported_by": rendering.person(row.reported_by),
        "statement": row.statement_digest,
    }


every = endpoint(list_experiments, begin_experiment)
one = endpoint(show)
ending = endpoint(end_experiment)
results = endpoint(report_result)
