"""The list of models: its pages, and the statements that fill them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import BigIntegerField, CharField, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from apps.access.held import Held, held
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.composed import Among, Composed, Slot
from apps.audit.errors import Invalid
from apps.inventory.filtering import Models, filtered
from apps.inventory.listed import Listed
from apps.inventory.models import Determination, ModelVersion, RegisteredModel, Tiering

PAGE = 50
LONGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class ModelPage:
    """Models in the order of their keys; `next` is the cursor of the page after, if there is one."""

    rows: list[Listed]
    next: str | None
    # Where the person may see models at all.
    within: Held


def with_standing(rows: Models) -> Models:
    """Models with what a list shows of them: `tier`, `newest_label`, `determined`."""
    mine = {"model": OuterRef("pk")}
    tiers = Tiering.objects.filter(**mine).order_by("-assigned_at", "-id")
    versions = ModelVersion.objects.filter(**mine).order_by("-registered_at", "-id")
    determined = Determination.objects.filter(**mine).order_by("-determined_at", "-id")
    return rows.annotate(
        tier=Subquery(tiers.values("tier")[:1]),
        newest_label=Subquery(versions.values("label")[:1]),
        determined=Subquery(determined.values("outcome")[:1]),
    )


def _shown(rows: Models) -> QuerySet[RegisteredModel, Any]:
    """The columns of `Listed`. Times are text: reading them would take as long as all the rest."""
    written = with_standing(rows).annotate(registered_as_text=Cast("registered_at", TextField()))
    return written.order_by("key").values_list(
        *("pk", "key", "title", "purpose", "limitations", "kind", "domain", "jurisdictions", "vendor"),
        *("exposure_eur", "registered_as_text", "unit__key", "unit__title"),
        *("owner__username", "owner__name", "owner__is_active", "tier", "newest_label", "determined"),
    )


_IDS, _AFTER = Slot("ids", BigIntegerField()), Slot("after", CharField())
_UNITS, _KEYS = Slot("units", BigIntegerField()), Slot("keys", CharField())
_OF_IDS = Composed(lambda: _shown(RegisteredModel.objects.filter(Among("pk", _IDS))))


@lru_cache(maxsize=128)
def _statement(*, everywhere: bool, singly: bool, after: bool, size: int) -> Composed:
    """A page without a filter, for a kind of reader: the narrower its condition, the better its plan."""
    reached = Q() if everywhere else Q(Among("unit_id", _UNITS))
    if singly and not everywhere:
        reached |= Q(Among("key", _KEYS))
    if after:
        reached &= Q(key__gt=_AFTER)
    return Composed(lambda: _shown(RegisteredModel.objects.filter(reached))[:size])


def model_page(
    by: Person, filters: Mapping[str, str] | None = None, cursor: str | None = None, *, size: int = PAGE
) -> ModelPage:
    """Models that the person may see, after the cursor; 50, or as many as asked for up to 1,000.

    Filters: ``q`` (words in key, title or purpose), ``tier``, ``kind``, ``domain``, ``unit``, ``owner``,
    ``vendor`` (yes or no), ``regime`` (its id) with ``scope`` (in, out, undecided), ``determination``.
    """
    if not 1 <= size <= LONGEST_PAGE:
        raise Invalid(f'"limit" is 1 to {LONGEST_PAGE}, not {size}.', field="limit")
    within = held(by, Permission.MODEL_SEE)
    after = read_cursor(cursor) if cursor else ""
    wanted = {name: value for name, value in (filters or {}).items() if value}
    found = [Listed(*row) for row in _rows(within, wanted, after, size + 1)]
    more = len(found) > size
    return ModelPage(found[:size], make_cursor(found[size - 1].key) if more else None, within)


def _rows(within: Held, filters: Mapping[str, str], after: str, size: int) -> list[tuple[Any, ...]]:
    if filters:
        return _OF_IDS.all(ids=_filtered(within, filters, after, size))
    if within == Held():
        return []
    statement = _statement(
        everywhere=within.everywhere, singly=bool(within.models), after=bool(after), size=size
    )
    return statement.all(units=list(within.units), keys=list(within.models), after=after)


def _filtered(within: Held, filters: Mapping[str, str], after: str, size: int) -> list[int]:
    rows = filtered(RegisteredModel.objects.filter(within.models_within()), filters)
    if after:
        rows = rows.filter(key__gt=after)
    return list(rows.order_by("key").values_list("pk", flat=True)[:size])


def make_cursor(key: str) -> str:
    """An opaque text for the place after a key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """The key behind a cursor."""
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        key = ""
    if not key or not key.isprintable() or len(key) > 200:
        raise Invalid("The cursor is none that this service made.", field="cursor")
    return key
