"""A policy that has been read: frozen values, ready to decide with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from apps.engine.policy.match import Facts, holds
from apps.engine.policy.vocabulary import Basis, Enforcement, Severity, Source

Exact = Fraction | Decimal | float  # a float stands for the decimal that writes it: 0.7 is 7/10
_HUNDREDTH = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a number must satisfy, inclusive at both ends; None leaves an end open."""

    min: Decimal | None = None
    max: Decimal | None = None
    # A bound is said and held to far more often than it is made.
    _words: str = field(init=False, repr=False, compare=False)
    _floats: tuple[float, float] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_words", self._said())
        ends = _as_float(self.min, -math.inf), _as_float(self.max, math.inf)
        object.__setattr__(self, "_floats", None if None in ends else ends)

    def holds(self, number: Exact) -> bool:
        """Whether the number lies within, compared exactly.

        Examples
        --------
        >>> Bound(min=Decimal("0.80")).holds(Fraction(4, 5))
        True
        >>> Bound(min=Decimal("0.7")).holds(0.7), Bound(min=Decimal("0.7")).holds(0.6999999999999999)
        (True, False)
        """
        if isinstance(number, float):
            if self._floats is not None:
                return self._floats[0] <= number <= self._floats[1]
            number = Decimal(repr(number))
        if isinstance(number, Decimal):
            above = self.min is None or number >= self.min
            return above and (self.max is None or number <= self.max)
        above = self.min is None or _least(self.min, number)
        return above and (self.max is None or _least(-self.max, -number))

    def clear_of(self, number: float) -> bool:
        """Whether a float lies so far from both ends that rounding it to hundredths crosses neither."""
        ends = self._floats
        return ends is not None and abs(number - ends[0]) > _HUNDREDTH and abs(number - ends[1]) > _HUNDREDTH

    def words(self) -> str:
        """For a sentence: ``at least 0.80``.

        Examples
        --------
        >>> Bound(min=Decimal("0.80"), max=Decimal("1.25")).words()
        '0.80 to 1.25'
        """
        return self._words

    def _said(self) -> str:
        if self.min is not None and self.max is not None:
            if self.min == self.max:
                return f"exactly {self.min:f}"
            return f"{self.min:f} to {self.max:f}"
        if self.min is not None:
            return f"at least {self.min:f}"
        return f"at most {self.max:f}" if self.max is not None else "any number"

    def as_json(self) -> dict[str, int | float]:
        """The ends that are set, as JSON numbers."""
        ends = {"min": self.min, "max": self.max}
        return {name: shortest(end) for name, end in ends.items() if end is not None}


def _as_float(end: Decimal | None, open_end: float) -> float | None:
    """The float that compares as `end` does with every float's shortest decimal; None where none does.

    Rounding to floats keeps the order, so that only two decimals of one float could be confused, and each
    float has one shortest decimal: if `end` is that of its float, as it is up to fifteen digits, nothing is.
    """
    if end is None:
        return open_end
    found = float(end)
    return found if math.isfinite(found) and Decimal(repr(found)) == end else None


def _least(end: Decimal, number: Fraction) -> bool:
    top, bottom = _ratio(end)
    return number.numerator * bottom >= top * number.denominator


@lru_cache(maxsize=4096)
def _ratio(end: Decimal) -> tuple[int, int]:
    return end.as_integer_ratio()


