"""What the page sent: the text, the files of cases, the fields of the form, and what is to be done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from apps.engine.errors import BadInput
from apps.engine.policy import Library, Policy, read_policy
from apps.gates.guards import faults_of
from apps.web.policy_editor import edits, starters
from apps.web.policy_editor.starts import FIRST_FILE, Start

MOST_FILES = 20
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The document as it stands on the page, and the fields that may have been typed."""

    text: str
    cases: Mapping[str, str]
    base: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    do: str = "check"
    check: str = ""
    start: int = 0
    refused: tuple[str, ...] = ()


def begun(start: Start) -> Sent:
    """A page that nobody has typed on."""
    return Sent(text=start.text, cases=start.cases or {FIRST_FILE: ""})


def read(form: Mapping[str, str]) -> Sent:
    """What a form sent; a browser ends lines with CR LF, a policy with LF."""
    texts = {name: value.replace("\r\n", "\n") for name, value in form.items()}
    start = texts.get("from", "")
    return Sent(
        text=texts.get("text", ""),
        cases=_cases(texts),
        base=texts.get("base", ""),
        typed={name: value for name, value in texts.items() if name.startswith("f.")},
        note=texts.get("note", ""),
        do=texts.get("do", "check"),
        check=texts.get("new-check", "").strip(),
        start=int(start) if start.isascii() and start.isdecimal() and len(start) < 8 else 0,
    )


def _cases(texts: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for i in range(MOST_FILES):
        if f"case-text-{i}" in texts:
            name = texts.get(f"case-name-{i}", "").strip()
            found[name if _FILE.match(name) and name not in found else _free(found)] = texts[f"case-text-{i}"]
    return found or {FIRST_FILE: ""}


def _free(taken: Mapping[str, str]) -> str:
    number = len(taken) + 1
    while f"cases-{number}.yaml" in taken:
        number += 1
    return f"cases-{number}.yaml"


def done(sent: Sent, *, library: Library) -> Sent:
    """The document after the form's changes and after what the pressed button asks for."""
    changed = edits.edited(sent.text, sent.base, sent.typed)
    sent = replace(sent, text=changed.text, refused=tuple(changed.refused))
    word, _, what = sent.do.partition(":")
    try:
        return _asked(sent, word, what, library)
    except BadInput as problem:
        return replace(sent, refused=(*sent.refused, str(problem)))


def _asked(sent: Sent, word: str, what: str, library: Library) -> Sent:
    if word == "add-gate":
        return replace(sent, text=edits.with_gate(sent.text, sent.check), check="")
    if word == "remove-gate":
        return replace(sent, text=edits.without_gate(sent.text, what))
    if word == "version":
        return replace(sent, text=edits.with_version(sent.text, what))
    if word == "write-cases":
        return replace(sent, cases=starters.with_missing(sent.cases, _policy(sent.text, library)))
    if word == "add-file" and len(sent.cases) < MOST_FILES:
        return replace(sent, cases={**sent.cases, _free(sent.cases): ""})
    return sent


def _policy(text: str, library: Library) -> Policy:
    if faults_of(text.encode(), name="policy.yaml", library=library):
        raise BadInput("Cases are written for a policy without faults; mend the policy first.")
    return read_policy(text.encode(), name="policy.yaml", library=library)
