"""A deployment is of a type, and in a pattern, that the policies in force allow; else it is denied."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from apps.audit.errors import Invalid
from apps.deploys import running
from apps.deploys.commands import admit, ask_again, report_deployment
from apps.deploys.models import Admission, Deployment
from apps.engine.kubernetes import PREFIX, loads
from apps.gates import commands as gates
from tests import factories
from tests.flows import bank
from tests.standing import token

WAYS = b"""\
apiVersion: governance/v1
kind: Policy
metadata: {id: ways, version: 1.0.0, title: How we deploy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to: {environments: [production]}
gates: []
deployment:
  patterns:
    - id: canary
      types: [service]
      requires: {canary_percent: {max: 10}, rollback_plan: {stated: true}}
    - {id: nightly, types: [batch_job]}
"""
pytestmark = pytest.mark.usefixtures("small_bank")

CANARY = {"canary_percent": 5, "rollback_plan": "RB-7"}


def ways() -> None:
    """The policy in force, and a version that is decided and approved under it."""
    bank.policies()
    author, second = (factories.person(f"ways-{n}", "model-risk-policy") for n in ("author", "second"))
    gates.release_policy(by=second, proposed_by=author, data=WAYS, cases={})
    bank.measured(bank.version())
    bank.granted()


def ask(**said: Any) -> Admission:
    asked = {"model": "credit-pd", "version": "1", "environment": "production", **said}
    return admit(by=factories.service(), **asked)


def codes(answer: Admission) -> list[str]:
    return [reason["code"] for reason in answer.reasons]


@pytest.mark.slow
def test_a_deployment_is_allowed_in_a_pattern_and_denied_outside_any(client: Any) -> None:
    ways()
    assert (ask().outcome, codes(ask())) == ("deny", ["deploy_type"])
    assert codes(ask(deploy_type="dashboard")) == ["deploy_type"]
    outside = ask(deploy_type="service", properties={"canary_percent": 50})
    assert (outside.allowed, codes(outside)) == (False, ["outside_patterns"])
    assert "canary: canary_percent must be at most 10, and 50 is stated" in outside.reasons[0]["message"]
    inside = ask(deploy_type="service", properties=CANARY)
    assert inside.outcome == "allow"
    told = json.loads(base64.b64decode(json.loads(bytes(inside.answer))["statement"]["payload"]))
    asked = told["predicate"]["countersign"]["asked"]
    assert (asked["type"], asked["properties"]) == ("service", CANARY)
    assert ask_again(by=factories.service(), admission=inside) == inside
    _it_stands_in_what_runs_where(inside)
    _over_http(client)
    client.force_login(factories.risk_officer(), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/environments").content.decode()
    assert "Deploying under ways" in page
    assert "canary_percent</span> at most 10" in page


def _it_stands_in_what_runs_where(answer: Admission) -> None:
    by, place = factories.service(), {"environment": "production", "slot": "scoring"}
    row = report_deployment(by=by, **place, digest=answer.digest)
    assert (row.deploy_type, running.genuine([row])) == ("service", {row.pk})
    assert report_deployment(by=by, **place, digest=answer.digest) == row
    changed = report_deployment(by=by, **place, digest=answer.digest, deploy_type="dashboard")
    assert (changed.deploy_type, Deployment.objects.count()) == ("dashboard", 2)
    changed.deploy_type = "service"
    assert running.genuine([changed]) == frozenset()


def _over_http(client: Any) -> None:
    head = {"Authorization": f"Bearer {token(factories.service())}"}

    def post(**said: Any) -> Any:
        body = {"model": "credit-pd", "version": "1", "environment": "production", **said}
        return client.post("/api/v1/admissions", body, content_type="application/json", headers=head)

    assert post(type="service", properties=CANARY).json()["outcome"] == "allow"
    assert post(type="batch_job").json()["outcome"] == "allow"
    assert post(type="batch_job", properties={"x": None}).status_code == 422
    assert post(type="batch_job", properties=["x"]).json()["field"] == "properties"
    assert post(type=["service"]).json()["field"] == "type"


@pytest.mark.parametrize(
    "said",
    [{"deploy_type": "Service"}, {"properties": {"x": float("inf")}}, {"properties": {"Bad Name": 1}}],
)
def test_what_is_no_type_and_no_property_is_refused_and_nothing_is_written(said: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        ask(**said)
    assert refused.value.field in ("type", "properties")
    assert not Admission.objects.exists()


def test_a_cluster_states_it_by_the_kind_and_by_annotations() -> None:
    notes = {f"{PREFIX}/{name}": "1" for name in ("model", "version")}
    notes |= {f"{PREFIX}/digest": "0" * 64, f"{PREFIX}/properties": "canary_percent=5"}
    meta = {"annotations": notes}
    one, *_ = loads("Deployment", {"metadata": meta, "spec": {}})
    assert (one.type, one.properties) == ("service", "canary_percent=5")
    assert loads("CronJob", {"metadata": meta, "spec": {}})[0].type == "batch_job"
    notes[f"{PREFIX}/type"] = "dashboard"
    assert loads("CronJob", {"metadata": meta, "spec": {}})[0].type == "dashboard"
