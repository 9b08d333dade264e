"""A decision as OSCAL assessment results 1.2.1: what was tested, what was observed, what is not satisfied.

Every identifier is derived from digests, so the same decision gives the same bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

OSCAL: Final = "1.2.1"
_SPACE: Final = uuid.UUID("6f2f0f52-6c2c-5b8e-9d5e-6b0b1c9a7f10")
_TOKEN: Final = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_PASSING: Final = frozenset({"pass", "not_applicable"})


def assessment_results(
    decision: Mapping[str, Any], *, digest: str, evidence: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The results document of one decision.

    Parameters
    ----------
    decision : Mapping
        The decision's statement, as signed.
    digest : str
        The digest of that statement.
    evidence : Mapping
        By digest, the statements of the evidence that its gates rest on.

    Examples
    --------
    >>> about = [{"name": "credit-pd@1", "digest": {"sha256": "0" * 64}}]
    >>> gate = {"id": "fairness.selection", "outcome": "fail", "why": "Too low.", "controls": []}
    >>> said = {"decided_at": "2026-03-01T12:00:00.000000Z", "outcome": "fail", "gates": [gate]}
    >>> told = assessment_results({"subject": about, "predicate": said}, digest="sha256:1", evidence={})
    >>> told["assessment-results"]["results"][0]["findings"][0]["target"]["status"]["state"]
    'not-satisfied'
    """
    said, subject = decision["predicate"], decision["subject"][0]
    at, name = said["decided_at"], subject["name"]
    gates = [gate for gate in said.get("gates", ()) if gate.get("outcome") != "not_applicable"]
    result = {
        "uuid": _uuid(digest, "result"),
        "title": f"Decision on {name}: {said['outcome']}",
        "description": f"Every gate of the policies in force, measured and decided for {name}.",
        "start": at,
        "end": at,
        "reviewed-controls": {"control-selections": [_selection(gates)]},
        "observations": [_observation(g, digest, subject, at, evidence) for g in gates],
        "findings": [_finding(g, digest) for g in gates],
    }
    metadata = {
        "title": f"Assessment results of {name}",
        "last-modified": at,
        "version": digest.removeprefix("sha256:")[:12] or "1",
        "oscal-version": OSCAL,
        "props": [{"name": "decision", "ns": "https://countersign.dev/ns/oscal", "value": digest}],
    }
    return {
        "assessment-results": {
            "uuid": _uuid(digest, "results"),
            "metadata": metadata,
            "import-ap": {"href": _plan(said.get("policies") or ())},
            "results": [{k: v for k, v in result.items() if v}],
        }
    }


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(_SPACE, "\n".join(parts)))


def _plan(policies: Iterable[Mapping[str, Any]]) -> str:
    first = next(iter(policies), None)
    return f"countersign://policies/{first['id']}@{first['version']}" if first else "countersign://policies"


def _token(text: str) -> str:
    found = "".join(c if c in _TOKEN else "-" for c in text)
    return found if found[:1].isalpha() or found[:1] == "_" else f"_{found}"


def _controls(gate: Mapping[str, Any]) -> list[str]:
    told = [_token(str(control)) for control in gate.get("controls") or ()]
    return list(dict.fromkeys(told)) or [_token(str(gate["id"]))]


def _selection(gates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    named = list(dict.fromkeys(control for gate in gates for control in _controls(gate)))
    return {"include-controls": [{"control-id": n} for n in named]} if named else {"include-all": {}}


def _observation(
    gate: Mapping[str, Any],
    digest: str,
    subject: Mapping[str, Any],
    at: str,
    evidence: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    sealed = str(gate.get("evidence") or "")
    measured = evidence.get(sealed, {}).get("predicate", {})
    found: dict[str, Any] = {
        "uuid": _uuid(digest, str(gate["id"]), "observation"),
        "title": str(gate["id"]),
        "description": _words(gate),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "subjects": [
            {"subject-uuid": _uuid(str(subject["digest"])), "type": "component", "title": subject["name"]}
        ],
        "collected": measured.get("measuredAt") or at,
    }
    if sealed:
        told = {"href": f"countersign://statements/{sealed}", "description": "The sealed measurement."}
        found["relevant-evidence"] = [told]
    return found


def _words(gate: Mapping[str, Any]) -> str:
    return str(gate.get("why") or f"{gate['id']}: {gate.get('outcome')}")


def _finding(gate: Mapping[str, Any], digest: str) -> dict[str, Any]:
    state = "satisfied" if gate.get("outcome") in _PASSING else "not-satisfied"
    return {
        "uuid": _uuid(digest, str(gate["id"]), "finding"),
        "title": f"{gate['id']}: {gate.get('outcome')}",
        "description": _words(gate),
        "target": {
            "type": "objective-id",
            "target-id": _token(str(gate["id"])),
            "status": {"state": state, "reason": "pass" if state == "satisfied" else "fail"},
        },
        "related-observations": [{"observation-uuid": _uuid(digest, str(gate["id"]), "observation")}],
    }
