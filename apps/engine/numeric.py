"""Sums and cleanings whose result does not depend on the order of the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import BadInput, Unmeasurable

Ints = npt.NDArray[np.int64]
UNIT_BITS, LOW_BITS = 1074, 27
MOST_ROWS = 1 << 36
_HIDDEN = 1 << 52
_NONE = np.empty(0, dtype=np.int64)
_HANDFUL, _MANY, _BLOCK, _SLICES = 24, 2048, 16_384, 6


def stable_sum(values: FloatArray, count: Ints | None = None) -> float:
    """The correctly rounded sum of float64 values: the same bytes in any order.

    Parameters
    ----------
    values : float array (n,)
        What to add up.
    count : int array (n,), optional
        How often each value stands in the sum; once by default. The sum is that of the repeated values.

    Examples
    --------
    >>> stable_sum(np.array([1e100, 1.0, -1e100, 2.0]))
    3.0
    >>> stable_sum(np.array([0.1, 0.2]), np.array([3, 0])) == math.fsum([0.1] * 3)
    True
    """
    given = np.asarray(values, dtype=np.float64)
    if count is None and len(given) < _MANY:
        return _short_sum(given)
    if _all_finite(given):
        return rounded(exact_units(given, count))
    with np.errstate(invalid="ignore", over="ignore"):
        return float(given.sum())


def _short_sum(values: FloatArray) -> float:
    try:
        return math.fsum(values.tolist())
    except (OverflowError, ValueError):
        return rounded(_by_exponent(values, None)) if _all_finite(values) else math.nan


def _all_finite(values: FloatArray) -> bool:
    return len(values) == 0 or bool(math.isfinite(values.min()) and math.isfinite(values.max()))


def exact_units(values: FloatArray, count: Ints | None = None) -> int:
    """The sum of finite float64 values as a whole number of 2**-1074, exactly.

    Examples
    --------
    >>> exact_units(np.array([0.5, 0.25])) * 4 >> UNIT_BITS
    3
    """
    from apps.engine.kernels import worth

    if worth(len(values)):
        return _compiled_units(values, count)
    if len(values) <= _HANDFUL:
        times = [1] * len(values) if count is None else count.tolist()
        return sum(_units(value) * k for value, k in zip(values.tolist(), times, strict=True))
    slices = _slices_of(values) if count is None and len(values) >= _MANY else None
    return _by_exponent(values, count) if slices is None else sum(_units(part) for part in slices)


def stable_total(blocks: Iterable[tuple[FloatArray, Ints | None]], items: int) -> float:
    """The correctly rounded sum of finite values that come in blocks, each with or without counts.

    Parameters
    ----------
    blocks : iterable of (values, counts or None)
        Small ones, made when they are asked for, stay in the cache.
    items : int
        How many values there will be: decides between the compiled loop and its twin.

    Examples
    --------
    >>> stable_total([(np.array([0.1, 0.2]), None), (np.array([0.3]), np.array([2]))], 3)
    0.9
    """
    from apps.engine.kernels import worth

    if not worth(items):
        return rounded(sum(exact_units(values, count) for values, count in blocks))
    from apps.engine.kernels.sums import add_exact

    low, high = np.zeros((4, 2048), dtype=np.int64), np.zeros((4, 2048), dtype=np.int64)
    for values, count in blocks:
        add_exact(np.ascontiguousarray(values).view(np.int64), _NONE if count is None else count, low, high)
    lows, highs = low.sum(axis=0), high.sum(axis=0)
    return rounded(units_of(np.flatnonzero(lows | highs), lows, highs))


def rounded(units: int) -> float:
    """The float64 nearest to a whole number of 2**-1074; infinite beyond the largest."""
    try:
        return units / (1 << UNIT_BITS)
    except OverflowError:
        return math.inf if units > 0 else -math.inf


def _units(value: float) -> int:
    fraction, exponent = math.frexp(value)
    whole, shift = int(fraction * 2.0**53), exponent - 53 + UNIT_BITS
    return whole << shift if shift >= 0 else whole >> -shift


def _compiled_units(values: FloatArray, count: Ints | None) -> int:
    from apps.engine.kernels.sums import add_exact

    low, high = np.zeros((4, 2048), dtype=np.int64), np.zeros((4, 2048), dtype=np.int64)
    add_exact(np.ascontiguousarray(values).view(np.int64), _NONE if count is None else count, low, high)
    lows, highs = low.sum(axis=0), high.sum(axis=0)
    return units_of(np.flatnonzero(lows | highs), lows, highs)


def units_of(exponents: npt.NDArray[np.intp], lows: Ints, highs: Ints) -> int:
    """Join sums of the low and high bits of significands, as the kernels make them, into one number."""
    return sum(((int(highs[e]) << LOW_BITS) + int(lows[e])) << (int(e) - 1) for e in exponents)


def _by_exponent(values: FloatArray, count: Ints | None) -> int:
    """The twin of the kernel: significands in two words, added up for each exponent."""
    if not len(values):
        return 0
    bits = np.ascontiguousarray(values).view(np.int64)
    exponent = (bits >> 52) & 0x7FF
    significand = (bits & (_HIDDEN - 1)) | np.where(exponent > 0, _HIDDEN, 0)
    signed = np.where(bits < 0, -significand, significand)
    exponent = np.maximum(exponent, 1).astype(np.uint16)
    order = np.argsort(exponent, kind="stable")
    ordered = exponent[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    low, high = signed & ((1 << LOW_BITS) - 1), signed >> LOW_BITS
    if count is not None:
        low, high = low * count, high * count
    lows, highs = (np.add.reduceat(part[order], starts).tolist() for part in (low, high))
    parts = zip(ordered[starts].tolist(), lows, highs, strict=True)
    return sum(((h << LOW_BITS) + part) << (e - 1) for e, part, h in parts)


def _slices_of(values: FloatArray) -> list[float] | None:
    """Numbers of the same sum, from slices of the bits, each of which floating point adds without rounding.

    With u = 2**(e + b - 52), 2**e above every value and 2**b at least twice their number, the multiples of u
    nearest to the values add exactly in any order; what is left is sliced again until nothing is. None where
    the exponents reach too far for that.

    References
    ----------
    Rump, Ogita, Oishi (2008), SIAM Journal on Scientific Computing 31, 189-224.
    """
    top = float(np.abs(values).max())
    exponent, bits = math.frexp(top)[1], len(values).bit_length() + 1
    if not math.isfinite(top) or not -500 < exponent < 900:
        return None if top else []
    slices = [0.0] * _SLICES
    for start in range(0, len(values), _BLOCK):
        rest = values[start : start + _BLOCK].copy()
        if not _add_slices(rest, slices, exponent, bits):
            return None
    return slices


def _add_slices(rest: FloatArray, slices: list[float], exponent: int, bits: int) -> bool:
    """Add a block to the slices, using it up; False where something is left."""
    for k in range(_SLICES):
        anchor = math.ldexp(1.5, exponent + bits)
        part = (rest + anchor) - anchor
        slices[k] += float(part.sum())
        rest -= part
        if not rest.any():
            return True
        exponent += bits - 53
    return False


def stable_mean(values: FloatArray, count: Ints | None = None) -> float:
    """The mean by `stable_sum`; the array must not be empty."""
    n, total = total_of(count, len(values)), stable_sum(values, count)
    return total / n if math.isfinite(total) else exact_units(values, count) / (n << UNIT_BITS)


def stable_variance(values: FloatArray, count: Ints | None = None) -> float:
    """The sample variance (divisor n - 1); 0 for a single value, infinite beyond the largest float.

    Examples
    --------
    >>> stable_variance(np.array([1.0, 2.0]), np.array([1, 2])) == 1 / 3
    True
    """
    n = total_of(count, len(values))
    if n < 2:
        return 0.0
    near, power = near_one(values)
    mean = stable_mean(near, count)
    return from_near(stable_sum((near - mean) ** 2, count) / (n - 1), 2 * power)


def near_one(values: FloatArray) -> tuple[FloatArray, int]:
    """Finite values over a power of two, and the power.

    It is 0 unless the largest value is so far from 1 that squares would leave the range of float64.

    Examples
    --------
    >>> near_one(np.array([2.0, 3.0]))[1], near_one(np.array([1e300]))[1]
    (0, 997)
    """
    top = float(np.abs(values).max()) if len(values) else 0.0
    if not top or 2.0**-200 < top < 2.0**200:
        return values, 0
    power = math.frexp(top)[1]
    return np.asarray(np.ldexp(values, -power), dtype=np.float64), power


def from_near(value: float, power: int) -> float:
    """``value · 2**power``, infinite where it is beyond the largest float."""
    try:
        return math.ldexp(value, power)
    except OverflowError:
        return math.copysign(math.inf, value)


def exact_sum(values: Ints) -> int:
    """The sum of integers in unbounded precision.

    Examples
    --------
    >>> exact_sum(np.array([2**62, 2**62, 2**62]))
    13835058055282163712
    """
    low = int((values & 0xFFFFFFFF).sum(dtype=np.int64))
    return (int((values >> 32).sum(dtype=np.int64)) << 32) + low


def exact_sum_of_squares(values: Ints) -> int:
    """The sum of squares of integers in [0, 2**40), in unbounded precision.

    Examples
    --------
    >>> exact_sum_of_squares(np.array([3, 4, 1 << 35])) == 25 + (1 << 70)
    True
    """
    high, low = values >> 20, values & 0xFFFFF
    return (exact_sum(high * high) << 40) + (exact_sum(high * low) << 21) + exact_sum(low * low)


def same_length(**arrays: Sequence[object] | npt.NDArray[np.generic] | None) -> int:
    """The common length of the arrays given; BadInput names two that differ."""
    known = {name: len(values) for name, values in arrays.items() if values is not None}
    first = next(iter(known))
    for name, length in known.items():
        if length != known[first]:
            raise BadInput(
                f"{name} has {length:,} rows where {first} has {known[first]:,}; they must be as many."
            )
    return known[first]


def counts_or_none(count: Ints | None, rows: int) -> Ints | None:
    """How many rows each row stands for, or None where it is one each.

    Raises
    ------
    BadInput
        As many counts as rows are wanted, whole numbers of at least 1, and fewer than 2**36 rows in all.
    """
    if count is None or rows == 0:
        return None
    given = np.asarray(count)
    same_length(count=given, rows=range(rows))
    if given.dtype.kind not in "iu" or int(given.min()) < 1:
        raise BadInput("count must hold whole numbers of at least 1: how many rows each row stands for.")
    times = given.astype(np.int64)
    if float(times.sum(dtype=np.float64)) >= MOST_ROWS:
        raise BadInput(f"The counts add up to more than {MOST_ROWS:,} rows, the most that is summed.")
    return None if bool((times == 1).all()) else times


def total_of(count: Ints | None, rows: int) -> int:
    """The rows that so many rows with these counts stand for."""
    return rows if count is None else int(count.sum())


def how_many(chosen: BoolArray, count: Ints | None) -> int:
    """How many rows are chosen, each as often as its count says."""
    return int(np.count_nonzero(chosen)) if count is None else int(count[chosen].sum())


def counted(codes: npt.NDArray[np.integer[Any]], count: Ints | None, minlength: int) -> Ints:
    """Rows by code, each as often as its count says; exact below 2**53 rows.

    Examples
    --------
    >>> counted(np.array([0, 1, 0]), np.array([1, 2, 3]), 3).tolist()
    [4, 2, 0]
    """
    return np.bincount(codes, weights=count, minlength=minlength).astype(np.int64)


def finite_scores(score: FloatArray, *, name: str = "score", count: Ints | None = None) -> FloatArray:
    """The scores as float64, negative zero as zero; refuses missing and infinite ones with their count.

    Raises
    ------
    Unmeasurable
        Undefined: a score is missing or infinite. Insufficient: there are no rows.
    """
    values = np.asarray(score, dtype=np.float64)
    if len(values) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    low = values.min()
    if not _all_finite(values):
        bad, rows = how_many(~np.isfinite(values), count), total_of(count, len(values))
        raise Unmeasurable(f"The {name} is missing or infinite in {bad:,} of {rows:,} rows.")
    return values if low > 0 else values + 0.0


def probabilities(score: FloatArray, *, count: Ints | None = None) -> FloatArray:
    """Finite scores, all within [0, 1]; otherwise undefined, with the count of those that are not."""
    values = finite_scores(score, count=count)
    if values.min() < 0 or values.max() > 1:
        outside, rows = how_many((values < 0) | (values > 1), count), total_of(count, len(values))
        raise Unmeasurable(
            f"The score is outside 0 to 1 in {outside:,} of {rows:,} rows, so it is no probability."
        )
    return values


def two_classes(label: BoolArray, count: Ints | None = None) -> tuple[int, int]:
    """Negatives and positives; insufficient where one of them is missing.

    Examples
    --------
    >>> two_classes(np.array([True, False, True]))
    (1, 2)
    """
    rows = total_of(count, len(label))
    positives = how_many(label, count)
    if rows == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    if positives in (0, rows):
        which = "positive" if positives else "negative"
        raise Unmeasurable(f"All {rows:,} labels are {which}: there is one class.", status="insufficient")
    return rows - positives, positives


def weights_or_none(weight: FloatArray | None, count: Ints | None = None) -> FloatArray | None:
    """The weights, or None where they are all equal and so change nothing.

    They are brought near 1 by a power of two, which no weighted figure here shows: so the largest and the
    smallest floats can be weights too.

    Raises
    ------
    Unmeasurable
        If a weight is missing, infinite or negative, or if they sum to zero.
    """
    if weight is None or len(weight) == 0:
        return None
    values = np.asarray(weight, dtype=np.float64)
    if not _all_finite(values) or values.min() < 0:
        bad = how_many(~np.isfinite(values) | (values < 0), count)
        rows = total_of(count, len(values))
        raise Unmeasurable(f"The weight is missing, infinite or negative in {bad:,} of {rows:,} rows.")
    top = float(values.max())
    if not top:
        raise Unmeasurable("All weights are zero.")
    if bool((values == values[0]).all()):
        return None
    return near_one(values)[0]


def no_weights(weight: FloatArray | None, check: str) -> None:
    """No number where weights differ and the check is defined on counts of rows.

    Raises
    ------
    Unmeasurable
        Undefined, with the sentence that says so: the other checks of a run go on.
    """
    if weights_or_none(weight) is not None:
        raise Unmeasurable(
            f"{check} is defined on counts of rows and takes no weights; the manifest's weight column "
            "differs between rows."
        )


def weighted_counts(
    codes: npt.NDArray[np.integer[Any]], weight: FloatArray, minlength: int, count: Ints | None = None
) -> tuple[FloatArray, FloatArray]:
    """Sums of weights and of their squares by code: the same bytes in any order of the rows.

    Exact but for what lies more than 78 bits below the largest weight, and one rounding.

    Examples
    --------
    >>> sums, squares = weighted_counts(np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), 2)
    >>> sums.tolist(), squares.tolist()
    ([4.0, 2.0], [10.0, 4.0])
    """
    return sums_by(codes, weight, minlength, count), sums_by(codes, weight * weight, minlength, count)


def sums_by(
    codes: npt.NDArray[np.integer[Any]], values: FloatArray, minlength: int, count: Ints | None = None
) -> FloatArray:
    """Sums of finite values by code in three words of 26 bits below the largest, each added exactly.

    For up to 2**27 rows; the same bytes in any order, with rows repeated or counted.

    Examples
    --------
    >>> sums_by(np.array([0, 1, 0]), np.array([0.1, 2.0, 0.2]), 2).tolist()
    [0.30000000000000004, 2.0]
    """
    found = np.zeros(minlength)
    if not len(values):
        return found
    top = math.frexp(float(np.abs(values).max()))[1]
    rest = np.ldexp(values, -top)
    words = []
    for _ in range(3):
        rest = rest * 2.0**26
        word = np.trunc(rest)
        rest = rest - word
        words.append(np.bincount(codes, weights=word if count is None else word * count, minlength=minlength))
    for k, word in reversed(list(enumerate(words, start=1))):
        found += np.ldexp(word, -26 * k)
    return np.asarray(np.ldexp(found, top), dtype=np.float64)


def share(part: int, whole: int) -> Fraction | None:
    """``part / whole`` as a fraction; None where the denominator is zero."""
    return Fraction(part, whole) if whole else None
