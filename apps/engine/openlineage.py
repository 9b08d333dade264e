"""A decision as a run event of OpenLineage 2-0-2: each gate a test of the run, each data set an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apps.engine.cyclonedx import Card
from apps.engine.errors import BadInput

PRODUCER: Final = "https://countersign.dev/gates/v1"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = "https://openlineage.io/spec/facets"
_STATUS: Final = {"pass": "pass", "warn": "fail", "not_applicable": "skip"}


def run_event(card: Card, *, run: str, at: str, namespace: str = "countersign") -> dict[str, Any]:
    """The newest decision as the event that ends its run.

    Raises
    ------
    BadInput
        Where there is no decision yet.
    """
    if not card.decision or not run:
        raise BadInput("There is no decision yet, so no run has ended.")
    ended = "COMPLETE" if card.decision.get("outcome") in ("pass", "warn") else "FAIL"
    tests = [_test(gate, card) for gate in card.decision.get("gates", ())]
    return {
        "eventType": ended,
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run, "facets": {"test": _facet("1-0-1/TestRunFacet", {"tests": tests})}},
        "job": {"namespace": namespace, "name": f"gates.{card.model}"},
        "inputs": list(_inputs(card, namespace)),
        "outputs": [],
    }


def _facet(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    kind = name.partition("/")[2]
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{name}.json#/$defs/{kind}", **said}


def _test(gate: Mapping[str, Any], card: Card) -> dict[str, str]:
    told = gate.get("measurement") or card.measurements.get(str(gate.get("evidence")), {})
    outcome = str(gate.get("outcome"))
    found = {
        "name": str(gate["id"]),
        "status": _STATUS.get(outcome, "fail"),
        "severity": "warn" if outcome == "warn" or gate.get("enforcement") == "advisory" else "error",
        "type": "threshold",
        "expected": _bound(gate.get("bound")),
        "actual": "" if told.get("value") is None else repr(told["value"]),
    }
    return {name: value for name, value in found.items() if value}


def _bound(bound: Any) -> str:
    if not isinstance(bound, Mapping):
        return ""
    signs = {"min": ">=", "max": "<=", "above": ">", "below": "<", "equals": "="}
    return " and ".join(
        f"{signs.get(name, name)} {value}" for name, value in bound.items() if value is not None
    )


def _inputs(card: Card, namespace: str) -> Iterator[dict[str, Any]]:
    for name, told in sorted(card.datasets.items()):
        version = _facet("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": str(told["digest"])})
        yield {
            "namespace": namespace,
            "name": f"{card.model}.{name}",
            "facets": {"version": version},
        }
