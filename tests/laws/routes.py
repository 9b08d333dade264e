"""Every address with the request that tries it, and everybody who may try."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from apps.access.commands import place_hold
from apps.access.models import ApiToken
from apps.access.tokens import new_token, token_digest
from apps.api.endpoints import describe
from apps.approvals.commands import challenge, open_round
from apps.approvals.models import AttestationRound
from apps.audit.models import Event
from apps.costs.models import Budget
from apps.costs.queries import month_of, next_month
from apps.deploys.commands import make_integration
from apps.deploys.models import Integration
from apps.gates.models import PolicyProposal
from apps.inventory import store
from apps.inventory.commands import state_edge
from apps.inventory.lineage import thing
from apps.inventory.models import LineageEdge, ScorecardProposal
from apps.notices.models import Endpoint
from apps.reports.challenges import find_about
from tests.flows.bank import tier_shown
from tests.standing import Standing, token

BACKEND = "django.contrib.auth.backends.ModelBackend"
_SCHEDULE = {"version": "1", "use": "credit_decision", "dataset": "production"}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
DAY = "2099-01-01"


@dataclass(frozen=True, slots=True)
class Try:
    """One method of one address."""

    method: str
    route: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def is_api(self) -> bool:
        return self.route.startswith("/api/")


EXCHANGE = {"currency": "USD", "rate": "0.9", "day": "2026-01-31", "source": "the central bank"}


def tries(world: Standing) -> Iterator[Try]:
    """Every method of every address of pages and endpoints."""
    bodies = _bodies(world)
    for pattern in get_resolver("apps.api.urls").url_patterns:
        if hasattr(pattern.callback, "endpoint"):
            for method in describe(pattern.callback).operations:
                route = f"/api/v1/{pattern.pattern}"
                yield Try(method, route, bodies.get(f"{method} {route}", {}))
    for pattern in get_resolver("apps.web.urls").url_patterns:
        for method in ("GET", "POST"):
            route = f"/{pattern.pattern}"
            yield Try(method, route, bodies.get(f"{method} {route}", {}))
    yield Try("GET", "/admin/")


def place(route: str, world: Standing, *, subject: str = "/x") -> str:
    """The address of a thing that exists."""
    names = _names(world, route)
    return _PARAMETER.sub(lambda found: str(names[found[1]]()), route)


def _names(world: Standing, route: str) -> dict[str, Callable[[], Any]]:
    """What stands for each part of an address; asked for only where the address has it."""
    approval = world.granted if route.endswith(("revoke", "report")) else world.waiting
    return {
        "key": lambda: "credit-pd",
        "label": lambda: "1",
        "run_id": lambda: world.queued.pk,
        "partition_id": lambda: world.queued.pk,
        "job_id": lambda: world.queued.pk,
        "approval_id": lambda: approval.pk,
        "finding_id": lambda: world.finding.pk,
        "person_id": lambda: world.people["validator"].pk,
        "entry_id": lambda: _entry(world),
        "edge_id": lambda: _edge(world).pk,
        "integration_id": lambda: _integration(world),
        "request_id": lambda: world.waiver.pk,
        "admission_id": lambda: world.admission.pk,
        "deployment_id": lambda: world.deployment.pk,
        "format": lambda: "spdx",
        "digest": lambda: _digest(world, route),
        "policy": lambda: "baseline-all",
        "check": lambda: "performance.auc",
        "framework": lambda: "us-sr26-2",
        "proposal_id": lambda: _proposal(route).pk,
        "version": lambda: world.granted.subject["policies"][0]["version"],
        "month": lambda: "2026-11",
        "budget_id": lambda: Budget.objects.get().pk,
        "line_id": lambda: 0,
        "hold_id": lambda: _hold(world),
        "event_id": lambda: Event.objects.earliest("occurred_at").pk,
        "report_id": lambda: world.report.pk,
        "username": lambda: world.people["validator"].username,
        "role": lambda: "reader",
        "grant_id": lambda: world.people["validator"].grants.earliest("pk").pk,
        "delegation_id": lambda: 0,
        "campaign_id": lambda: 0,
        "item_id": lambda: 0,
        "experiment_id": lambda: "0f8fad5b-d9cb-469f-a165-70867728950e",
        "glass_id": lambda: "0f8fad5b-d9cb-469f-a165-70867728950e",
        "factor_id": lambda: 1,
        "provider": lambda: "none",
        "identity_id": lambda: 1,
        "schedule_id": lambda: 0,
        "mapping_id": lambda: 1,
        "token_id": lambda: world.people["developer"].tokens.earliest("pk").pk,
        "use": lambda: world.granted.use.key,
        "unit": lambda: "retail",
        "handle": lambda: "0" * 20,
        "document_id": lambda: "0f8fad5b-d9cb-469f-a165-70867728950e",
        "upload_id": lambda: "0f8fad5b-d9cb-469f-a165-70867728950e",
        "gate": lambda: getattr(world.report.charts.first(), "gate", "none"),
        "endpoint_id": lambda: _endpoint(world).pk,
        "round_id": lambda: _round(world).pk,
        "delivery_id": uuid4,
    }


def _edge(world: Standing) -> LineageEdge:
    ends = [thing("dataset", name) for name in ("raw", "clean")]
    return state_edge(by=world.people["developer"], kind="derives", upstream=ends[0], downstream=ends[1])


def _hold(world: Standing) -> object:
    return place_hold(by=world.people["head-of-model-risk"], reason="Case").pk


def _round(world: Standing) -> AttestationRound:
    """A round over the whole inventory, asked again each year."""
    found = AttestationRound.objects.first()
    due = timezone.now().date() + timedelta(days=30)
    by = world.people["head-of-model-risk"]
    return found or open_round(by=by, title="Every year", due=due, every_days=365)


def _endpoint(world: Standing) -> Endpoint:
    """An endpoint of the administrator's own."""
    by, now = world.people["administrator"], timezone.now()
    found = Endpoint.objects.filter(name="watcher").first()
    return found or Endpoint.objects.create(
        name="watcher",
        kind="webhook",
        address=b"locked",
        place="https://hooks.example:443",
        events=["run.dead"],
        owner=by,
        added_by=by,
        added_at=now,
        agreed_at=now,
    )


