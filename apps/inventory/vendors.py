"""What a vendor's documentation is held against, and which of a vendor's versions came without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.access.text import clean
from apps.audit.errors import Invalid
from apps.engine.errors import BadInput
from apps.engine.keys import KeySet
from apps.inventory.models import ChangeNotice, ModelVersion, RegisteredModel, VendorReview

REVIEW = "https://countersign.dev/vendor-review/v1"
NOTICE = "https://countersign.dev/change-notice/v1"
CHECKLIST = "vendor-documentation@1"
MET: Mapping[str, int] = {"yes": 2, "partly": 1, "no": 0}
LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a vendor's file should tell; a grave one weighs twice."""

    id: str
    title: str
    asks: str
    weight: int = 1

    @property
    def severity(self) -> str:
        """Of the finding that a gap is."""
        return "high" if self.weight > 1 else "medium"


ITEMS: tuple[Item, ...] = (
    Item(
        "development_data",
        "Development data",
        "On whose data it was built, from when, and why these.",
        2,
    ),
    Item("assumptions", "Assumptions", "What must hold for it to work, and what was simplified.", 2),
    Item("limits", "Limits", "For whom and for what it must not be used.", 2),
    Item("outcomes_testing", "Own outcomes testing", "We measured it on our own customers' outcomes.", 2),
    Item("change_notices", "Change notices", "The contract obliges the vendor to tell before it changes.", 2),
    Item("performance", "Performance", "The vendor's measurements, with the data that they were made on."),
    Item("fairness", "Fairness", "How groups fare, and which groups were looked at."),
    Item("explanations", "Explanations", "How a single result is explained to a customer."),
    Item("monitoring", "Monitoring", "What the vendor watches, and what we are told."),
    Item("security", "Security", "How the model, its data and its answers are protected."),
    Item("exit", "Exit", "What happens when the vendor stops, or we do."),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers to the checklist with their points; what is not answered counts as no."""

    answers: dict[str, dict[str, str]]
    points: int
    of: int

    @property
    def percent(self) -> int:
        return 100 * self.points // self.of

    @property
    def gaps(self) -> list[Item]:
        return [item for item in ITEMS if self.answers[item.id]["met"] != "yes"]


def judged(answers: Mapping[str, Any]) -> Judged:
    """Hold answers against the checklist; Invalid names an item or a word that it does not know."""
    known = {item.id for item in ITEMS}
    if not isinstance(answers, Mapping) or (strange := [name for name in answers if name not in known]):
        told = f'"{str(strange[0])[:80]}" is' if isinstance(answers, Mapping) else "The answers are"
        raise Invalid(f"{told} no item of the checklist.", field="answers")
    found = {item.id: _answer(item.id, answers.get(item.id) or {}) for item in ITEMS}
    points = sum(item.weight * MET[found[item.id]["met"]] for item in ITEMS)
    return Judged(found, points, sum(item.weight * MET["yes"] for item in ITEMS))


def _answer(name: str, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not {*given} <= {"met", "note"}:
        raise Invalid(
            f'The answer to "{name}" needs met (yes, partly or no) and may have a note.', field=name
        )
    met = given.get("met") or "no"
    if met not in MET:
        raise Invalid(f'"{str(met)[:40]}" is no answer to "{name}": yes, partly or no.', field=name)
    note = clean(given.get("note") or "", field=name, longest=LONGEST_NOTE, lines=True)
    return {"met": met, "note": note}


def keys_of(found: Any) -> KeySet:
    """The keys of a vendor, as its service publishes them."""
    try:
        keys = KeySet.from_json(found, what="The vendor's key set")
    except BadInput as problem:
        raise Invalid(str(problem), field="keys") from None
    if not keys.records:
        raise Invalid("The vendor's key set holds no key.", field="keys")
    return keys


def newest_review(model: RegisteredModel) -> VendorReview | None:
    """The review that counts."""
    return VendorReview.objects.filter(model=model).select_related("reviewed_by").first()


def notices_of(model: RegisteredModel) -> QuerySet[ChangeNotice]:
    """What the vendor told, the newest first."""
    return ChangeNotice.objects.filter(model=model).select_related("registered_by", "document")


def untold(model: RegisteredModel | None = None) -> QuerySet[ModelVersion]:
    """Versions of vendors' models, after the first, of which no change notice speaks."""
    told = ChangeNotice.objects.filter(model=OuterRef("model"), announces=OuterRef("label"))
    earlier = ModelVersion.objects.filter(
        model=OuterRef("model"), registered_at__lt=OuterRef("registered_at")
    )
    rows = ModelVersion.objects.filter(Exists(earlier), ~Exists(told), model__vendor=True)
    rows = rows if model is None else rows.filter(model=model)
    return rows.select_related("model__owner", "model__unit")
