"""The results of policy cases as JUnit XML: one suite a policy, one test case a case."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from typing import Protocol

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Named(Protocol):
    """A case as results name it: of a policy, or of a file that stands beside policies."""

    @property
    def name(self) -> str: ...

    @property
    def file(self) -> str: ...

    @property
    def at(self) -> tuple[int, int]: ...


Suite = tuple[str, Sequence[tuple[Named, list[str]]], Sequence[str]]


def cases_junit(suites: Iterable[Suite]) -> str:
    """A document of all suites; a policy that cannot be read, or a gap, is an error of its suite."""
    root = ET.Element("testsuites")
    for name, cases, faults in suites:
        root.append(_suite(name, cases, faults))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, cases: Sequence[tuple[Named, list[str]]], faults: Sequence[str]) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        name=_text(name),
        tests=str(len(cases) + len(faults)),
        failures=str(sum(bool(found) for _, found in cases)),
        errors=str(len(faults)),
    )
    for case, found in cases:
        element = ET.SubElement(suite, "testcase", name=_text(case.name), classname=_text(case.file))
        if found:
            message = _text("; ".join(found))
            ET.SubElement(element, "failure", message=message).text = f"{case.file}:{case.at[0]}: {message}"
    for fault in faults:
        element = ET.SubElement(suite, "testcase", name="policy", classname=_text(name))
        ET.SubElement(element, "error", message=_text(fault))
    return suite


def _text(value: str) -> str:
    return _NOT_XML.sub("?", value)