def _integration(world: Standing) -> object:
    found = Integration.objects.filter(name="our-jenkins").first()
    return (
        found.pk
        if found
        else make_integration(
            by=world.people["administrator"],
            kind="jenkins",
            name="our-jenkins",
            account=world.people["pipeline"],
            settings={},
        )[0].pk
    )


def _entry(world: Standing) -> object:
    by = world.people["validator"]
    about = find_about(by, "decision", world.granted.decision.statement_digest)
    return challenge(by=by, about=about, text="Why?", said="question").pk


def _proposal(route: str) -> PolicyProposal | ScorecardProposal:
    if "scorecard" in route:
        return ScorecardProposal.objects.get()
    return PolicyProposal.objects.get(policy="baseline-all")


def _digest(world: Standing, route: str) -> str:
    if "evidence" in route:
        return str(world.failed.run.evidence.earliest("id").statement_digest)
    return "sha256:" + "0" * 64 if "blobs" in route else str(world.failed.statement_digest)


def _data(name: str) -> dict[str, str]:
    return {"kind": "dataset", "name": name}


def _run_event() -> dict[str, Any]:
    schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    job = {"namespace": "airflow", "name": "train"}
    return {"eventTime": "2026-11-21T06:30:00Z", "schemaURL": schema, "run": {"runId": "r1"}, "job": job}


