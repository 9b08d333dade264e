"""Numbers of a measurement, taken exactly, and shown so that a rounded one never belies a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from apps.engine.policy.model import Bound, Exact

_DIGITS = range(2, 13)
_PLACES = 18
_TENTH = Decimal("0.1")
_EXACT_AS_FLOAT = 16  # characters: fifteen digits and a point
_PLAIN = 1e9  # a float up to here has its two decimals within the digits that floats keep


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
    if isinstance(number, float):
        return Decimal(repr(number)) if math.isfinite(number) else None
    if isinstance(number, bool) or not isinstance(number, (int, Decimal)) or not math.isfinite(number):
        return None
    return Decimal(number)


def written(number: Any) -> Decimal | float | None:
    """The number as it was written; a finite float stands for its shortest decimal, and compares so.

    Examples
    --------
    >>> written(0.7), written(12), written(float("inf")), written("0.7")
    (0.7, Decimal('12'), None, None)
    """
    if type(number) is float:
        return number if math.isfinite(number) else None
    return decimal(number)


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


def agrees(number: Exact, exact: Fraction) -> bool:
    """Whether a value and its exact ratio are one number but for rounding: to a billionth.

    Examples
    --------
    >>> agrees(Decimal("0.333333333333"), Fraction(1, 3)), agrees(Decimal("0.3333"), Fraction(1, 3))
    (True, False)
    """
    top, bottom = number.as_integer_ratio()
    over, under = exact.numerator, exact.denominator
    return abs(top * under - over * bottom) * 10**9 <= bottom * max(abs(over), under)


def shown(number: Exact, bound: Bound | None = None) -> str:
    """Two digits, or as many as keep the number on its side of the bound.

    Examples
    --------
    >>> shown(Fraction("0.7999"), Bound(min=Decimal("0.80")))
    '0.7999'
    >>> shown(Fraction(4, 5)), shown(Decimal(12)), shown(Decimal("0.0000123"))
    ('0.80', '12', '0.000012')
    >>> shown(Decimal("3.64e-44"))
    '3.6e-44'
    >>> shown(0.7999, Bound(min=Decimal("0.80"))), shown(0.8), shown(2.675), shown(1234.0)
    ('0.7999', '0.80', '2.68', '1,234')
    """
    if isinstance(number, float):
        size = abs(number)
        # Halfway between two hundredths a float rounds by what lies behind its digits; whole ones have none.
        if 0.1 <= size < _PLAIN and number % 1.0 and not -0.01 < size * 1000.0 % 10.0 - 5.0 < 0.01:
            text = f"{number:.2f}"
            if bound is None or bound.clear_of(number) or bound.holds(float(text)) == bound.holds(number):
                return text
        number = Decimal(repr(number))
    return _of_exact(number, bound)


def _of_exact(number: Decimal | Fraction, bound: Bound | None) -> str:
    plain = str(number) if isinstance(number, Decimal) else ""
    if 0 < len(plain) <= _EXACT_AS_FLOAT and "E" not in plain and plain[-1] != "0" and "." in plain:
        return _of_decimal(number, plain, bound)
    if -(10**15) < number < 10**15 and number == int(number):
        return f"{int(number):,}"
    return _nearest(Decimal(repr(float(number))), number, bound)


def _of_decimal(number: Exact, plain: str, bound: Bound | None) -> str:
    """The same for a decimal that a float holds as it is written, and that is not whole."""
    if bound is not None and len(plain) - plain.index(".") > 3:
        return _nearest(number, number, bound)
    return _rounded(number, 2)


def _nearest(written: Any, number: Exact, bound: Bound | None) -> str:
    side = bound is not None and bound.holds(number)
    for digits in _DIGITS:
        text = _rounded(written, digits)
        if bound is None or bound.holds(Decimal(text)) == side:
            return text
    return repr(float(number))


def _rounded(written: Any, digits: int) -> str:
    if written >= _TENTH or -written >= _TENTH:
        return f"{written:.{digits}f}"
    value = float(written)
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else digits
    if places > _PLACES:
        return f"{value:.{digits - 1}e}"
    return f"{written:.{places}f}"
