"""CloudEvents: what runs, what feeds what, what monitoring found, told by whoever proves who they are."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from standardwebhooks import Webhook

from apps.approvals.models import Finding
from apps.deploys.models import Deployment, Inbound
from apps.inventory.models import LineageEdge
from tests.integrations.site import Site, made
from tests.standing import Standing

MEDIA = "application/cloudevents+json"
BREACHED = {"model": "credit-pd", "version": "1", "breached": True, "title": "Drift of income above 0.2"}
RUN = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-21T06:30:00Z",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "r-1"},
    "job": {"namespace": "airflow", "name": "train"},
    "inputs": [{"namespace": "s3", "name": "loans"}],
}


@pytest.fixture
def site(world: Standing) -> Site:
    return made("cloudevents", origins="eventgrid.azure.net")


def event(does: str, data: Any, **changes: Any) -> dict[str, Any]:
    said = {"specversion": "1.0", "id": "42", "source": "https://monitor.example", "type": does}
    return {**said, "data": data, **changes}


def told(site: Site, body: Any, *, at: int = 0, secret: str = "", **headers: str) -> HttpResponse:
    raw, seconds = json.dumps(body).encode(), int(time.time()) + at
    sign = Webhook(secret or site.secrets["webhook"]).sign(
        "m", datetime.fromtimestamp(seconds, UTC), raw.decode()
    )
    proof = {"webhook-id": "m", "webhook-timestamp": str(seconds), "webhook-signature": sign}
    return site.deliver(raw, {**proof, **headers}, content_type=MEDIA)


def test_a_result_that_breaches_opens_one_finding(world: Standing, site: Site) -> None:
    body = event("dev.countersign.monitoring.result.v1", BREACHED)
    assert [told(site, body).status_code for _ in range(2)] == [202, 200]
    assert told(site, {**body, "id": "43"}).status_code == 202
    found = Finding.objects.get(title="Monitoring: Drift of income above 0.2")
    assert (found.version, found.severity) == (world.granted.version, "high")
    assert told(site, {**body, "id": "44", "data": {**BREACHED, "breached": False}}).status_code == 202
    assert Finding.objects.filter(title__startswith="Monitoring").count() == 1


def test_what_a_slot_runs_is_written_down(world: Standing, site: Site) -> None:
    data = {"environment": "production", "slot": "scoring-9", "digest": world.granted.version.digest}
    assert told(site, event("dev.countersign.deployment.reported.v1", data)).status_code == 202
    assert Deployment.objects.get(slot="scoring-9").version == world.granted.version


def test_lineage_comes_this_way_too(site: Site) -> None:
    assert told(site, event("io.openlineage.run-event", RUN)).status_code == 202
    assert sorted(LineageEdge.objects.values_list("kind", flat=True)) == ["read_by", "starts"]


def test_other_types_are_noted_and_do_nothing(site: Site) -> None:
    assert told(site, event("com.github.push", {})).status_code == 202
    assert site.taken() == ["nothing to do"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (event("dev.countersign.monitoring.result.v1", BREACHED, specversion="0.3"), 422),
        (event("dev.countersign.monitoring.result.v1", BREACHED, id=""), 422),
        (event("dev.countersign.monitoring.result.v1", BREACHED, source=7), 422),
        (event("dev.countersign.monitoring.result.v1", [BREACHED]), 422),
        (event("dev.countersign.monitoring.result.v1", BREACHED, datacontenttype="text/xml"), 422),
        (event("dev.countersign.monitoring.result.v1", {**BREACHED, "breached": "yes"}), 422),
        (event("dev.countersign.monitoring.result.v1", {**BREACHED, "extra": 1}), 422),
        (event("dev.countersign.monitoring.result.v1", {**BREACHED, "severity": "grave"}), 422),
        (event("dev.countersign.monitoring.result.v1", {**BREACHED, "version": "99"}), 404),
        (event("dev.countersign.deployment.reported.v1", {"environment": "production"}), 422),
        (event("dev.countersign.deployment.reported.v1", {"environment": "moon", "slot": "a"}), 404),
        (event("dev.countersign.lineage.event.v1", {**RUN, "eventTime": "x"}), 422),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_noted(site: Site, body: Any, status: int) -> None:
    assert told(site, body).status_code == status
    assert not Inbound.objects.exists()


def test_only_what_is_signed_in_time_counts(site: Site) -> None:
    body = event("com.github.push", {})
    other = "whsec_" + "A" * 43 + "="
    assert told(site, body, secret=other).status_code == 401
    assert told(site, body, at=-301).status_code == 401
    assert told(site, body, **{"webhook-id": "n"}).status_code == 401
    raw = json.dumps(body).encode()
    assert (
        site.deliver(raw, {"X-Countersign-Key": site.secrets["webhook"]}, content_type=MEDIA).status_code
        == 401
    )
    assert site.deliver(raw, {}, content_type="application/json").status_code == 415


def test_the_key_itself_counts_where_it_was_chosen(world: Standing) -> None:
    ours = made("cloudevents", signed="key")
    raw = json.dumps(event("com.github.push", {})).encode()
    for header, value in (("X-Countersign-Key", "{}"), ("Authorization", "Bearer {}")):
        right = {header: value.format(ours.secrets["webhook"])}
        assert ours.deliver(raw, right, content_type=MEDIA).status_code in (200, 202)
        assert ours.deliver(raw, {header: value.format("x")}, content_type=MEDIA).status_code == 401


def test_a_sender_that_asks_first_is_answered_where_its_origin_is_named(site: Site) -> None:
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "100"}
    answer = Client().options(site.address, headers=asked)
    assert (answer.status_code, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    assert answer.headers["WebHook-Allowed-Rate"] == "100"
    other = Client().options(site.address, headers={"WebHook-Request-Origin": "evil.example"})
    assert (other.status_code, "WebHook-Allowed-Origin" in other.headers) == (401, False)
    assert Client().options(site.address).status_code == 401
    assert Client().options("/hooks/jenkins/" + str(site.row.pk), headers=asked).status_code == 405
