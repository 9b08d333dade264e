"""What a server answers, with types. `raw` keeps everything that it said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ALLOWS = ("allow", "allow_with_limits")
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the inventory; its tier is None before the first was given."""

    key: str
    title: str
    kind: str
    unit: str
    tier: int | None
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model: what it is stands in its digest."""

    model: str
    label: str
    digest: str
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation of all gates that apply, as far as it has come."""

    id: str
    model: str
    version: str
    state: str
    gates_done: int
    gates_total: int
    outcome: str | None
    decision: str | None
    cause: str
    raw: Raw = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of a decision, with the sentence that says why."""

    id: str
    outcome: str
    why: str
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policies said of a run."""

    digest: str
    outcome: str
    gates: tuple[Gate, ...]
    raw: Raw = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The deploy gate's answer to one request, with every reason."""

    id: str
    outcome: str
    reasons: tuple[str, ...]
    expires_at: datetime | None
    raw: Raw = field(repr=False)

    def allows(self, *, at: datetime | None = None) -> bool:
        """Whether the version may run at a time, by default now; an answer that ran out allows nothing."""
        now = at or datetime.now(UTC)
        said = self.raw.get("allowed") is True and self.outcome in ALLOWS
        return said and self.expires_at is not None and now < self.expires_at


def model(raw: Raw) -> Model:
    """A model from its JSON."""
    return Model(
        key=raw["key"],
        title=raw["title"],
        kind=raw["kind"],
        unit=raw["unit"],
        tier=raw["tier"],
        raw=raw,
    )


def version(raw: Raw) -> Version:
    """A version from its JSON."""
    return Version(model=raw["model"], label=raw["version"], digest=raw["digest"], raw=raw)


def run(raw: Raw) -> Run:
    """A run from its JSON."""
    decided = raw["decision"] or {}
    return Run(
        id=raw["id"],
        model=raw["model"],
        version=raw["version"],
        state=raw["state"],
        gates_done=raw["gates_done"],
        gates_total=raw["gates_total"],
        outcome=decided.get("outcome"),
        decision=decided.get("digest"),
        cause=raw["cause"],
        raw=raw,
    )


def decision(raw: Raw) -> Decision:
    """A decision from its JSON, the gates in the order of the policies."""
    gates = tuple(
        Gate(id=gate["id"], outcome=gate["outcome"], why=gate["why"], raw=gate)
        for gate in raw["document"]["gates"]
    )
    return Decision(digest=raw["digest"], outcome=raw["outcome"], gates=gates, raw=raw)


def admission(raw: Raw) -> Admission:
    """An answer of the deploy gate from its JSON."""
    expires = raw.get("expires_at")
    return Admission(
        id=raw["id"],
        outcome=raw["outcome"],
        reasons=tuple(str(reason["message"]) for reason in raw["reasons"]),
        expires_at=None if expires is None else datetime.fromisoformat(expires),
        raw=raw,
    )
