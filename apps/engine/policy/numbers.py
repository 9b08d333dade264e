"""Numbers of a measurement, taken exactly, and shown so that a rounded one never belies a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from apps.engine.policy.model import Bound

_DIGITS = range(2, 13)
_TENTH = 0.1


def exactly(number: Any) -> Fraction | None:
    """The number as it was written: 0.7 is 7/10. None for NaN, infinity, null, booleans and text.

    Examples
    --------
    >>> exactly(0.7), exactly(True), exactly(float("nan"))
    (Fraction(7, 10), None, None)
    """
    value = decimal(number)
    return None if value is None else Fraction(*value.as_integer_ratio())


def decimal(number: Any) -> Decimal | None:
    """The same as a decimal, whose comparisons are as exact."""
    if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
        return None
    if not math.isfinite(number):
        return None
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _written(text: str) -> Fraction:
    return Fraction(*Decimal(text).as_integer_ratio())


def ratio(exact: Any) -> Fraction | None:
    """The ratio of integers that a measurement carries beside its value; None where it has none.

    Examples
    --------
    >>> ratio({"numerator": "4", "denominator": "5"})
    Fraction(4, 5)
    """
    if not isinstance(exact, Mapping):
        return None
    try:
        return Fraction(int(exact["numerator"]), int(exact["denominator"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def agrees(number: Fraction, exact: Fraction) -> bool:
    """Whether a value and its exact ratio are one number but for rounding."""
    room = Fraction(1, 10**9) * (abs(exact) if abs(exact) > 1 else Fraction(1))
    return abs(number - exact) <= room


def shown(number: Fraction, bound: Bound | None = None) -> str:
    """Two digits, or as many as keep the number on its side of the bound.

    Examples
    --------
    >>> shown(Fraction("0.7999"), Bound(min=Decimal("0.80")))
    '0.7999'
    >>> shown(Fraction(4, 5)), shown(Fraction(12)), shown(Fraction("0.0000123"))
    ('0.80', '12', '0.000012')
    """
    if number.denominator == 1 and abs(number) < 10**15:
        return f"{number.numerator:,}"
    value = float(number)
    for digits in _DIGITS:
        text = _rounded(value, digits)
        if bound is None or bound.holds(_written(text)) == bound.holds(number):
            return text
    return repr(value)


def _rounded(value: float, digits: int) -> str:
    written = Decimal(repr(value))
    if abs(value) >= _TENTH:
        return f"{written:.{digits}f}"
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else digits
    return f"{written:.{min(places, 18)}f}"
