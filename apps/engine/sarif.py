"""An evaluation or a decision as SARIF 2.1.0: one rule and one result per gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_KINDS: Final = {
    "pass": "pass",
    "fail": "fail",
    "warn": "fail",
    "insufficient": "open",
    "missing": "open",
    "not_applicable": "notApplicable",
}
_WEIGHTS: Final = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
Gate = Mapping[str, Any]


def sarif_of(found: Mapping[str, Any], manifest: str) -> dict[str, Any]:
    """A log with one run, whose results are placed in the manifest.

    Parameters
    ----------
    found : Mapping
        An evaluation, or the document of a decision.
    manifest : str
        The path of the manifest that it is about.

    Examples
    --------
    >>> gate = {"id": "auc", "outcome": "fail", "why": "Too low.", "bound": {"min": 0.8}}
    >>> subject = {"model": "m", "version": "1", "digest": "sha256:0"}
    >>> said = {"outcome": "fail", "engine": "1", "subject": subject, "gates": [gate]}
    >>> told = sarif_of(said | {"policy": {"id": "p"}}, "model.yaml")["runs"][0]
    >>> told["tool"]["driver"]["rules"][0]["shortDescription"], told["results"][0]["level"]
    ({'text': 'auc (needs at least 0.8)'}, 'error')
    """
    subject = found["subject"]
    policies = "+".join(str(one["id"]) for one in found.get("policies") or [found["policy"]])
    run = {
        "tool": {
            "driver": {
                "name": "countersign",
                "semanticVersion": found["engine"],
                "rules": [_rule(gate) for gate in found["gates"]],
            }
        },
        "automationDetails": {"id": f"countersign/{subject['model']}/{policies}/"},
        "results": [_result(i, gate, found, manifest) for i, gate in enumerate(found["gates"])],
        "properties": {"outcome": found["outcome"], "subject": subject["digest"]},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(gate: Gate) -> dict[str, Any]:
    title = gate.get("title") or gate["id"]
    needs = _needs(gate)
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


def _needs(gate: Gate) -> str:
    """The bound in words."""
    words = {"min": "at least", "max": "at most"}
    bound = gate.get("bound") or {}
    parts = [f"{words.get(end, end)} {value:,.4g}" for end, value in bound.items() if value is not None]
    whole = ", whole interval" if parts and gate.get("basis") == "interval" else ""
    return " and ".join(parts) + whole


def _level(gate: Gate, outcome: str) -> str:
    return "warning" if outcome == "warn" or gate.get("enforcement") == "advisory" else "error"


def _uri(manifest: str) -> str:
    path = Path(manifest)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
