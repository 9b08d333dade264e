"""An evaluation as SARIF 2.1.0: one rule and one result per gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apps.cli.output import as_json
from apps.cli.render_evaluation import bound_text

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_KINDS = {
    "pass": "pass",
    "fail": "fail",
    "warn": "fail",
    "insufficient": "open",
    "missing": "open",
    "not_applicable": "notApplicable",
}
_WEIGHTS = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
Gate = Mapping[str, Any]


def evaluation_sarif(found: Mapping[str, Any], manifest: str) -> str:
    """A run whose results are placed in the manifest."""
    subject = found["subject"]
    run = {
        "tool": {
            "driver": {
                "name": "countersign",
                "semanticVersion": found["engine"],
                "rules": [_rule(gate) for gate in found["gates"]],
            }
        },
        "automationDetails": {"id": f"countersign/{subject['model']}/{found['policy']['id']}/"},
        "results": [_result(i, gate, found, manifest) for i, gate in enumerate(found["gates"])],
        "properties": {"outcome": found["outcome"], "subject": subject["digest"]},
    }
    return as_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(gate: Gate) -> dict[str, Any]:
    title = gate.get("title") or gate["id"]
    needs = bound_text(gate)
    return {
        "id": gate["id"],
        "shortDescription": {"text": f"{title} (needs {needs})" if needs else title},
        "defaultConfiguration": {"level": _level(gate, "fail")},
        "properties": {"security-severity": _WEIGHTS.get(str(gate.get("severity")), "5.0")},
    }


def _result(index: int, gate: Gate, found: Mapping[str, Any], manifest: str) -> dict[str, Any]:
    kind = _KINDS.get(gate["outcome"], "open")
    return {
        "ruleId": gate["id"],
        "ruleIndex": index,
        "kind": kind,
        "level": _level(gate, gate["outcome"]) if kind == "fail" else "none",
        "message": {"text": gate["why"]},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(manifest)},
                    "region": {"startLine": 1},
                }
            }
        ],
        "partialFingerprints": {"gateKey/v1": f"{found['subject']['model']}:{gate['id']}"},
        "properties": {"outcome": gate["outcome"], "enforcement": gate.get("enforcement")},
    }


def _level(gate: Gate, outcome: str) -> str:
    return "warning" if outcome == "warn" or gate.get("enforcement") == "advisory" else "error"


def _uri(manifest: str) -> str:
    path = Path(manifest)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
