"""How complete the entry of a model is: parts by tier, each with where it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from apps.approvals.entries import Entry, Known, known_of
from apps.inventory.models import RegisteredModel
from apps.inventory.states import owed_documents

ATTESTED_WITHIN = timedelta(days=365)
EVERY = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that an entry should have, and whether it has it."""

    id: str
    title: str
    there: bool
    # Below the address of the model.
    where: str


@dataclass(frozen=True, slots=True)
class Completeness:
    """The parts that a model owes; a part that cannot be told counts as missing."""

    parts: tuple[Part, ...]

    @property
    def missing(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.there)

    @property
    def score(self) -> Fraction:
        """The share of parts that are there."""
        return Fraction(len(self.parts) - len(self.missing), len(self.parts))

    @property
    def percent(self) -> int:
        """Rounded down: 100 means that nothing is missing."""
        return int(self.score * 100)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "score": float(self.score),
            "there": len(self.parts) - len(self.missing),
            "of": len(self.parts),
            "missing": [{"id": part.id, "title": part.title} for part in self.missing],
        }


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    title: str
    where: str
    there: Callable[[Known], bool]
    tiers: tuple[int, ...] = EVERY
    vendor_only: bool = False


_RULES: tuple[_Rule, ...] = (
    _Rule("owner", "an owner who may sign in", "", lambda k: k.model.owner.is_active),
    _Rule("purpose", "the purpose", "/entry", lambda k: bool(k.model.purpose.strip())),
    _Rule("limitations", "the limitations", "/entry", lambda k: bool(k.model.limitations.strip())),
    _Rule("use", "a use that goes on", "", lambda k: k.used),
    _Rule("tier", "a tier", "/tier", lambda k: k.tier is not None),
    _Rule(
        "determination",
        "a determination that is not due again",
        "/determination",
        lambda k: k.ask_again is not None and k.ask_again > k.today,
    ),
    _Rule("version", "a version", "/versions/new", lambda k: k.told is not None),
    _Rule(
        "intended_use",
        "the intended users and use, in the newest version's model.yaml",
        "/versions/new",
        lambda k: k.intended,
        tiers=(1, 2),
    ),
    _Rule(
        "data_lineage",
        "where each data set comes from, in the newest version's model.yaml",
        "/versions/new",
        lambda k: k.sourced,
        tiers=(1, 2),
    ),
    _Rule("validation", "an approval that holds", "", lambda k: k.approved, tiers=(1, 2, 3)),
    _Rule("monitoring", "monitoring by schedule", "", lambda k: k.monitored, tiers=(1, 2)),
    _Rule(
        "attestation",
        "an attestation within a year",
        "",
        lambda k: k.attested_on is not None and k.attested_on + ATTESTED_WITHIN > k.today,
    ),
    _Rule(
        "vendor_review", "a review of the vendor's file", "/vendor", lambda k: k.reviewed, vendor_only=True
    ),
)


def completeness(model: RegisteredModel) -> Completeness:
    """How complete the entry of one model is."""
    return completeness_of([model])[model.pk]


def completeness_of(models: Sequence[Entry]) -> dict[int, Completeness]:
    """The same of many."""
    return {key: completeness_by(known) for key, known in known_of(models).items()}


def completeness_by(known: Known) -> Completeness:
    """The same by what the rows were found to say."""
    return Completeness(tuple(_parts(known)))


def _parts(known: Known) -> Iterable[Part]:
    tier = known.tier or 1  # one that nobody judged owes what the gravest owes
    for rule in _RULES:
        if tier in rule.tiers and (known.model.vendor or not rule.vendor_only):
            yield Part(rule.id, rule.title, rule.there(known), rule.where)
    for kind in owed_documents(known.tier, vendor=known.model.vendor):
        told = f"a {kind} in force" + (": the one there is has expired" if kind in known.expired else "")
        yield Part(f"document.{kind}", told, kind in known.in_force, f"/documents?kind={kind}#add")
