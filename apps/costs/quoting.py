"""What a run will probably cost, from what earlier ones did; and how good such quotes were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone

from apps.costs.models import CostEntry, Quote
from apps.costs.queries import currency, price, rate_card, used_by
from apps.costs.states import Outcome
from apps.inventory.models import RegisteredModel

LATEST = 50
ENOUGH = 3  # of fewer runs of its own a model's quote would say little: those of all models are taken
LOW, MIDDLE, HIGH = Decimal("0.1"), Decimal("0.5"), Decimal("0.9")
MODEL, ALL, NONE = "model", "all", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The median of comparable runs and the range that holds four in five; nothing without history."""

    low: Decimal | None = None
    median: Decimal | None = None
    high: Decimal | None = None
    currency: str
    sample: int = 0
    basis: str = NONE

    @property
    def sentence(self) -> str:
        """The quote in words."""
        if self.median is None:
            return "No quote: no run has been decided yet that this one could be compared with."
        whose = "of this model" if self.basis == MODEL else "of all models, as this one has too few"
        return (
            f"About {self.median:.4f} {self.currency}, four in five between {self.low:.4f} and "
            f"{self.high:.4f}; from the last {self.sample} runs {whose}, at the rates of today."
        )

    def as_json(self) -> dict[str, Any]:
        amounts = {name: getattr(self, name) for name in ("low", "median", "high")}
        told = {name: None if value is None else f"{value:f}" for name, value in amounts.items()}
        return {
            **told,
            "currency": self.currency,
            "sample": self.sample,
            "basis": self.basis,
            "sentence": self.sentence,
        }


def quote(model: RegisteredModel, purpose: str = "") -> Expected:
    """What another run of a model will probably cost."""
    decided = CostEntry.objects.filter(outcome=Outcome.DECIDED, currency=currency(), wall_seconds__gt=0)
    if purpose:
        decided = decided.filter(purpose=purpose)
    own, basis = _amounts(decided.filter(model_key=model.key)), MODEL
    if len(own) < ENOUGH:
        every = _amounts(decided)
        if len(every) >= ENOUGH:
            own, basis = every, ALL
    if not own:
        return Expected(currency=currency())
    low, median, high = (quantile(own, share) for share in (LOW, MIDDLE, HIGH))
    return Expected(low=low, median=median, high=high, currency=currency(), sample=len(own), basis=basis)


def _amounts(decided: QuerySet[CostEntry]) -> list[Decimal]:
    """What each of the latest runs would cost at the rates of now, all its attempts together."""
    latest = decided.order_by("-entered_at", "-pk").values("run")[:LATEST]
    card, found = rate_card(timezone.now()), defaultdict[object, Decimal](Decimal)
    for entry in CostEntry.objects.filter(run__in=latest):
        found[entry.run] += price(card, used_by(entry))
    return sorted(found.values())


def quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    """The value below which a share of an ordered list lies, linear between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    found = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    return found.quantize(Decimal("0.000001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How quotes compare with what the runs then cost."""

    runs: int
    within: int
    median_error: Decimal | None  # of the share by which a run's cost differs from its quote's median

    @property
    def share_within(self) -> Decimal | None:
        """The per cent of runs whose cost lay in the range of their quote; 80 are to be expected."""
        return None if not self.runs else (Decimal(self.within) * 100 / self.runs).quantize(Decimal("0.1"))


def quote_of(run_id: UUID) -> Quote | None:
    return Quote.objects.filter(run=run_id).first()


def accuracy(model_key: str = "") -> Accuracy:
    """How good the latest quotes were: of one model, or of all."""
    quotes = Quote.objects.filter(median__gt=0, currency=currency())
    if model_key:
        quotes = quotes.filter(model_key=model_key)
    latest = {quote.run: quote for quote in quotes.order_by("-quoted_at", "-pk")[: LATEST * 4]}
    decided = CostEntry.objects.filter(run__in=latest, outcome=Outcome.DECIDED).values("run")
    rows = CostEntry.objects.filter(run__in=decided).values("run").annotate(amount=Sum("amount"))
    costs = {row["run"]: row["amount"] for row in rows}
    errors = sorted(abs(costs[run] - latest[run].median) / latest[run].median for run in costs)
    within = sum(latest[run].low <= amount <= latest[run].high for run, amount in costs.items())
    middle = quantile(errors, MIDDLE) if errors else None
    return Accuracy(runs=len(costs), within=within, median_error=middle)