def _bodies(world: Standing) -> dict[str, dict[str, Any]]:
    version = {"model": "credit-pd", "version": "1"}
    finding = {"title": "Leak", "severity": "low", "due": DAY}
    waiver = {
        "gate": world.waiver.gate,
        "finding": str(world.finding.pk),
        "rationale": "x",
        "compensating_control": "x",
        "remediation_due": str(timezone.now().date() + timedelta(days=20)),
        "valid_to": (timezone.now() + timedelta(days=25)).isoformat(),
    }
    model = {"key": "novel", "title": "New", "kind": "classifier", "unit": "retail", "owner": "owner"}
    approvals, findings = "/api/v1/approvals/<uuid:approval_id>", "/api/v1/findings/<uuid:finding_id>"
    review, mended = "/reviews/<uuid:approval_id>", "/findings/<uuid:finding_id>"
    reason = {"reason": "because"}
    spoken_of = world.granted.decision.statement_digest
    policy, why, card = _policy(), {"rationale": "because"}, _scorecard()
    return {
        **_access_bodies(reason),
        **_lineage_bodies(reason),
        **_people_bodies(reason),
        "POST /api/v1/models": model,
        "POST /api/v1/models/<str:key>/documents": {
            "kind": "other",
            "title": "x",
            "label": "1",
            "digest": "sha256:" + "0" * 64,
        },
        "POST /models/<str:key>/vendor/review": {"vendor": "x"},
        "POST /models/<str:key>/vendor/pack": {"vendor": "x", "document": "x"},
        "POST /models/<str:key>/vendor/notices": {"announces": "9", "told_on": DAY, "summary": "x"},
        "POST /models/<str:key>/entry": {"title": "Mended", **reason},
        "POST /api/v1/conversions": {"digest": "sha256:" + "0" * 64},
        "POST /api/v1/conversions/openings": {"digest": "sha256:" + "0" * 64, "hours": 1, **reason},
        "POST /conversions/open": {"digest": "sha256:" + "0" * 64, "hours": "1", **reason},
        "POST /conversions/convert": {"digest": "sha256:" + "0" * 64},
        "POST /storage": {"gib": "0", **reason},
        "POST /retention/holds": reason,
        "POST /retention/holds/<uuid:hold_id>/release": reason,
        "POST /retention/purge": {"shown": "x", **reason},
        "POST /retention/erase": {"username": "elsewhere", "again": "x", **reason},
        "POST /api/v1/retention/holds": reason,
        "POST /api/v1/retention/holds/<uuid:hold_id>/release": reason,
        "POST /api/v1/uploads": {"digest": "sha256:" + "0" * 64, "size": 10},
        "POST /api/v1/storage/quotas": {"bytes": 0, **reason},
        "POST /api/v1/models/<str:key>/versions": _registration(world),
        "POST /api/v1/models/<str:key>/tier": {"answers": {"purpose": "pricing"}, **why},
        "POST /models/<str:key>/tier/assign": {"purpose": "pricing", **why},
        "POST /api/v1/models/<str:key>/tier/preview": {"answers": {"purpose": "pricing"}},
        "POST /api/v1/models/<str:key>/regimes": {"regime": "us-sr26-2", "applies": True, **why},
        "POST /models/<str:key>/regimes/decide": {"regime": "us-sr26-2", "applies": "yes", **why},
        "POST /api/v1/models/<str:key>/determination": {"answers": {"theory": "yes"}, **why},
        "POST /models/<str:key>/determination/determine": {"theory": "yes", **why},
        "POST /api/v1/scorecard/impact": {"scorecard": card},
        "POST /api/v1/scorecard/proposals": {"scorecard": card},
        "POST /scorecard/propose": {"text": card, "act": "offer"},
        "POST /api/v1/runs": version,
        "POST /api/v1/runs/<uuid:run_id>/partitions/<uuid:partition_id>/keep": {"fence": 1},
        "POST /api/v1/runs/<uuid:run_id>/partitions/<uuid:partition_id>/summary": {
            "fence": 1,
            "summary": "sha256:" + "0" * 64,
        },
        "POST /api/v1/runs/<uuid:run_id>/hardware": {"granted": True, "reason": "for a test"},
        "POST /runs/<uuid:run_id>/hardware": {"answer": "approve", "reason": "for a test"},
        "POST /api/v1/runs/<uuid:run_id>/requeue": reason,
        "POST /runs/<uuid:run_id>/requeue": reason,
        "POST /api/v1/runs/<uuid:run_id>/place": {"place": "first", **reason},
        "POST /runs/<uuid:run_id>/place": {"place": "first", **reason},
        "POST /api/v1/approvals": {**version, "tier": tier_shown(world.granted.version)},
        "POST /models/<str:key>/versions/<str:label>/submit": {"tier": tier_shown(world.granted.version)},
        "POST /api/v1/lineage": _run_event(),
        "POST /api/v1/lineage/edges": {"kind": "derives", "upstream": _data("raw"), "downstream": _data("b")},
        "POST /api/v1/lineage/edges/<int:edge_id>/end": reason,
        f"POST {approvals}/comments": {"text": "why?"},
        "POST /challenges/add": {"about": f"decision:{spoken_of}", "text": "why?", "said": "question"},
        "POST /challenges/<uuid:entry_id>/answer": {"text": "so"},
        "POST /reports/certificates/<int:person_id>/revoke": {"cause": "left", **reason},
        "POST /api/v1/challenges": {"thing": "decision", "id": spoken_of, "text": "why?"},
        f"POST {approvals}/withdraw": reason,
        f"POST {approvals}/reopen": reason,
        "POST /api/v1/findings": {"model": "credit-pd", **finding},
        f"POST {findings}/remediate": {"plan": "done"},
        f"POST {findings}/close": {"closure": "seen"},
        f"POST {findings}/reopen": reason,
        "POST /api/v1/waivers": {"decision": world.failed.statement_digest, **waiver},
        "POST /api/v1/attestations": {"model": "credit-pd"},
        "POST /api/v1/policies/impact": {"policy": policy["text"]},
        "POST /api/v1/policies/proposals": {"policy": policy["text"], "cases": policy["files"]},
        "POST /policies/impact": {"text": policy["text"]},
        "POST /policies/propose": {"text": policy["text"], "cases": "---\n".join(policy["files"].values())},
        "POST /api/v1/admissions": {**version, "environment": "production"},
        "POST /models/<str:key>/findings": finding,
        **_reports(world),
        "POST /models/<str:key>/versions/<str:label>/run": {"use": ""},
        f"POST {review}/sign": {"meaning": "approve", "reason": "x", "shown_digest": "x"},
        f"POST {review}/say": {"text": "why?"},
        f"POST {review}/withdraw": reason,
        f"POST {review}/reopen": reason,
        f"POST {review}/revoke": reason,
        f"POST {mended}/remediate": {"plan": "done"},
        f"POST {mended}/close": {"closure": "seen"},
        f"POST {mended}/reopen": reason,
        "POST /waivers/requests/<uuid:request_id>": {"answer": "refuse", **reason},
        "POST /decisions/<str:digest>/waiver": {**waiver, "valid_to": waiver["remediation_due"]},
        "POST /costs/budgets": {"unit": "retail", "month": "2026-11", "amount": "5"},
        "POST /costs/budgets/<int:budget_id>/excess": {"amount": "5", "until": _last_day(), **reason},
        "POST /costs/exchange": EXCHANGE,
        "POST /api/v1/costs/exchange-rates": EXCHANGE,
        "POST /costs/rates": {"hardware": "cpu", "per_second": "1"},
        "POST /api/v1/costs/rates": {"hardware": "cpu", "per_second": "1"},
        "POST /api/v1/budgets": {"unit": "retail", "month": "2026-11", "amount": "5"},
        "POST /reports/ask": {"kind": "portfolio"},
        "POST /administration/webhooks": {"name": "new", "kind": "webhook"},
        "POST /administration/webhooks/<uuid:endpoint_id>": {"act": "trial"},
        "POST /attestations": {"title": "Autumn", "due": DAY},
        "POST /attestations/<uuid:round_id>": {"act": "end", **reason},
        "POST /api/v1/attestations/rounds": {"title": "Autumn", "due": DAY},
        "POST /api/v1/attestations/rounds/<uuid:round_id>/attest": {"entries": {}},
        "POST /api/v1/attestations/rounds/<uuid:round_id>/dispute": {"entry": 0, "wrong": "all"},
        "POST /api/v1/attestations/rounds/<uuid:round_id>/end": reason,
        "POST /account/notices": {"topic": "waiting", "mail": "never"},
        "POST /api/v1/webhooks": {"name": "new", "kind": "webhook", "address": "", "events": []},
        "POST /api/v1/webhooks/<uuid:endpoint_id>/rotate": {"hours": 1},
        "POST /api/v1/webhooks/<uuid:endpoint_id>/stop": reason,
        "POST /api/v1/webhooks/<uuid:endpoint_id>/events": {"events": ["finding.opened"]},
        "POST /api/v1/subscriptions": {"topic": "waiting", "listed": True, "mail": "never"},
        "POST /api/v1/reports": {"kind": "portfolio"},
        "POST /reports/<uuid:report_id>/sign": {"meaning": "validated", "shown_digest": "x"},
    }


