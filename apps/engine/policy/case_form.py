"""The form of a file of cases, and what its short form spells out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.engine.policy.document import NAME
from apps.engine.policy.form import (
    AnyFields,
    Anything,
    Fault,
    Faults,
    Fields,
    Flag,
    Form,
    Items,
    Number,
    Path,
    Text,
    dotted,
    shown,
)
from apps.engine.policy.vocabulary import API_VERSION, ENFORCEMENTS, FIELDS, nearest

UNMEASURED = (
    "missing",
    "insufficient",
    "undefined",
    "stale",
    "other_artifact",
    "other_data",
    "other_version",
)
BROKEN = ("nan", "infinite", "null", "boolean", "text")
WORDS = ("passes", *UNMEASURED, *BROKEN)
OUTCOMES = ("pass", "warn", "fail", "insufficient", "missing", "not_applicable")
WHOLE = ("pass", "fail", "insufficient", "error", "no_policy")
ADMISSIONS = ("allow", "allow_with_limits", "pending", "deny")
_moment = Text(
    pattern=r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", like="a time such as 2026-11-21T12:00:00Z"
)
_id = Text(pattern=NAME + r"(@[a-z0-9._+-]+)?", like="an id")


@dataclass(frozen=True, slots=True)
class Given(Form):
    """A measurement: a number, a word such as `missing`, or its parts."""

    def faults(self, value: Any, path: Path) -> Faults:
        """Neither number nor known word nor a mapping of known parts."""
        if isinstance(value, dict):
            yield from _PARTS.faults(value, path)
        elif isinstance(value, str) and value not in WORDS:
            yield Fault(path, f"{dotted(path)} does not know {shown(value)}.{nearest(value, WORDS)}")
        elif isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
            yield Fault(path, f"{dotted(path)} must be a number, a word or a mapping, not {shown(value)}.")


@dataclass(frozen=True, slots=True)
class Either(Form):
    """One word, or a value of another form."""

    word: str
    other: Form

    def faults(self, value: Any, path: Path) -> Faults:
        """Neither."""
        if value != self.word:
            yield from self.other.faults(value, path)


_PARTS = Fields(
    {
        "value": Anything(),
        "exact": Text(pattern=r"-?\d{1,18}/\d{1,18}", like='a ratio such as "4/5"'),
        "interval": Items(Anything(), least=2),
        "status": Text(),
        "provenance": Text(words=("governed", "asked", "supplied")),
        "age_days": Number(low=0),
        "n": Number(whole=True, low=0),
        "notes": Items(Text()),
    }
)


@dataclass(frozen=True, slots=True)
class Facts(Form):
    """Fields of a model by name."""

    def faults(self, value: Any, path: Path) -> Faults:
        """An unknown field."""
        if not isinstance(value, dict):
            yield Fault(path, f"{dotted(path)} must be a mapping of fields, not {shown(value)}.")
            return
        for name in value:
            if name not in FIELDS:
                yield Fault((*path, name), f'"{name}" is no field of a model.{nearest(name, FIELDS)}', True)


_GATE = Fields(
    {
        "enforcement": Text(words=ENFORCEMENTS),
        "passes": Items(Given()),
        "boundary": Given(),
        "warns": Items(Given()),
        "fails": Items(Given()),
        "cannot_be_measured": Items(Given()),
        "not_applicable": Items(Facts()),
    },
    required=("enforcement",),
)

_GIVEN = Fields(
    {
        "now": _moment,
        "environment": Text(),
        "subject": Facts(),
        "measurements": Either("all-pass", AnyFields(Given())),
        "documents": Either("all", Items(_id)),
        "signoffs": Either("all", AnyFields(Number(whole=True, low=0, high=50))),
        "waivers": AnyFields(_moment),
        "findings": Items(Text(words=("low", "medium", "high", "critical"))),
        "rejected": Flag(),
    }
)

_EXPECT = Fields(
    {
        "applies": Flag(),
        "outcome": Text(words=WHOLE),
        "gates": AnyFields(Text(words=OUTCOMES)),
        "admission": Text(words=ADMISSIONS),
        "reasons": Items(Text()),
    }
)

CASES = Fields(
    {
        "apiVersion": Text(words=(API_VERSION,)),
        "kind": Text(words=("Cases",)),
        "policy": _id,
        "now": _moment,
        "environment": Text(),
        "subject": Facts(),
        "gates": AnyFields(_GATE),
        "steps": AnyFields(Number(whole=True, low=1, high=50)),
        "documents": Items(_id),
        "cases": Items(
            Fields({"name": Text(), "given": _GIVEN, "expect": _EXPECT}, required=("name", "expect"))
        ),
    },
    required=("apiVersion", "kind", "policy", "now", "subject"),
)

Spelled = tuple[str, Path, dict[str, Any], dict[str, Any]]


def spelled(value: Mapping[str, Any]) -> Iterator[Spelled]:
    """Every case of a file: name, where it stands, what is given, what must come out."""
    for gate, lines in (value.get("gates") or {}).items():
        yield from _gate_cases(gate, lines)
    for step, quorum in (value.get("steps") or {}).items():
        yield from _step_cases(step, quorum, value["steps"])
    for document in value.get("documents") or ():
        others = [name for name in value["documents"] if name != document]
        expect = {"admission": "deny", "reasons": ["document_missing"]}
        yield f"without the document {document}", ("documents",), {"documents": others}, expect
    for i, case in enumerate(value.get("cases") or ()):
        yield case["name"], ("cases", i), dict(case.get("given") or {}), dict(case["expect"])


def _gate_cases(gate: str, lines: Mapping[str, Any]) -> Iterator[Spelled]:
    blocking = lines["enforcement"] != "advisory"
    for key, outcome in _LINES.items():
        held = lines.get(key)
        given = [] if held is None else held if isinstance(held, list) else [held]
        for i, one in enumerate(given):
            word = ("warn" if lines.get("warns") else "pass") if key == "boundary" else outcome
            whole = _WHOLE[word] if blocking else "pass"
            expect = {"gates": {gate: word}, "outcome": whole}
            yield (
                f"{gate} {key}: {_words(one)}",
                ("gates", gate, key, i),
                {"measurements": {gate: one}},
                expect,
            )
    for i, facts in enumerate(lines.get("not_applicable") or ()):
        path = ("gates", gate, "not_applicable", i)
        yield (
            f"{gate} is not asked: {_words(facts)}",
            path,
            {"subject": facts},
            {"gates": {gate: "not_applicable"}},
        )
    yield from _waived(gate, lines)


_LINES = {
    "passes": "pass",
    "boundary": "pass",
    "warns": "warn",
    "fails": "fail",
    "cannot_be_measured": "unmeasured",
}
_WHOLE = {"pass": "pass", "warn": "pass", "fail": "fail", "unmeasured": "insufficient"}


def _waived(gate: str, lines: Mapping[str, Any]) -> Iterator[Spelled]:
    """The first failure once more, with a waiver: only a waivable gate is covered by it."""
    if not lines.get("fails"):
        return
    answers = {"mandatory": "deny", "waivable": "allow_with_limits", "advisory": "allow"}
    given = {
        "measurements": {gate: lines["fails"][0]},
        "waivers": {gate: "soon"},
        "signoffs": "all",
        "documents": "all",
    }
    expect = {"admission": answers[lines["enforcement"]]}
    yield f"{gate} fails and is waived", ("gates", gate, "enforcement"), given, expect


def _step_cases(step: str, quorum: int, steps: Mapping[str, int]) -> Iterator[Spelled]:
    everyone = dict(steps)
    path: Path = ("steps", step)
    signed = {**everyone, step: quorum - 1}
    expect = {"admission": "deny", "reasons": ["signoff_missing"]}
    yield (
        f"{step} is signed by {quorum - 1} of {quorum}",
        path,
        {"signoffs": signed, "documents": "all"},
        expect,
    )
    given = {"signoffs": everyone, "documents": "all"}
    yield f"{step} is signed by {quorum}", path, given, {"admission": "allow"}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return " to ".join(map(_words, value)) if isinstance(value, list) else str(value)
