"""The inventory: the list of models and the record of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import may, may_anywhere, require, why_not
from apps.access.states import Permission
from apps.approvals import commands as approvals
from apps.approvals import queries as approval_queries
from apps.approvals.completeness import completeness, completeness_by
from apps.approvals.entries import known_of
from apps.costs.queries import cost_of
from apps.costs.quoting import quote
from apps.deploys.integrations.told import told_of
from apps.deploys.queries import deployable
from apps.gates import commands as gates
from apps.gates.queries import latest_decision, run_page
from apps.gates.states import Purpose
from apps.inventory import queries
from apps.inventory.conversions import origin_of
from apps.inventory.elsewhere import reported_of
from apps.inventory.filtering import filter_choices
from apps.inventory.listing import model_page
from apps.inventory.sealed import ground_of
from apps.reports.formats import takeable
from apps.web.challenges import decided, version_log
from apps.web.pages import done, page
from apps.web.views.submitting import barred, hindrance

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import ModelVersion, RegisteredModel, Use
    from apps.inventory.sealed import Ground

FILTERS = ("q", "tier", "kind", "domain", "unit", "vendor", "regime", "scope", "determination", "missing")


@page()
def model_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every model that the person may see, 50 a page."""
    filters = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    found = model_page(by, filters, request.GET.get("after"))
    known = known_of(found.rows)
    lines = [(m, known[m.pk], completeness_by(known[m.pk])) for m in found.rows]
    context = {
        "title": "Models",
        "found": found,
        "lines": lines,
        "filters": filters,
        "choices": filter_choices(found.within),
        "may_register": may_anywhere(by, Permission.MODEL_REGISTER),
    }
    name = "models/rows.html" if request.headers.get("HX-Request") else "models/list.html"
    return render(request, name, context)


@page()
def model_record(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """One model: what it is, its versions, whether it may run, and why."""
    model = queries.find_model(by, key)
    prefetch_related_objects([model], "uses")
    versions = list(model.versions.prefetch_related("approvals").select_related("registered_by"))
    ground = ground_of(model)
    tierings = list(model.tierings.select_related("assigned_by"))
    context = {
        "title": model.title,
        "model": model,
        "tier": tierings[0].tier if tierings else None,
        "tierings": tierings,
        "determination": model.determinations.first(),
        "regimes": queries.regimes_in_short(ground.decided),
        "uses": [use_standing(versions, use, ground) for use in model.uses.all()],
        "versions": [(v, v.approvals.all()) for v in versions],
        "findings": approval_queries.open_findings(model),
        "attestation": approval_queries.latest_attestation(model),
        "cost": cost_of(model),
        "idea": queries.idea_of(by, model),
        "whole": completeness(model),
        "barred": barred(by, model),
        "may_retire": may(by, Permission.USE_RETIRE, model),
        "no_version": why_not(require, by, Permission.VERSION_REGISTER, model),
        "may_open_finding": may(by, Permission.FINDING_OPEN, model),
    }
    return render(request, "models/record.html", context)


def use_standing(versions: list[ModelVersion], use: Use, ground: Ground) -> dict[str, object]:
    """A use with its newest version's decision, and the deploy gate's answer for each environment.

    Where another version is the one approved, that one is asked for too.
    """
    newest = versions[0] if versions else None
    decision = latest_decision(newest, use) if newest else None
    monitoring = latest_decision(newest, use, Purpose.MONITORING) if newest else None
    shown = [newest] if newest else []
    granted = approval_queries.granted_version(use)
    if granted is not None and granted != newest:
        shown.append(next((version for version in versions if version == granted), granted))
    answers = [(v, *answer) for v in shown for answer in deployable(v, use, ground=ground)]
    return {"use": use, "version": newest, "decision": decision, "monitoring": monitoring, "answers": answers}


@page()
def version_record(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    """One version: digests, data sets, runs, and what may be done with it next."""
    version = queries.find_version(by, key, label)
    uses = list(version.model.uses.all())
    context = {
        "title": f"{version}",
        "version": version,
        "origin": origin_of(version),
        "model": version.model,
        "datasets": version.datasets.annotate(part_count=Count("parts")),
        "runs": run_page(by, version=version)[:20],
        "uses": [(use, *_next(by, version, use)) for use in uses],
        "approvals": approval_queries.approvals_of(version),
        "contributions": version.contributions.select_related("person"),
        "log": version_log(by, version, decided(version, uses)),
        "quote": quote(version.model, Purpose.APPROVAL),
        "formats": takeable(by, version.model),
        "reported": reported_of(version),
        "told": told_of(version),
    }
    return render(request, "models/version.html", context)


def _next(by: Person, version: ModelVersion, use: Use) -> tuple[object, str, str]:
    """The newest decision, why no run may be asked for, and why it may not be submitted."""
    decision = latest_decision(version, use)
    no_run = why_not(require, by, Permission.RUN_REQUEST, version.model)
    return decision, no_run, hindrance(by, version, use, decision)


@page("POST")
def request_run(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    """Ask for a run of all gates that apply."""
    version = queries.find_version(by, key, label)
    use = queries.find_use(version.model, request.POST.get("use", ""))
    run = gates.request_run(by=by, version=version, use=use)
    return redirect(f"/runs/{run.pk}")


@page("POST")
def attest(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Attest the entry as shown."""
    model: RegisteredModel = queries.find_model(by, key)
    approvals.attest(by=by, model=model)
    return done(request, f"You attested the entry of {model.key}.", f"/models/{model.key}")