def _lineage_bodies(reason: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is sent about what feeds what."""
    version = {"kind": "model_version", "name": "credit-pd", "label": "1"}
    other = {"way": "above", "edge": "feeds", "other-kind": "feature", "other-name": "age"}
    return {
        "POST /lineage/edges": {**version, **other},
        "POST /lineage/edges/<int:line_id>/end": reason,
        "POST /lineage/revalidate": {**version, **reason},
        "POST /api/v1/lineage/revalidations": {"thing": version, **reason},
    }


def _people_bodies(reason: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What people sign, grant and mend over HTTP."""
    model, approval = "/api/v1/models/<str:key>", "/api/v1/approvals/<uuid:approval_id>"
    asked = {"model": "credit-pd", "version": "1", "environment": "production", "minutes": 9, "ticket": "T"}
    mapping = {"source": "scim:entra", "group": "x", "role": "auditor"}
    return {
        f"POST {model}/entry": {"title": "Mended", **reason},
        f"POST {model}/uses": {"use": "another"},
        f"POST {model}/uses/<str:use>/retire": reason,
        "POST /models/<str:key>/uses/<str:use>/retire": reason,
        f"POST {model}/versions/<str:label>/reported-evidence": {
            "system": "Spark",
            "run": "1",
            "image": "0" * 64,
            "data": {"holdout": "0" * 64},
            "results": {"performance.auc": 0.8},
        },
        f"POST {model}/vendor/reviews": {"vendor": "x", "answers": {}},
        f"POST {model}/vendor/packs": {"vendor": "x", "document": "x", "keys": {}},
        f"POST {model}/vendor/notices": {"announces": "9", "told_on": DAY, "summary": "x"},
        f"POST {approval}/sign": {"meaning": "approve", "shown_digest": "x", **reason},
        f"POST {approval}/revoke": reason,
        "POST /api/v1/waivers/requests/<uuid:request_id>/refuse": reason,
        "POST /api/v1/break-glass": {**asked, **reason},
        "POST /api/v1/break-glass/<uuid:glass_id>/end": reason,
        "POST /api/v1/sign-in/mappings": {**mapping, **reason},
        "POST /api/v1/sign-in/mappings/<int:mapping_id>/end": reason,
        "POST /api/v1/sign-in/identities/<int:identity_id>/unlink": reason,
    }


def _access_bodies(reason: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is sent about people and their roles."""
    grant = {"role": "auditor", "scope": "organisation", **reason}
    role = {"title": "Reader", "sentence": "Reads.", "permissions": ["model.see"], **reason}
    one, page = "/api/v1/people/<str:username>", "/administration/people/<str:username>"
    about = ("disable", "enable", "sessions/end", "grants/<int:grant_id>/end")
    asked = {"title": "Autumn", "unanswered": "end", "scope": "organisation"}
    handed = {"to": "somebody", "permission": "approval.validate", "scope": "organisation", **reason}
    return {
        "POST /break-glass": {
            "model": "credit-pd",
            "version": "1",
            "environment": "production",
            "minutes": "9",
        },
        "POST /break-glass/<uuid:glass_id>/end": reason,
        "POST /api/v1/break-glass/<uuid:glass_id>/end": reason,
        "POST /api/v1/campaigns": {**asked, "reviewers": ["nobody"], "due": "2026-12-31T00:00:00Z"},
        "POST /administration/campaigns": {**asked, "reviewers": "nobody", "due": "2026-12-31"},
        "POST /api/v1/delegations": {**handed, "valid_to": "2026-12-01T00:00:00Z"},
        "POST /account/delegations": {**handed, "valid_to": "2026-12-01"},
        "POST /api/v1/people": {"username": "new", "name": "New"},
        "POST /administration/people/add": {"username": "new", "name": "New", "kind": "service"},
        **{f"POST {one}/{act}": reason for act in about},
        **{f"POST {page}/{act}": reason for act in (*about, "factors/<int:factor_id>/remove")},
        f"POST {one}/grants": grant,
        f"POST {page}/grants": grant,
        "POST /api/v1/roles": {"key": "reader", **role},
        "POST /api/v1/roles/<str:role>/retire": reason,
        "POST /administration/roles/make": {"key": "reader", **role},
        "POST /administration/roles/<str:role>": role,
        "POST /api/v1/tokens/<int:token_id>/revoke": reason,
        "POST /administration/tokens/issue": {"username": "pipeline", "name": "new", "days": "9"},
        "POST /administration/integrations/<uuid:integration_id>": {
            "act": "switch",
            "on": "no",
            "reason": "because",
        },
        "POST /administration/units": {"key": "new", "title": "New"},
        "POST /api/v1/units": {"key": "new", "title": "New"},
        "POST /models/<str:key>/uses": {"use": "pricing"},
        "POST /models/<str:key>/monitoring": {**_SCHEDULE, "every_days": "7"},
        "POST /api/v1/models/<str:key>/schedules": {**_SCHEDULE, "every_days": 7},
        "POST /models/<str:key>/monitoring/<int:schedule_id>/end": reason,
        "POST /api/v1/models/<str:key>/schedules/<int:schedule_id>/end": reason,
        "POST /api/v1/environments": {"key": "canary", "title": "Canary"},
        "POST /api/v1/people/<str:username>/certificate/revoke": {"cause": "none", **reason},
        "POST /api/v1/budgets/<int:budget_id>/excess": {
            "amount": "5",
            "until": f"{_last_day()}T23:59:59Z",
            **reason,
        },
        "POST /administration/units/<str:unit>/rename": {"title": "Other", **reason},
        "POST /api/v1/units/<str:unit>/rename": {"title": "Other", **reason},
    }


def _reports(world: Standing) -> dict[str, dict[str, Any]]:
    """What pipelines and clusters tell of what runs."""
    slot = {"environment": "production", "slot": "scoring/credit-pd"}
    day = {"begins": "2026-01-01T00:00:00Z", "ends": "2026-01-02T00:00:00Z", "calls": 5}
    answer = {"answer": "finding", "model": "credit-pd", "reason": "for a test"}
    return {
        "POST /api/v1/deployments": {**slot, "digest": world.deployment.digest},
        "POST /api/v1/deployments/calls": {**slot, **day},
        "POST /api/v1/deployments/<uuid:deployment_id>/settle": answer,
        "POST /api/v1/deployments/<uuid:deployment_id>/rollback": {"version": "2", "reason": "for a test"},
        "POST /deployments/<uuid:deployment_id>/settle": answer,
        "POST /environments": {"key": "staging", "title": "Staging"},
        "POST /api/v1/experiments": _experiment(),
        "POST /experiments": {**_experiment(), "ends": _soon().date().isoformat()},
        "POST /api/v1/experiments/<uuid:experiment_id>/end": {"reason": "for a test"},
        "POST /experiments/<uuid:experiment_id>/end": {"reason": "for a test"},
    }


def _experiment() -> dict[str, Any]:
    """Of two versions, the second of which nobody has approved yet."""
    two = {"model": "credit-pd", "champion": "1", "challenger": "2"}
    ends = _soon().isoformat()
    where = {"environment": "production", "slot": "scoring/credit-pd", "share": "10", "ends": ends}
    return {**two, **where, "title": "Newer data", "reason": "for a test"}


def _soon() -> datetime:
    """A time that an experiment may end at."""
    return timezone.now() + timedelta(days=9)


def _last_day() -> str:
    """The last day of this month."""
    return str(next_month(month_of(timezone.now())) - timedelta(days=1))


def _policy() -> dict[str, Any]:
    """The newest baseline, as the next version."""
    proposal = PolicyProposal.objects.get(policy="baseline-all")
    text = bytes(proposal.text).decode().replace("version: 2.0.0", "version: 2.0.1")
    return {"text": text, "files": proposal.cases}


def _scorecard() -> str:
    """The scorecard in force, as the next version."""
    return bytes(ScorecardProposal.objects.get().text).decode()


def _registration(world: Standing) -> dict[str, Any]:
    """What registered the version that stands: the same bytes again are the same version."""
    version = world.granted.version
    with store.open(version.manifest_digest) as file:
        manifest = file.read().decode()
    datasets = {dataset.name: dataset.blob_id for dataset in version.datasets.all()}
    return {"manifest": manifest, "blobs": {"datasets": datasets}}


ROLES = (
    "anonymous",
    "developer",
    "owner",
    "validator",
    "risk-officer",
    "committee",
    "head-of-model-risk",
    "model-risk-policy",
    "auditor",
    "administrator",
    "elsewhere",
    "pipeline",
    "directory",
    "expired",
)


def clients(world: Standing) -> dict[str, Client]:
    """Everybody: visitors, each role in a session, a service's token, a token that has expired."""
    return {role: _client(world, role) for role in ROLES}


def _client(world: Standing, role: str) -> Client:
    if role in ("pipeline", "directory"):
        return Client(
            raise_request_exception=False, headers={"Authorization": f"Bearer {world.tokens[role]}"}
        )
    if role == "expired":
        raw = _expired_token(world)
        return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {raw}"})
    client = Client(raise_request_exception=False)
    if role != "anonymous":
        client.force_login(world.people[role], backend=BACKEND)
    return client


def _expired_token(world: Standing) -> str:
    """The secret of a token whose time is over."""
    token(world.people["developer"])
    row, raw = ApiToken.objects.latest("pk"), new_token()
    row.pk, row.digest = None, token_digest(raw)
    row.expires_at = timezone.now() - timedelta(days=1)
    row.save(force_insert=True)
    return raw
