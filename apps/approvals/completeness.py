"""How complete the entry of a model is: parts by tier, each with where it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from apps.approvals.models import Approval, Attestation
from apps.approvals.states import ApprovalState
from apps.audit.past import clock
from apps.gates.models import Schedule
from apps.inventory.documents import Line, holding
from apps.inventory.models import Determination, ModelVersion, RegisteredModel, Tiering, Use, VendorReview
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


@dataclass(slots=True)
class _Known:
    """What the rows say of one model."""

    model: RegisteredModel
    today: date
    tier: int | None = None
    uses: list[Use] = field(default_factory=list)
    newest: ModelVersion | None = None
    determination: Determination | None = None
    lines: list[Line] = field(default_factory=list)
    approved: bool = False
    monitored: bool = False
    attested_on: date | None = None
    reviewed: bool = False

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.newest.manifest["spec"] if self.newest else {}

    @property
    def sourced(self) -> bool:
        """Whether every data set of the newest version says where it comes from."""
        told = [entry.get("source") for entry in self.spec.get("datasets", {}).values()]
        return bool(told) and all(told)


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    title: str
    where: str
    there: Callable[[_Known], bool]
    tiers: tuple[int, ...] = EVERY
    vendor_only: bool = False


_RULES: tuple[_Rule, ...] = (
    _Rule("owner", "an owner who may sign in", "", lambda k: k.model.owner.is_active),
    _Rule("purpose", "the purpose", "/entry", lambda k: bool(k.model.purpose.strip())),
    _Rule("limitations", "the limitations", "/entry", lambda k: bool(k.model.limitations.strip())),
    _Rule("use", "a use that goes on", "", lambda k: any(u.retired_at is None for u in k.uses)),
    _Rule("tier", "a tier", "/tier", lambda k: k.tier is not None),
    _Rule(
        "determination",
        "a determination that is not due again",
        "/determination",
        lambda k: k.determination is not None and k.determination.ask_again > k.today,
    ),
    _Rule("version", "a version", "/versions/new", lambda k: k.newest is not None),
    _Rule(
        "intended_use",
        "the intended users and use, in the newest version's model.yaml",
        "/versions/new",
        lambda k: bool(k.spec.get("intended_use") or k.spec.get("population")),
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


def completeness_of(models: Sequence[RegisteredModel]) -> dict[int, Completeness]:
    """The same of many, with a query for each kind of row."""
    return {known.model.pk: Completeness(tuple(_parts(known))) for known in _known(models).values()}


def _parts(known: _Known) -> Iterable[Part]:
    tier = known.tier or 1  # one that nobody judged owes what the gravest owes
    for rule in _RULES:
        if tier in rule.tiers and (known.model.vendor or not rule.vendor_only):
            yield Part(rule.id, rule.title, rule.there(known), rule.where)
    standing = {line.document.kind for line in known.lines if not line.expired}
    expired = {line.document.kind for line in known.lines if line.expired}
    for kind in owed_documents(known.tier, vendor=known.model.vendor):
        told = f"a {kind} in force" + (": the one there is has expired" if kind in expired else "")
        yield Part(f"document.{kind}", told, kind in standing, f"/documents?kind={kind}#add")


def _known(models: Sequence[RegisteredModel]) -> dict[int, _Known]:
    now = clock()
    found = {model.pk: _Known(model, now.date()) for model in models}
    keys = list(found)
    for use in Use.objects.filter(model__in=keys):
        found[use.model_id].uses.append(use)
    for model_id, tier in _newest(Tiering.objects.filter(assigned_at__lte=now), keys, "assigned_at", "tier"):
        found[model_id].tier = tier
    versions = ModelVersion.objects.filter(model__in=keys, registered_at__lte=now)
    for version in versions.order_by("model_id", "-registered_at", "-id").distinct("model_id"):
        found[version.model_id].newest = version
    told = Determination.objects.filter(model__in=keys, determined_at__lte=now)
    for row in told.order_by("model_id", "-determined_at", "-id").distinct("model_id"):
        found[row.model_id].determination = row
    for document in holding(models):
        found[document.model_id].lines.append(Line(document, now.date()))
    _people_and_machines(found, keys)
    return found


def _newest(rows: Any, keys: list[int], time: str, column: str) -> Iterable[tuple[int, Any]]:
    mine = rows.filter(model__in=keys).order_by("model_id", f"-{time}", "-id").distinct("model_id")
    return mine.values_list("model_id", column)  # type: ignore[no-any-return]


def _people_and_machines(found: dict[int, _Known], keys: list[int]) -> None:
    """What later parts of the lifecycle say of a model."""
    now = clock()
    granted = Approval.objects.filter(use__model__in=keys, use__retired_at=None, expires_at__gt=now)
    for key in granted.filter(state=ApprovalState.GRANTED).values_list("use__model_id", flat=True):
        found[key].approved = True
    for key in Schedule.objects.filter(use__model__in=keys, ended_at=None).values_list(
        "use__model_id", flat=True
    ):
        found[key].monitored = True
    attested = Attestation.objects.filter(attested_at__lte=now)
    for key, at in _newest(attested, keys, "attested_at", "attested_at"):
        found[key].attested_on = at.date()
    for key in VendorReview.objects.filter(model__in=keys).values_list("model_id", flat=True).distinct():
        found[key].reviewed = True
