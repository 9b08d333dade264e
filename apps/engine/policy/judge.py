"""One gate and its measurement → pass, warn, fail, insufficient, missing or not_applicable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from apps.engine.catalogue import Check, find
from apps.engine.policy import numbers, sentences
from apps.engine.policy.model import Exact, Gate
from apps.engine.policy.vocabulary import ACCEPTS
from apps.engine.values import plain

Judged = tuple["GateOutcome", str]
GateOutcome = Literal["pass", "warn", "fail", "insufficient", "missing", "not_applicable"]
VERDICTS, REVIEW = "{0, 1, 2}", 1  # the range of a check that answers pass, review or fail
_ALONE = {"artifact", "declared", "seed", "model"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """What a decision is about: names, digests, and the fields that policies match on.

    Parameters
    ----------
    digest : str
        Of the model version.
    artifact_digest : str or None
        ``"sha256:…"``; None where there is no artifact.
    dataset_digests : mapping
        Digest by the name of the data set, as pinned.
    facts : mapping
        ``{"model.tier": 1, …}``; see `apps.engine.policy.vocabulary.FIELDS`.
    """

    model: str = ""
    version: str = ""
    digest: str = ""
    artifact_digest: str | None = None
    dataset_digests: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Names and digests; of the facts nothing."""
        return {
            "model": self.model,
            "version": self.version,
            "digest": self.digest,
            "artifact": self.artifact_digest,
            "datasets": dict(sorted(self.dataset_digests.items())),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredGate:
    """A measurement of a gate's check, and what it rests on.

    Parameters
    ----------
    measurement : Mapping
        As `Measurement.as_json` gives it.
    dataset_digests : mapping
        Digest of each data set that was read, by its name.
    arguments : mapping or None
        The arguments that were given; where known, they must be those of the gate.
    """

    measurement: Mapping[str, Any]
    measured_at: datetime
    artifact_digest: str | None = None
    dataset_digests: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] | None = None


class GateResult(NamedTuple):
    """What came of one gate, with the sentence that says why."""

    gate: Gate
    outcome: GateOutcome
    why: str
    measured: MeasuredGate | None = None

    @property
    def id(self) -> str:
        """The gate's id."""
        return self.gate.id

    @property
    def blocks(self) -> bool:
        """Whether the outcome stands in the way: not passed, and not merely advised."""
        return self.outcome in ("fail", "insufficient", "missing") and self.gate.blocking

    def as_json(self) -> dict[str, Any]:
        """Plain JSON: outcome, sentence, what was asked and what was measured."""
        gate = self.gate
        return {
            "id": gate.id,
            "title": gate.title,
            "check": gate.check,
            "outcome": self.outcome,
            "bound": gate.bound.as_json(),
            "warn": None if gate.warn is None else gate.warn.as_json(),
            "basis": gate.basis,
            "enforcement": gate.enforcement,
            "severity": gate.severity,
            "source": gate.source,
            "on_missing": gate.on_missing,
            "policies": list(gate.policies),
            "controls": list(gate.controls),
            "why": self.why,
            "measured_at": None if self.measured is None else _instant(self.measured.measured_at),
            "measurement": None if self.measured is None else plain(self.measured.measurement),
        }


def _instant(moment: datetime) -> str:
    from apps.engine.canonical import rfc3339

    return rfc3339(moment)


def judge(
    gate: Gate, measured: MeasuredGate | None, *, subject: SubjectFacts, now: datetime, words: bool = True
) -> GateResult:
    """What comes of a gate.

    Parameters
    ----------
    measured : MeasuredGate or None
        None: there is no result.
    now : datetime
        With a time zone; results from later than this count as missing.
    words : bool
        False leaves out the sentence of a number that was measured: for many decisions of which few are read.
    """
    if (gate.match or gate.unless) and not gate.speaks_of(subject.facts):
        why = f"{gate.title}: not asked of this model."
        return GateResult(gate=gate, outcome="not_applicable", why=why)
    if measured is None:
        return GateResult(gate=gate, outcome="missing", why=sentences.missing(gate, "there is no result"))
    check = find(gate.check)
    stale = _stale(gate, check, measured, subject, now)
    if stale:
        return GateResult(gate, "missing", sentences.missing(gate, stale), measured)
    outcome, why = _of_measurement(gate, check, measured.measurement, words)
    return GateResult(gate, outcome, why, measured)


# Does the result count? ----------------------------------------------------------------------------


