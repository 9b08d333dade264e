"""An answer of the deploy gate as text, JSON, JUnit, SARIF, and as annotations of a workflow."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from apps.cli.output import as_json
from apps.cli.text import safe

FORMATS = ("text", "json", "junit", "sarif")
Answer = Mapping[str, Any]


def render(answer: Answer, form: str) -> str:
    """The answer in one of the formats."""
    return _RENDER[form](answer)


def _name(answer: Answer) -> str:
    request = answer["request"]
    return safe(f"{request['model']}@{request['version']} in {request['environment']}")


def _text(answer: Answer) -> str:
    lines = [f"{_name(answer)}: {answer['outcome']}"]
    lines += [f"  {safe(r['code'])}: {safe(r['message'])}" for r in answer["reasons"]]
    lines += [f"  limit {safe(name)}: {safe(value)}" for name, value in answer["limits"].items()]
    if answer.get("expires_at"):
        lines.append(f"  this answer ends at {answer['expires_at']}")
    return "\n".join(lines) + "\n"


def _junit(answer: Answer) -> str:
    failing = (
        []
        if answer["allowed"]
        else answer["reasons"] or [{"code": answer["outcome"], "message": answer["outcome"]}]
    )
    suite = ElementTree.Element(
        "testsuite", name="countersign", tests=str(max(1, len(failing))), failures=str(len(failing))
    )
    if not failing:
        ElementTree.SubElement(suite, "testcase", classname="countersign.gate", name=_name(answer))
    for reason in failing:
        case = ElementTree.SubElement(suite, "testcase", classname="countersign.gate", name=reason["code"])
        failure = ElementTree.SubElement(
            case, "failure", message=safe(reason["message"]), type=answer["outcome"]
        )
        failure.text = safe(reason["message"])
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _sarif(answer: Answer) -> str:
    level = "note" if answer["allowed"] else "error"
    reasons = answer["reasons"]
    return as_json(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "countersign",
                            "rules": [{"id": code} for code in sorted({r["code"] for r in reasons})],
                        }
                    },
                    "results": [
                        {
                            "ruleId": r["code"],
                            "level": level,
                            "message": {"text": r["message"]},
                            "partialFingerprints": {
                                "gate/v1": f"{_name(answer)}/{r['code']}/{r.get('subject', '')}"
                            },
                        }
                        for r in reasons
                    ],
                }
            ],
        }
    )


_RENDER: Mapping[str, Callable[[Answer], str]] = {
    "text": _text,
    "json": as_json,
    "junit": _junit,
    "sarif": _sarif,
}


def annotate(answer: Answer, *, server: str = "") -> None:
    """In a GitHub workflow: an error line for each reason, a summary of the step, and its outputs."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for reason in [] if answer["allowed"] else answer["reasons"]:
        words = f"::error title={_property(reason['code'])}::{_data(reason['message'])}"
        print(words, file=sys.stderr)
    _put_outputs(answer, server)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        rows = "".join(f"| {_cell(r['code'])} | {_cell(r['message'])} |\n" for r in answer["reasons"])
        text = f"### {_name(answer)}: {answer['outcome']}\n\n| reason | |\n|---|---|\n{rows}\n"
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


def _put_outputs(answer: Answer, server: str) -> None:
    """Later steps read `decision`, `decision-id` and `url`; none of them can hold a line end."""
    place = os.environ.get("GITHUB_OUTPUT")
    if not place:
        return
    key = re.sub(r"[^0-9a-f-]", "", str(answer.get("id", "")))
    decision = re.sub(r"[^a-z_]", "", str(answer.get("outcome", "")))
    lines = (f"decision={decision}", f"decision-id={key}", f"url={server}/admissions/{key}")
    with Path(place).open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _data(text: str) -> str:
    """Text of a workflow command, which ends with its line."""
    return safe(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a workflow command, which ends at a colon or comma too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table, where nothing of it is markup."""
    inert = re.sub(r"([\\`*_{}\[\]<>()#+!|~-])", r"\\\1", safe(text))
    return inert.replace("\n", " ")
