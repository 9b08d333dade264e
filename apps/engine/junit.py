"""An evaluation or a decision as JUnit XML: one test case per gate."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any, Final

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_of(found: Mapping[str, Any]) -> str:
    """The report: failed gates are failures, what could not be measured an error, advisory failures skipped.

    Parameters
    ----------
    found : Mapping
        An evaluation, or the document of a decision.

    Examples
    --------
    >>> gate = {"id": "auc", "outcome": "fail", "why": "Too low.", "policies": ["p"]}
    >>> subject = {"model": "m", "version": "1", "digest": "sha256:0"}
    >>> said = {"outcome": "fail", "engine": "1", "subject": subject, "gates": [gate]}
    >>> junit_of(said | {"policies": [{"id": "p", "version": "1.0.0"}]}).splitlines()[2].strip()[:57]
    '<testsuite name="m 1 against p 1.0.0" tests="1" failures='
    """
    cases = [_case(gate, found) for gate in found["gates"]]
    counts = {
        tag: str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "error", "skipped")
    }
    subject = found["subject"]
    suite = ET.Element(
        "testsuite",
        name=_text(f"{subject['model']} {subject['version']} against {_policies(found)}"),
        tests=str(len(cases)),
        failures=counts["failure"],
        errors=counts["error"],
        skipped=counts["skipped"],
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("outcome", found["outcome"]),
        ("subject", subject["digest"]),
        ("engine", found["engine"]),
    ):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(gate: Mapping[str, Any], found: Mapping[str, Any]) -> ET.Element:
    mine = gate.get("policies") or [one["id"] for one in _listed(found)]
    asking = "+".join(f"{one['id']}@{one['version']}" for one in _listed(found) if one["id"] in mine)
    case = ET.Element(
        "testcase", name=_text(gate["id"]), classname=_text(f"policy.{asking or '+'.join(mine)}"), time="0"
    )
    tag, kind = _element(gate)
    why = _text(gate["why"])
    if tag is None:
        ET.SubElement(case, "system-out").text = why
    elif tag == "skipped":
        ET.SubElement(case, tag, message=f"{kind}: {why}")
    else:
        ET.SubElement(case, tag, message=why, type=kind)
    return case


def _listed(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return found.get("policies") or [found["policy"]]


def _policies(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{policy['id']} {policy['version']}" for policy in _listed(found))


def _element(gate: Mapping[str, Any]) -> tuple[str | None, str]:
    outcome = gate["outcome"]
    if outcome in ("pass", "warn"):
        return None, outcome
    if outcome == "not_applicable" or gate.get("enforcement") == "advisory":
        return "skipped", "not applicable" if outcome == "not_applicable" else f"advisory, {outcome}"
    return ("failure", "GateFailed") if outcome == "fail" else ("error", f"Gate{outcome.capitalize()}")


def _text(value: object) -> str:
    """Text that XML 1.0 can hold."""
    return _NOT_XML.sub("\ufffd", str(value))