def shortest(number: Decimal) -> int | float:
    """The JSON number of a decimal: whole where it is whole."""
    whole = number == number.to_integral_value() and abs(number) < 2**53
    return int(number) if whole else float(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One line of a policy that must hold.

    Parameters
    ----------
    arguments : Mapping
        The check's arguments, parameters resolved; `dataset` and `reference` stand apart.
    basis : {"estimate", "interval"}
        With ``"interval"`` the estimate and both ends must satisfy `bound`.
    max_age : timedelta or None
        An older measurement counts as missing.
    hardware : {"cpu", "memory", "gpu"}
        What it is measured on at the least; its check may need more.
    policies : tuple of str
        The ids of the policies that ask for it.
    """

    id: str
    title: str
    check: str
    arguments: Mapping[str, Any]
    bound: Bound
    dataset: str = "holdout"
    reference: str = "development"
    warn: Bound | None = None
    basis: Basis = "estimate"
    enforcement: Enforcement = "mandatory"
    severity: Severity = "high"
    source: Source = "firm"
    max_age: timedelta | None = None
    accept: str = "governed"
    on_review: str = "fail"
    on_missing: str = "fail"
    hardware: str = "cpu"
    match: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    # What is asked for, in words, alone and where a warning is given: said far more often than made.
    needed: tuple[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needed", self._needed())

    def _needed(self) -> tuple[str, str]:
        words, whole = self.bound.words(), " for the whole interval" if self.basis == "interval" else ""
        needed = "no number is asked for" if words == "any number" else f"{words} is needed{whole}"
        if self.warn is None:
            return needed, needed
        return needed, f"{needed}, and {self.warn.words()} to pass without a warning"

    @property
    def blocking(self) -> bool:
        """Whether a failure counts against the whole; advisory gates only advise."""
        return self.enforcement != "advisory"

    def speaks_of(self, facts: Facts) -> bool:
        """Whether the gate applies to a model with these facts."""
        return not (self.match or self.unless) or holds(self.match, self.unless, facts)

    def question(self) -> tuple[Any, ...]:
        """What is measured: two gates with one question differ only in what they demand."""
        return (
            self.check,
            _frozen(self.arguments),
            self.dataset,
            self.reference,
            _frozen(self.match),
            _frozen(self.unless),
        )


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((k, _frozen(v)) for k, v in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(v) for v in value)
    return (type(value).__name__, str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRule:
    """A document that people must give: present, of its type, signed by a role, fresh."""

    id: str
    title: str
    type: str = "document"
    required: bool = True
    signed_by: str | None = None
    max_age: timedelta | None = None
    match: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)
    controls: tuple[str, ...] = ()

    def speaks_of(self, facts: Facts) -> bool:
        """Whether the document is owed for a model with these facts."""
        return holds(self.match, self.unless, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """So many people of a role, after other steps."""

    id: str
    role: str
    quorum: int = 1
    after: tuple[str, ...] = ()
    match: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)

    def speaks_of(self, facts: Facts) -> bool:
        """Whether the step is owed for a model with these facts."""
        return holds(self.match, self.unless, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """What is asked of people: steps, who must not be who, and what voids what they signed."""

    steps: tuple[Step, ...] = ()
    approver_not: tuple[str, ...] = ()
    distinct_people: bool = False
    void_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long an approval holds."""

    approval: timedelta = timedelta(days=365)
    conditional: timedelta = timedelta(days=90)
    remind_before: tuple[timedelta, ...] = ()
    on_expiry: str = "block_new_deployments"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRules:
    """Who may waive a waivable gate, for how long, how often, and with what."""

    role: str = "head-of-model-risk"
    quorum: int = 1
    max_duration: timedelta = timedelta(days=90)
    max_renewals: int = 1
    requires: tuple[str, ...] = ("rationale", "compensating_control", "remediation_due", "finding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """The days on which a policy is in force: `start` included, `until` not."""

    start: date
    until: date | None = None
    grace: timedelta = timedelta(0)

    def covers(self, now: datetime) -> bool:
        """Whether the policy is in force at that moment (days begin in UTC)."""
        day = now.astimezone(UTC).date()
        return self.start <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliesTo:
    """The environments and the models that a policy speaks of."""

    environments: tuple[str, ...] = ()
    match: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)

    def covers(self, facts: Facts, environment: str | None) -> bool:
        """Whether a model with these facts, in this environment (None: in any), is meant."""
        here = environment is None or not self.environments or environment in self.environments
        return here and holds(self.match, self.unless, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, its inheritance and parameters resolved.

    Parameters
    ----------
    document : Mapping
        The resolved policy as plain JSON, decimals as text; `digest` is the SHA-256 of its RFC 8785 bytes.
    """

    id: str
    version: str
    title: str
    digest: str
    gates: tuple[Gate, ...]
    applies_to: AppliesTo
    effective: Effective
    approvals: Approvals
    evidence: tuple[DocumentRule, ...]
    validity: Validity
    waivers: WaiverRules
    document: Mapping[str, Any] = field(repr=False)
    controls: tuple[str, ...] = ()
    owner: str = "model-risk-policy"
    status: str = "live"

    @property
    def major(self) -> int:
        """The first number of the version: a change of it voids approvals after `grace`."""
        return int(self.version.split(".")[0])

    @property
    def supersedes(self) -> tuple[str, ...]:
        """The ids of the policies whose place it takes."""
        return tuple((self.document.get("metadata") or {}).get("supersedes") or ())

    @property
    def dear(self) -> tuple[str, ...]:
        """The classes of hardware that a person approves before a run may use them."""
        return tuple((self.document.get("hardware") or {}).get("approval") or ())

    @property
    def min_rows(self) -> int:
        """From how many rows on the numbers of a group are shown; 0 where all are."""
        return int((self.document.get("disclosure") or {}).get("min_rows") or 0)

    @property
    def completeness(self) -> int:
        """The percentage of its parts that an entry has at the least before it is submitted; 0: any."""
        return int((self.document.get("submission") or {}).get("completeness") or 0)

    @property
    def entry_parts(self) -> tuple[str, ...]:
        """The parts that an entry must have before it is submitted, however complete the rest is."""
        return tuple((self.document.get("submission") or {}).get("parts") or ())

    def named(self) -> dict[str, str]:
        """How a decision names the policy."""
        return {"id": self.id, "version": self.version, "digest": self.digest}

    def applies(self, facts: Facts, *, environment: str | None, now: datetime) -> bool:
        """Whether the policy is in force now and speaks of this model in this environment."""
        return self.effective.covers(now) and self.applies_to.covers(facts, environment)


def days(text: str) -> timedelta:
    """The duration that ``P90D`` names.

    Examples
    --------
    >>> days("P90D").days
    90
    """
    found = re.fullmatch(r"P(\d{1,6})D", text)
    if not found:
        raise ValueError(f"{text!r} is no duration in days")
    return timedelta(days=int(found[1]))
