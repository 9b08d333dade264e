"""The files beside policies: scorecards, the questions of a determination, suggested scope of regimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.engine import determination, tier, tier_trial
from apps.engine.errors import BadInput
from apps.engine.files import read_document
from apps.engine.regimes import read_scope
from apps.engine.strict_yaml import MAX_BYTES
from apps.engine.strict_yaml import read as read_yaml

NAMES = ("scorecard.yaml", "determination.yaml", "regimes.yaml")
KINDS = ("Scorecard", "Determination", "Scope")


@dataclass(frozen=True, slots=True)
class NamedCase:
    """A case as results name it."""

    name: str
    file: str
    at: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tried:
    """A file that was read and tried: what it is called, its cases with their faults, what lint finds."""

    label: str
    cases: Sequence[tuple[NamedCase, list[str]]]
    faults: Sequence[str] = ()
    survivors: Sequence[str] = ()


def kind_of(path: Path) -> str:
    """The kind of a file beside policies; empty for a policy, and for what cannot be read."""
    try:
        value = read_yaml(_bytes(path), name=str(path)).value
    except (ValueError, BadInput):
        return ""
    kind = value.get("kind") if isinstance(value, dict) else ""
    return kind if isinstance(kind, str) and kind in KINDS else ""


def tried(path: Path, kind: str) -> Tried:
    """Read a file and run its cases.

    Raises
    ------
    BadInput
        With file, line and column.
    """
    return _TRY[kind](path)


def lint(path: Path, kind: str) -> list[str]:
    """What is wrong with a file."""
    try:
        found = tried(path, kind)
    except BadInput as problem:
        return [str(problem)]
    failed = [f"{path}: {case.name}: {fault}" for case, faults in found.cases for fault in faults]
    return [*failed, *(f"{path}: {fault}" for fault in found.faults)]


def read_card(path: Path) -> tier.Scorecard:
    """The scorecard in a file."""
    return tier.read_scorecard(_bytes(path), name=str(path))


def _scorecard(path: Path) -> Tried:
    card = read_card(path)
    cases = _cases(path, card.cases, lambda case: tier.case_fault(case, card))
    faults = [fault for fault in tier_trial.lint(card) if not fault.startswith("The case ")]
    good = not any(found for _, found in cases)
    return Tried(f"{card.id}@{card.version}", cases, faults, tier_trial.survivors(card) if good else ())


def _determination(path: Path) -> Tried:
    found = determination.read_questionnaire(_bytes(path), name=str(path))
    cases = _cases(path, found.cases, lambda case: determination.case_fault(case, found))
    tested = {(regime, outcome) for case in found.cases for regime, outcome in case["expect"].items()}
    faults = [
        f"No case expects {regime} to say {outcome}."
        for regime, outcome in _reachable(found)
        if (regime, outcome) not in tested
    ]
    return Tried(f"{found.id}@{found.version}", cases, faults)


def _reachable(found: determination.Questionnaire) -> list[tuple[str, str]]:
    return [
        (definition["regime"], outcome)
        for definition in found.definitions
        for way, outcome in (("", "model"), ("outside", "outside"), ("non_model", "non-model"))
        if not way or definition.get(way)
    ]


def _scope(path: Path) -> Tried:
    lines = read_scope(_bytes(path), name=str(path))
    return Tried(f"{path.name} ({len(lines)} regimes)", ())


def _cases(
    path: Path, cases: Sequence[Mapping[str, Any]], judge: Callable[[Mapping[str, Any]], str]
) -> list[tuple[NamedCase, list[str]]]:
    document = read_yaml(_bytes(path), name=str(path))
    places = (document.position(("cases", i)) for i in range(len(cases)))
    told = (judge(case).rstrip(".") for case in cases)
    return [
        (NamedCase(case["name"], str(path), at), [fault] if fault else [])
        for case, at, fault in zip(cases, places, told, strict=True)
    ]


def _bytes(path: Path) -> bytes:
    return read_document(path, MAX_BYTES)


_TRY: Mapping[str, Callable[[Path], Tried]] = {
    "Scorecard": _scorecard,
    "Determination": _determination,
    "Scope": _scope,
}
