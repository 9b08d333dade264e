"""Money and seconds as exact decimals: read in, and shared out so that the parts add up."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.audit.errors import Invalid

MICRO = Decimal("0.000001")
_MOST = Decimal(10) ** 12


def seconds(value: float, field: str) -> Decimal:
    """Seconds in whole microseconds; Invalid for anything negative or endless."""
    found = _decimal(value)
    if not found.is_finite() or not 0 <= found < _MOST:
        raise Invalid(f"{value!r} is no number of seconds.", field=field)
    return found.quantize(MICRO)


def money(value: Any, field: str, *, places: str) -> Decimal:
    """A positive amount; Invalid for anything else."""
    found = _decimal(value)
    if isinstance(value, bool) or not found.is_finite() or not 0 < found < _MOST:
        raise Invalid(f'"{str(value)[:40]}" is no amount of money above 0.', field=field)
    rounded = found.quantize(Decimal(places))
    if rounded != found:
        raise Invalid(f'"{str(value)[:40]}" has more decimals than are kept ({places}).', field=field)
    return rounded


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value)[:64])
    except InvalidOperation:
        return Decimal("NaN")


def shared(total: Decimal, weights: Sequence[Decimal], unit: Decimal = MICRO) -> list[Decimal]:
    """A total in parts by weight, each a multiple of `unit`, that add up to the total exactly.

    Each part is rounded down; what is left goes, a unit each, to those that lost most by it.
    """
    whole = sum(weights, Decimal(0))
    if not weights or whole <= 0:
        return [Decimal(0)] * len(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [part.quantize(unit, rounding="ROUND_FLOOR") for part in exact]
    left = int((total - sum(parts)) / unit)
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[:left]:
        parts[i] += unit
    return parts


def to_cents(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Amounts in whole cents whose sum is the exact sum's, rounded half to even."""
    cent = Decimal("0.01")
    total = sum(amounts, Decimal(0)).quantize(cent, rounding="ROUND_HALF_EVEN")
    parts = [amount.quantize(cent, rounding="ROUND_FLOOR") for amount in amounts]
    left = int((total - sum(parts, Decimal(0))) / cent)
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - amounts[i], i))
    for i in order[:left]:
        parts[i] += cent
    return parts
