"""Experiments: what runs beside what, with which share, until when; begun, ended, and what they brought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may_anywhere, require_anywhere
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.audit.past import clock
from apps.deploys import commands, experiments
from apps.deploys import queries as deploys
from apps.deploys.commands.experiments import MOST_SHARE, Plan
from apps.inventory.queries import find_use, find_version
from apps.web.pages import done, page
from apps.web.receipts import with_receipt

if TYPE_CHECKING:
    from apps.access.models import Person

HERE = "/experiments"
MOST = 100
_BEGINS = (Permission.APPROVAL_SUBMIT, Permission.ADMISSION_ASK)


@page("GET", "POST")
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every experiment, and a form that begins one."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    if request.method == "POST":
        return _begun(request, by)
    now = clock()
    context = {
        "title": "Experiments",
        "rows": [(row, experiments.stands(row, now)) for row in experiments.visible(by)[:MOST]],
        "begins": any(may_anywhere(by, permission) for permission in _BEGINS),
        "environments": deploys.environments(),
        "most": MOST_SHARE,
    }
    return render(request, "deployments/experiments.html", context)


def _begun(request: HttpRequest, by: Person) -> HttpResponse:
    sent = request.POST
    champion = find_version(by, sent.get("model", "").strip(), sent.get("champion", "").strip())
    challenger = find_version(by, champion.model.key, sent.get("challenger", "").strip())
    plan = Plan(
        title=sent.get("title", ""),
        environment=deploys.find_environment(sent.get("environment", "")),
        slot=sent.get("slot", "").strip(),
        share=sent.get("share", "").strip(),
        begins=None,
        ends=_end_of(sent.get("ends", "")),
        stops=sent.get("stops", "").split(),
        reason=sent.get("reason", ""),
    )
    use = find_use(champion.model, sent.get("use", "").strip())
    made = commands.begin_experiment(by=by, use=use, champion=champion, challenger=challenger, plan=plan)
    return done(request, with_receipt("It is begun.", made.statement_digest), f"{HERE}/{made.pk}")


def _end_of(text: str) -> datetime:
    """The end of a day, in UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Invalid(f"“{text[:40]}” is no day; write it as 2027-03-31.", field="ends") from None


@page()
def shown(request: HttpRequest, experiment_id: UUID, *, by: Person) -> HttpResponse:
    """One experiment: its terms, how it stands, what each arm brought."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    row = experiments.find(by, experiment_id)
    now = clock()
    stands = experiments.stands(row, now)
    context = {
        "title": row.title,
        "row": row,
        "end": getattr(row, "end", None),
        "stands": stands,
        "genuine": experiments.genuine(row),
        "results": row.results.select_related("version", "reported_by")[:200],
        "arms": [
            (arm, version, experiments.arm_answer(row, version, now))
            for arm, version in experiments.arms(row)
        ],
        "may_end": stands != "ended"
        and any(may_anywhere(by, permission) for permission in (*_BEGINS, Permission.FINDING_OPEN)),
    }
    return render(request, "deployments/experiment.html", context)


@page("POST")
def end(request: HttpRequest, experiment_id: UUID, *, by: Person) -> HttpResponse:
    """End it now."""
    row = experiments.find(by, experiment_id)
    made = commands.end_experiment(by=by, experiment=row, reason=request.POST.get("reason", ""))
    told = "It has ended: the deploy gate denies what is asked for it."
    return done(request, with_receipt(told, made.statement_digest), f"{HERE}/{row.pk}")
