from __future__ import annotations

from django.urls import path, re_path

from apps.api import openapi
from apps.api.endpoints import not_found
from apps.api.views import exports as exporting
from apps.api.views import admissions, answers, findings, health, inventory, people, policies, records, runs

urlpatterns = [
    path("schema", openapi.schema),
    path("health", openapi.health),
    path("health/log", health.log),
    path("keys", runs.keys),
    path("models", inventory.models),
    path("models/<str:key>", inventory.model),
    path("models/<str:key>/tier", inventory.tier),
    path("models/<str:key>/versions", inventory.versions),
    path("models/<str:key>/versions/<str:label>", inventory.version),
    path("blobs/<str:digest>", inventory.blob),
    path("scorecard", inventory.card),
    path("runs", runs.runs),
    path("runs/<uuid:run_id>", runs.run),
    path("runs/<uuid:run_id>/cancel", runs.run_cancellation),
    path("decisions/<str:digest>", runs.decision),
    path("decisions/<str:digest>/pack", runs.pack),
    path("evidence/<str:digest>", runs.evidence),
    path("statements/<str:digest>", runs.statement),
    path("statements/<str:digest>/receipt", exporting.receipt),
    path("exports", exporting.exports),
    path("packs", exporting.packs),
    path("approvals", people.approvals),
    path("approvals/<uuid:approval_id>", people.approval),
    path("approvals/<uuid:approval_id>/comments", people.comments),
    path("approvals/<uuid:approval_id>/withdraw", people.approval_withdrawal),
    path("approvals/<uuid:approval_id>/reopen", people.approval_reopening),
    path("findings", findings.findings),
    path("findings/<uuid:finding_id>", findings.finding),
    path("findings/<uuid:finding_id>/remediate", findings.finding_remediation),
    path("findings/<uuid:finding_id>/close", findings.finding_closure),
    path("findings/<uuid:finding_id>/reopen", findings.finding_reopening),
    path("waivers", findings.waivers),
    path("attestations", people.attestations),
    path("admissions", admissions.admissions),
    path("admissions/<uuid:admission_id>", admissions.admission),
    path("events", records.events),
    path("events/<uuid:event_id>/proof", records.proof),
    path("checkpoints/latest", records.checkpoint),
    path("policies", policies.policies),
    path("policies/impact", policies.impact),
    path("policies/proposals", policies.proposals),
    path("policies/proposals/<uuid:proposal_id>", policies.proposal),
    path("reports/<uuid:report_id>", records.report),
    path("reports/<uuid:report_id>/file", records.report_file),
    path("costs", records.costs),
    path("environments", records.environments),
    path("answers", answers.answers),
    re_path(r"^.*$", not_found),
]
