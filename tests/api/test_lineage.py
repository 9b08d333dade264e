"""Events of OpenLineage as they come from its clients, and edges that people state over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.engine.openlineage import run_event
from apps.inventory.models import LineageEdge, LineageEvent
from tests.api.asking import Asker
from tests.engine.test_formats_out import DECIDED, lineage
from tests.integrations.test_pages import signed_in
from tests.standing import Standing

EVENT: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-21T06:30:00.123Z",
    "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "0198f7c0-5b8e-7c3a-9b51-9f1f1f6f0a11", "facets": {}},
    "job": {"namespace": "airflow", "name": "credit.train", "facets": {}},
    "inputs": [
        {
            "namespace": "s3://raw",
            "name": "loans",
            "facets": {
                "version": {
                    "_producer": "https://x.example",
                    "_schemaURL": "https://x.example/v",
                    "datasetVersion": "7",
                }
            },
            "inputFacets": {
                "dataQualityMetrics": {
                    "_producer": "https://x.example",
                    "_schemaURL": "https://x.example/q",
                    "rowCount": 1000,
                    "columnMetrics": {},
                }
            },
        }
    ],
    "outputs": [
        {
            "namespace": "countersign",
            "name": "credit-pd",
            "facets": {
                "version": {
                    "_producer": "https://x.example",
                    "_schemaURL": "https://x.example/v",
                    "datasetVersion": "1",
                }
            },
        }
    ],
}


@pytest.fixture
def pipeline(world: Standing) -> Asker:
    return Asker(world.tokens["pipeline"])


def edges() -> list[str]:
    return [f"{e.upstream} {e.kind} {e.downstream}" for e in LineageEdge.objects.order_by("pk")]


def test_a_run_is_an_edge_for_all_it_read_and_wrote(pipeline: Asker) -> None:
    lineage().validate(EVENT)
    answer = pipeline.post("/lineage", EVENT)

    assert (answer.status_code, answer.json()["edges"]) == (201, 3)
    assert edges() == [
        "airflow/credit.train starts airflow/0198f7c0-5b8e-7c3a-9b51-9f1f1f6f0a11",
        "s3://raw/loans@7 read_by airflow/0198f7c0-5b8e-7c3a-9b51-9f1f1f6f0a11",
        "airflow/0198f7c0-5b8e-7c3a-9b51-9f1f1f6f0a11 writes credit-pd@1",
    ]
    row = LineageEvent.objects.get()
    assert row.about["data"][0] == {"name": "s3://raw/loans", "version": "7", "rows": "1000"}
    listed = pipeline.get("/lineage/edges?model=credit-pd").json()["edges"]
    assert [(one["kind"], one["source"], one["event"]) for one in listed] == [
        ("writes", "openlineage", row.digest)
    ]


def test_the_same_event_again_changes_nothing(pipeline: Asker) -> None:
    assert pipeline.post("/lineage", EVENT).status_code == 201
    assert pipeline.post("/lineage", EVENT).status_code == 200
    later = {**EVENT, "eventTime": "2026-11-21T06:31:00Z"}
    assert pipeline.post("/lineage", later).json()["edges"] == 0
    assert LineageEvent.objects.count() == 2


def test_what_a_run_that_failed_would_have_written_is_no_edge(pipeline: Asker) -> None:
    for state in ("START", "FAIL", "ABORT"):
        assert pipeline.post("/lineage", {**EVENT, "eventType": state}).status_code == 201
    assert not [edge for edge in edges() if "writes" in edge]


def test_a_table_that_is_read_and_written_closes_a_cycle_that_is_told(pipeline: Asker) -> None:
    table = {"namespace": "pg", "name": "loans"}
    (told,) = pipeline.post("/lineage", {**EVENT, "inputs": [table], "outputs": [table]}).json()["cycles"]
    assert told.endswith("writes pg/loans")


def test_what_this_house_tells_of_its_own_runs_can_be_taken_in(pipeline: Asker) -> None:
    told = run_event(DECIDED, run="0198f7c0-5b8e-7c3a-9b51-000000000001", at="2026-11-21T06:30:00Z")
    data = [{**one, "namespace": "elsewhere"} for one in told["inputs"]]
    assert pipeline.post("/lineage", {**told, "inputs": data}).status_code == 201
    assert LineageEvent.objects.get().about["tests"]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"schemaURL": "https://evil.example/OpenLineage.json"}, 422, "schemaURL"),
        ({"eventTime": "yesterday"}, 422, "eventTime"),
        ({"eventTime": "2026-11-21T06:30:00"}, 422, "eventTime"),
        ({"eventType": "WON"}, 422, "eventType"),
        ({"run": {}}, 422, "run.runId"),
        ({"job": {"namespace": "x"}}, 422, "job.name"),
        ({"inputs": "all"}, 422, "inputs"),
        ({"inputs": [{"namespace": "a"}] * 201}, 422, "inputs"),
        ({"inputs": [7]}, 422, "inputs.namespace"),
        ({"inputs": [{"namespace": "a\u202e", "name": "b"}]}, 422, "namespace"),
        (
            {"outputs": [{"namespace": "countersign", "name": "credit-pd"}]},
            422,
            "outputs.facets.version.datasetVersion",
        ),
    ],
)
def test_what_is_no_event_is_refused_and_names_the_field(
    pipeline: Asker, changes: dict[str, Any], status: int, field: str
) -> None:
    answer = pipeline.post("/lineage", {**EVENT, **changes})
    assert (answer.status_code, answer.json().get("field")) == (status, field)
    assert not LineageEvent.objects.exists()


def test_a_version_that_is_not_there_or_not_seen_is_not_found(world: Standing, pipeline: Asker) -> None:
    version = EVENT["outputs"][0]["facets"]["version"]
    gone = {**EVENT["outputs"][0], "facets": {"version": {**version, "datasetVersion": "99"}}}
    assert pipeline.post("/lineage", {**EVENT, "outputs": [gone]}).status_code == 404
    assert Asker(client=signed_in(world.people["elsewhere"])).post("/lineage", EVENT).status_code == 403
    assert Asker("x").post("/lineage", EVENT).status_code == 401


def test_large_bodies_other_types_and_a_lost_database_take_nothing_in(pipeline: Asker) -> None:
    assert pipeline.post("/lineage", b"{" + b" " * (1 << 20) + b"}").status_code == 413
    told = pipeline.client.post("/api/v1/lineage", b"{}", content_type="text/xml", headers=pipeline.headers)
    assert told.status_code == 415
    assert pipeline.post("/lineage", b'{"eventTime": NaN}').status_code == 400

    def gone(*_: object) -> None:
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(gone):
        assert pipeline.post("/lineage", EVENT).status_code == 503
    assert not LineageEvent.objects.exists()


def test_edges_are_stated_and_ended_by_people(world: Standing) -> None:
    developer, elsewhere = (
        Asker(world.tokens["developer"]),
        Asker(client=signed_in(world.people["elsewhere"])),
    )
    loans = {"kind": "dataset", "namespace": "pg", "name": "loans"}
    said = {"kind": "trains", "upstream": loans}
    said["downstream"] = {"kind": "model_version", "name": "credit-pd", "label": "1"}
    made = developer.post("/lineage/edges", said)
    place = f"/lineage/edges/{made.json()['id']}/end"

    assert (made.status_code, elsewhere.post("/lineage/edges", said).status_code) == (201, 404)
    assert elsewhere.post(place, {"reason": "x"}).status_code == 404
    assert developer.post(place, {}).status_code == 422
    assert developer.post(place, {"reason": "Another table."}).status_code == 200
    assert developer.post(place, {"reason": "Again."}).status_code == 404
    assert developer.post("/lineage/edges", {**said, "kind": "served_at"}).status_code == 422
    assert developer.get("/lineage/edges?before=x").status_code == 422


def test_a_cycle_is_refused_to_people(world: Standing) -> None:
    developer = Asker(world.tokens["developer"])
    said, ends = {"kind": "derives"}, [{"kind": "dataset", "name": name} for name in ("raw", "clean")]
    there = developer.post("/lineage/edges", {**said, "upstream": ends[0], "downstream": ends[1]})
    back = developer.post("/lineage/edges", {**said, "upstream": ends[1], "downstream": ends[0]})
    assert (there.status_code, back.status_code) == (201, 409)
    assert "feed each other" in back.json()["detail"]