def _stale(gate: Gate, check: Check, measured: MeasuredGate, subject: SubjectFacts, now: datetime) -> str:
    """Why a result does not count for this subject now; empty when it does."""
    found = measured.measurement
    if found.get("check") != check.id:
        return f"the result is of the check {found.get('check')}, not of {check.id}"
    if found.get("check_version") != check.version and str(found.get("check_version")) != check.version:
        return (
            f"the result is of version {found.get('check_version')} of the check; now it is {check.version}"
        )
    if measured.measured_at > now:
        return f"the result is from {_instant(measured.measured_at)}, which is later than the decision"
    if gate.max_age is not None and now - measured.measured_at > gate.max_age:
        age = (now - measured.measured_at).days
        return f"the result is {age} days old; at most {gate.max_age.days} are allowed"
    if measured.arguments is not None and dict(measured.arguments) != dict(gate.arguments):
        return "the result was measured with other arguments"
    if measured.artifact_digest != subject.artifact_digest:
        return "the result is of another artifact"
    return _other_data(gate, check.needs, measured, subject)


def _other_data(gate: Gate, needs: tuple[str, ...], measured: MeasuredGate, subject: SubjectFacts) -> str:
    if measured.dataset_digests == subject.dataset_digests:
        return ""
    for name in _owed(needs, gate.dataset, gate.reference):
        if name in subject.dataset_digests and name not in measured.dataset_digests:
            return f'the result does not say on which data set "{name}" it rests'
    for name, digest in measured.dataset_digests.items():
        if subject.dataset_digests.get(name) != digest:
            return f'the result is of another data set "{name}"'
    return ""


@lru_cache(maxsize=1024)
def _owed(needs: tuple[str, ...], dataset: str, reference: str) -> tuple[str, ...]:
    """The data sets that a check with these needs reads."""
    names = {need.removesuffix("?") for need in needs}
    owed = [] if names <= _ALONE else [dataset]
    if any(name.startswith("reference_") for name in names):
        owed.append(reference)
    return tuple(dict.fromkeys(owed))


# What does it say? ---------------------------------------------------------------------------------


def _of_measurement(gate: Gate, check: Check, found: Mapping[str, Any], words: bool) -> Judged:
    status = found.get("status")
    if status != "measured":
        if status in ("insufficient", "undefined"):
            return "insufficient", sentences.unmeasured(gate, found)
        return _no(gate, f"the result has the status {status!r}, which says nothing.")
    value = numbers.written(found.get("value"))
    if value is None:
        return _no(gate, f"the value is {found.get('value')!r}, which is no number.")
    if found.get("exact") is None:
        return _of_numbers(gate, check, found, value, words)
    exact = numbers.ratio(found["exact"])
    if exact is None or not numbers.agrees(value, exact):
        return _no(gate, "the value and its exact ratio are not the same number.")
    return _of_numbers(gate, check, found, exact, words)


def _no(gate: Gate, what: str, outcome: GateOutcome = "fail") -> Judged:
    return outcome, f"{gate.title}: {what}"


def _of_numbers(gate: Gate, check: Check, found: Mapping[str, Any], value: Exact, words: bool) -> Judged:
    numbers_held = [value]
    if gate.basis == "interval":
        interval = found.get("interval")
        if not isinstance(interval, (list, tuple)) or len(interval) != 2:
            return _no(gate, "the policy asks for an interval, and the result has none.", "insufficient")
        for end in interval:
            number = numbers.written(end)
            if number is None:
                return _no(gate, f"the interval {list(interval)} has an end that is no number.")
            numbers_held.append(number)
    outcome = _verdict(gate, check, numbers_held)
    why = sentences.measured(gate, found, value, warned=outcome == "warn") if words else ""
    if outcome != "fail" and found.get("provenance") != "governed" and _only_supplied(gate, found):
        return "missing", f"{why} {sentences.not_ours(found)}"
    return outcome, why


def _verdict(gate: Gate, check: Check, held: list[Exact]) -> GateOutcome:
    """The bound decides, but where a check's answer is "review" the gate says what that means."""
    if check.range == VERDICTS and held == [REVIEW]:
        return "warn" if gate.on_review == "warn" else "fail"
    for number in held:
        if not gate.bound.holds(number):
            return "fail"
    if gate.warn is not None:
        for number in held:
            if not gate.warn.holds(number):
                return "warn"
    return "pass"


def _only_supplied(gate: Gate, found: Mapping[str, Any]) -> bool:
    """Whether a mandatory gate wants more than whoever gave these scores can vouch for."""
    if gate.enforcement != "mandatory":
        return False
    said = found.get("provenance")
    return ACCEPTS.index(gate.accept) > (ACCEPTS.index(said) if said in ACCEPTS else 0)
