"""What the editor begins with: nothing, a released policy, or one that comes with the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from apps.audit.errors import Invalid, NotFound
from apps.engine.errors import BadInput
from apps.engine.policy import shipped_folder
from apps.engine.policy.document import NAME
from apps.engine.policy_text import replaced, written
from apps.gates import queries
from apps.gates.policy_files import PolicyFiles, policy_folders
from apps.web.policy_editor.edits import document_of
from apps.web.policy_editor.fields import order_of

FIRST_FILE = "gates.yaml"
_BLANK = """apiVersion: governance/v1
kind: Policy
metadata:
  id: {id}
  version: 1.0.0
  title: {title}
  owner: model-risk-policy
  change_note: First version.
effective: {{from: {today}, until: null, grace: P90D}}
applies_to:
  environments: [production]
gates: []
on_missing: fail
approvals:
  steps:
    - {{id: validation, role: validator, quorum: 1}}
    - {{id: risk, role: risk-officer, quorum: 1, after: [validation]}}
validity: {{approval: P365D, conditional: P90D}}
"""
_CASES = """apiVersion: governance/v1
kind: Cases
policy: {id}
now: {today}T12:00:00Z
subject:
  model.tier: 1
  model.kind: classifier
  model.domain: credit
  model.artifact_format: onnx
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A text and its cases by file name."""

    text: str
    cases: Mapping[str, str] = field(default_factory=dict)


def of_release(policy: str, version: str = "") -> Start:
    """A released text with the cases it was released with; without a version the newest."""
    release = queries.find_policy(policy, version)
    offered = release.proposal
    return Start(bytes(release.text).decode(), dict(offered.cases) if offered else {})


def shipped() -> list[PolicyFiles]:
    """The policies that come with the program."""
    return policy_folders(shipped_folder())


def new(*, start: str, policy: str, title: str, today: date) -> Start:
    """A policy of that name, from nothing or from a copy of another."""
    if not re.fullmatch(NAME, policy):
        raise Invalid("The name has small letters, digits and hyphens, such as card-limits.", field="id")
    words = " ".join(title.split()) or policy
    if start == "blank":
        text = _BLANK.format(id=policy, title=written(words), today=today.isoformat())
        return Start(text, {FIRST_FILE: _CASES.format(id=policy, today=today.isoformat())})
    return _renamed(_copied(start), policy, words, today)


def _copied(start: str) -> Start:
    kind, _, name = start.partition(":")
    if kind == "released":
        return of_release(name)
    for files in shipped() if kind == "shipped" else ():
        if files.id == name:
            return Start(files.data.decode(), {key: data.decode() for key, data in files.cases.items()})
    raise NotFound("There is no such policy to start from.")


def _renamed(copy: Start, policy: str, title: str, today: date) -> Start:
    text = copy.text
    changes = {"id": policy, "version": "1.0.0", "title": title, "change_note": "First version."}
    for name, value in changes.items():
        text = replaced(text, ("metadata", name), value, order=order_of(("metadata", name)))
    text = replaced(text, ("effective", "from"), today.isoformat())
    known = document_of(text)
    if str(known["effective"].get("until") or "9999") <= today.isoformat():
        text = replaced(text, ("effective", "until"), None)
    if "status" in known["metadata"]:
        text = replaced(text, ("metadata", "status"), "live")
    return Start(text, {name: _of_policy(case, policy) for name, case in copy.cases.items()})


def _of_policy(case: str, policy: str) -> str:
    if not isinstance(document_of(case), Mapping):
        return case
    try:
        return replaced(case, ("policy",), policy)
    except BadInput:
        return case
