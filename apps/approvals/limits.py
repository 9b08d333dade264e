"""Limits: the conditions of a grant that the deploy gate enforces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from apps.access.text import clean
from apps.audit.errors import Invalid
from apps.engine.admission.people import shared_places
from apps.inventory.guards import jurisdictions

Limits = dict[str, Any]

FIELDS = ("environments", "jurisdictions", "population", "max_exposure_eur", "until", "note")


def read_limits(given: Limits | None) -> Limits:
    """The limits with every value checked; an unknown field is refused by name."""
    limits: Limits = {}
    for name, value in (given or {}).items():
        if name not in FIELDS:
            raise Invalid(f"“{name}” is no limit; limits are {', '.join(FIELDS)}.", field=name)
        if value in (None, "", []):
            continue
        read = _READ[name](value)
        if read:
            limits[name] = read
    return limits


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    texts = {clean(item, field="environments", longest=80) for item in items}
    return sorted(texts - {""})


def _places(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return sorted(jurisdictions([clean(item, field="jurisdictions", longest=80) for item in items]))


def _amount(value: Any) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Invalid(f"“{value}” is no amount in euros.", field="max_exposure_eur") from None
    if not amount.is_finite() or amount < 0:
        raise Invalid(f"The exposure limit must be zero or more, not {value}.", field="max_exposure_eur")
    return format(amount, "f")


def _instant(value: Any) -> str:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise Invalid(f"“{value}” is no date; write it as 2027-03-31.", field="until") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    if instant <= timezone.now():
        raise Invalid(f"The limit “until {value}” has passed already.", field="until")
    return instant.isoformat()


_READ: Mapping[str, Callable[[Any], Any]] = {
    "environments": _texts,
    "jurisdictions": _places,
    "population": lambda value: clean(value, field="population", longest=200),
    "max_exposure_eur": _amount,
    "until": _instant,
    "note": lambda value: clean(value, field="note", lines=True),
}


def merged(all_limits: Iterable[Limits]) -> Limits:
    """What all signers allow: places in common, the smallest exposure, the soonest end, every word."""
    merged_limits: Limits = {}
    for limits in all_limits:
        for name, value in limits.items():
            held = merged_limits.get(name)
            merged_limits[name] = value if held is None else _both(name, held, value)
    return merged_limits


def _both(name: str, one: Any, other: Any) -> Any:
    if name == "environments":
        return sorted(set(one) & set(other)) or ["(none)"]
    if name == "jurisdictions":
        return shared_places(one, other) or ["(none)"]
    if name == "max_exposure_eur":
        return min(one, other, key=Decimal)
    if name == "until":
        return min(one, other, key=datetime.fromisoformat)
    return one if one == other else f"{one}; {other}"
