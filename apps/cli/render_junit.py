"""An evaluation as JUnit XML: one test case per gate."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from apps.cli.render_evaluation import policies

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def evaluation_junit(found: Mapping[str, Any]) -> str:
    """Failed gates are failures; what could not be measured is an error; advisory failures are skipped."""
    cases = [_case(gate, found) for gate in found["gates"]]
    counts = {
        tag: str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "error", "skipped")
    }
    subject = found["subject"]
    suite = ET.Element(
        "testsuite",
        name=_text(f"{subject['model']} {subject['version']} against {policies(found)}"),
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
    policy = found["policy"]
    case = ET.Element(
        "testcase",
        name=_text(gate["id"]),
        classname=_text(f"policy.{policy['id']}@{policy['version']}"),
        time="0",
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
