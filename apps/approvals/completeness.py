"""How complete the entry of a model is: parts by tier, each with where it is mended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from apps.approvals.entries import Entry, Known, known_of
from apps.inventory.models import RegisteredModel
from apps.inventory.states import DocumentKind, owed_documents

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
    _Rule("monitoring", "monitoring by schedule", "/monitoring", lambda k: k.monitored, tiers=(1, 2)),
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


# What follows a review cannot be there before it.
_FOLLOWING = frozenset({"validation", "monitoring"})


def before_submission(model: RegisteredModel, named: Collection[str] = ()) -> Completeness:
    """The same before anybody is asked to review; parts that are named are owed whatever the tier."""
    (known,) = known_of([model]).values()
    kinds = [str(kind) for kind in owed_documents(known.tier, vendor=model.vendor)]
    kinds += sorted({kind for kind in DocumentKind if f"document.{kind}" in named} - {*kinds})
    rules = [rule for rule in _RULES if rule.id not in _FOLLOWING and _owes(rule, known, named)]
    return Completeness((*(_part(rule, known) for rule in rules), *_documents(known, kinds)))


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
    yield from (_part(rule, known) for rule in _RULES if _owes(rule, known))
    yield from _documents(known, owed_documents(known.tier, vendor=known.model.vendor))


def _owes(rule: _Rule, known: Known, named: Collection[str] = ()) -> bool:
    tier = known.tier or 1  # one that nobody judged owes what the gravest owes
    return (tier in rule.tiers or rule.id in named) and (known.model.vendor or not rule.vendor_only)


def _part(rule: _Rule, known: Known) -> Part:
    return Part(rule.id, rule.title, rule.there(known), rule.where)


def _documents(known: Known, kinds: Iterable[str]) -> Iterable[Part]:
    for kind in kinds:
        told = f"a {kind} in force" + (": the one there is has expired" if kind in known.expired else "")
        yield Part(f"document.{kind}", told, kind in known.in_force, f"/documents?kind={kind}#add")
