"""Models that are there already and resemble one that is thought of."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity, TrigramWordSimilarity
from django.db.models import F, FloatField, Value
from django.db.models.functions import Cast, Greatest

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.inventory.models import RegisteredModel

NEAR = 0.3
MOST = 5
LONGEST = 400


@dataclass(frozen=True, slots=True)
class Near:
    """A model that is there, and how alike it is: 1 is the same words."""

    model: RegisteredModel
    likeness: float


def nearest(by: Person, *, key: str, title: str, purpose: str = "") -> list[Near]:
    """The most alike of the models that the person may see, by key, title and purpose."""
    words, called = f"{key} {title} {purpose}".lower()[:LONGEST], title.lower()[:LONGEST]
    if not words.strip():
        return []
    alike = Greatest(
        TrigramSimilarity("searched", words),
        TrigramWordSimilarity(called, "searched") if called.strip() else Cast(Value(0.0), FloatField()),
        output_field=FloatField(),
    )
    rows = visible_models(by).annotate(likeness=alike).filter(likeness__gte=NEAR)
    found = rows.select_related("unit", "owner").order_by(F("likeness").desc(), "key")[:MOST]
    return [Near(row, round(float(row.likeness), 2)) for row in found]
