"""Limits: the conditions of a grant that the deploy gate enforces."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.audit.errors import Invalid

Limits = dict[str, Any]

FIELDS = ("environments", "population", "max_exposure_eur", "until", "note")


def read_limits(given: Limits | None) -> Limits:
    """The limits with every value checked; an unknown field is refused by name."""
    limits: Limits = {}
    for name, value in (given or {}).items():
        if name not in FIELDS:
            raise Invalid(f"“{name}” is no limit; limits are {', '.join(FIELDS)}.", field=name)
        if value in (None, "", []):
            continue
        limits[name] = _READ[name](value)
    return limits


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return sorted({str(item).strip() for item in items if str(item).strip()})


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
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).isoformat()


_READ = {
    "environments": _texts,
    "population": lambda value: str(value).strip(),
    "max_exposure_eur": _amount,
    "until": _instant,
    "note": lambda value: str(value).strip(),
}


def merged(all_limits: Iterable[Limits]) -> Limits:
    """What all signers allow: environments in common, the smallest exposure, the soonest end, every word."""
    merged_limits: Limits = {}
    for limits in all_limits:
        for name, value in limits.items():
            held = merged_limits.get(name)
            merged_limits[name] = value if held is None else _both(name, held, value)
    return merged_limits


def _both(name: str, one: Any, other: Any) -> Any:
    if name == "environments":
        return sorted(set(one) & set(other)) or ["(none)"]
    if name == "max_exposure_eur":
        return min(one, other, key=Decimal)
    if name == "until":
        return min(one, other, key=datetime.fromisoformat)
    return one if one == other else f"{one}; {other}"
