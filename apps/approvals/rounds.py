"""The reads of attestation rounds: whom one asks, what waits for whom, how far each unit is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.models import Person
from apps.access.queries import models_with, visible_models
from apps.access.states import Permission
from apps.approvals.models import AttestationRound, RoundEntry
from apps.approvals.states import RoundOutcome
from apps.audit.errors import NotFound
from apps.engine.canonical import canonical, digest
from apps.inventory.models import RegisteredModel, Tiering
from apps.inventory.queries import current_tier


def snapshot_of(model: RegisteredModel) -> dict[str, object]:
    """The entry as the attesting person sees it."""
    return {
        "key": model.key,
        "title": model.title,
        "purpose": model.purpose,
        "limitations": model.limitations,
        "kind": model.kind,
        "domain": model.domain,
        "jurisdictions": model.jurisdictions,
        "vendor": model.vendor,
        "exposure_eur": None if model.exposure_eur is None else format(model.exposure_eur, "f"),
        "owner": model.owner.username,
        "tier": current_tier(model),
        "versions": [v.digest for v in model.versions.all()],
    }


def entry_digest(model: RegisteredModel) -> str:
    """The digest of an entry as it stands."""
    return digest(canonical(snapshot_of(model)))


def askable(by: Person, *, unit: str, tiers: Iterable[int], models: Iterable[str]) -> list[RegisteredModel]:
    """The models in a scope whose owners a person may ask, without those of which every use was retired."""
    rows = models_with(by, Permission.ATTESTATION_ASK).filter(
        Q(uses__isnull=True) | Q(uses__retired_at__isnull=True)
    )
    rows = rows.filter(unit__key=unit) if unit else rows
    rows = rows.filter(key__in=list(models)) if models else rows
    if tiers:
        newest = Tiering.objects.filter(model=OuterRef("pk")).order_by("-assigned_at", "-id")
        rows = rows.annotate(given=newest.values("tier")[:1]).filter(given__in=list(tiers))
    found = rows.distinct().select_related("owner", "unit").prefetch_related("versions")
    return list(found.order_by("key"))


def visible_rounds(by: Person) -> QuerySet[AttestationRound]:
    """Rounds that ask about a model which the person may see."""
    seen = RoundEntry.objects.filter(round=OuterRef("pk"), model__in=visible_models(by))
    return AttestationRound.objects.filter(Exists(seen)).select_related("opened_by", "end", "follows")


def find_round(by: Person, round_id: UUID | str) -> AttestationRound:
    """The round, or NotFound."""
    try:
        row = visible_rounds(by).filter(pk=round_id).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise NotFound(f"There is no round {round_id}.")
    return row


def entries_of(by: Person, asked: AttestationRound) -> QuerySet[RoundEntry]:
    """The entries of a round that the person may see."""
    rows = RoundEntry.objects.filter(round=asked, model__in=visible_models(by))
    return rows.select_related(
        "round", "model__unit", "model__owner", "answer__person", "answer__attestation", "answer__finding"
    ).order_by("model__unit__key", "model__key")


def waiting_for(by: Person) -> QuerySet[RoundEntry]:
    """Entries of one's own models that one has not answered, those due first first."""
    rows = RoundEntry.objects.filter(
        answer=None, model__owner__identity=by.identity, model__in=models_with(by, Permission.MODEL_ATTEST)
    )
    return rows.select_related("round", "model__unit", "model__owner").order_by("round__due", "model__key")


@dataclass(slots=True)
class Lane:
    """How far one business unit is."""

    unit: str
    title: str
    waiting: list[RoundEntry] = field(default_factory=list)
    attested: list[RoundEntry] = field(default_factory=list)
    wrong: list[RoundEntry] = field(default_factory=list)
    missed: list[RoundEntry] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All entries of the unit."""
        return len(self.waiting) + len(self.attested) + len(self.wrong) + len(self.missed)

    @property
    def share(self) -> int:
        """Per cent that were answered."""
        return 100 * (self.total - len(self.waiting)) // max(self.total, 1)


def outcome_of(entry: RoundEntry) -> str:
    """What became of an entry; “waiting” before anything did."""
    answer = getattr(entry, "answer", None)
    return answer.outcome if answer is not None else "waiting"


def board(entries: Iterable[RoundEntry]) -> list[Lane]:
    """A lane a unit, each entry under what became of it."""
    lanes: dict[str, Lane] = {}
    for entry in entries:
        unit = entry.model.unit
        lane = lanes.setdefault(unit.key, Lane(unit.key, unit.title))
        getattr(lane, outcome_of(entry)).append(entry)
    return list(lanes.values())


def counts(rounds: Iterable[AttestationRound], by: Person) -> dict[UUID, Mapping[str, int]]:
    """By round, how many entries that the person may see stand where; two queries."""
    found: dict[UUID, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("waiting", *RoundOutcome), 0))
    rows = RoundEntry.objects.filter(round__in=list(rounds), model__in=visible_models(by))
    for round_id, outcome in rows.values_list("round_id", "answer__outcome"):
        found[round_id][outcome or "waiting"] += 1
    return dict(found)


def overdue_entries(today: date) -> QuerySet[RoundEntry]:
    """Entries that nobody answered by the day of their round."""
    rows = RoundEntry.objects.filter(answer=None, round__due__lt=today)
    return rows.select_related("round", "model__owner").order_by("pk")


def to_renew(today: date) -> QuerySet[AttestationRound]:
    """Recurring rounds whose day is over and that no round follows."""
    rows = AttestationRound.objects.filter(every_days__isnull=False, due__lt=today, next=None, end=None)
    return rows.select_related("opened_by").order_by("opened_at")


def told(scope: Mapping[str, Any]) -> str:
    """A scope in words."""
    parts = [f"unit {scope['unit']}"] if scope.get("unit") else []
    parts += [f"tier {', '.join(map(str, scope['tiers']))}"] if scope.get("tiers") else []
    parts += [", ".join(scope["models"])] if scope.get("models") else []
    return "; ".join(parts) or "everything"
