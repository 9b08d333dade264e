"""Sums and cleanings whose result does not depend on the order of the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import BadInput, Unmeasurable

Ints = npt.NDArray[np.int64]
_MANY, _BLOCK, _SLICES = 2048, 16_384, 6


def stable_sum(values: FloatArray) -> float:
    """The correctly rounded sum of float64 values: the same bytes in any order.

    Examples
    --------
    >>> stable_sum(np.array([1e100, 1.0, -1e100, 2.0]))
    3.0
    """
    given = np.asarray(values, dtype=np.float64)
    found = _sliced_sum(given) if len(given) >= _MANY else None
    return math.fsum(given.tolist()) if found is None else found


def _sliced_sum(values: FloatArray) -> float | None:
    """The same sum from slices of the bits, each of which floating point adds without rounding.

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
        return None if top else 0.0
    slices = [0.0] * _SLICES
    for start in range(0, len(values), _BLOCK):
        rest = values[start : start + _BLOCK].copy()
        if not _add_slices(rest, slices, exponent, bits):
            return None
    return math.fsum(slices)


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


def stable_mean(values: FloatArray) -> float:
    """The mean by `stable_sum`; the array must not be empty."""
    return stable_sum(values) / len(values)


def stable_variance(values: FloatArray) -> float:
    """The sample variance (divisor n - 1); 0 for a single value."""
    if len(values) < 2:
        return 0.0
    mean = stable_mean(values)
    return stable_sum((values - mean) ** 2) / (len(values) - 1)


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


def finite_scores(score: FloatArray, *, name: str = "score") -> FloatArray:
    """The scores as float64, negative zero as zero; refuses missing and infinite ones with their count.

    Raises
    ------
    Unmeasurable
        Undefined: a score is missing or infinite. Insufficient: there are no rows.
    """
    values = np.asarray(score, dtype=np.float64)
    if len(values) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise Unmeasurable(f"The {name} is missing or infinite in {bad:,} of {len(values):,} rows.")
    return values + 0.0


def probabilities(score: FloatArray) -> FloatArray:
    """Finite scores, all within [0, 1]; otherwise undefined, with the count of those that are not."""
    values = finite_scores(score)
    outside = int(np.count_nonzero((values < 0) | (values > 1)))
    if outside:
        raise Unmeasurable(
            f"The score is outside 0 to 1 in {outside:,} of {len(values):,} rows, so it is no probability."
        )
    return values


def two_classes(label: BoolArray) -> tuple[int, int]:
    """Negatives and positives; insufficient where one of them is missing.

    Examples
    --------
    >>> two_classes(np.array([True, False, True]))
    (1, 2)
    """
    positives = int(np.count_nonzero(label))
    negatives = len(label) - positives
    if len(label) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    if not positives or not negatives:
        which = "positive" if positives else "negative"
        raise Unmeasurable(
            f"All {len(label):,} labels are {which}: there is one class.", status="insufficient"
        )
    return negatives, positives


def weights_or_none(weight: FloatArray | None) -> FloatArray | None:
    """The weights, or None where they are all equal and so change nothing.

    Raises
    ------
    Unmeasurable
        If a weight is missing, infinite or negative, or if they sum to zero.
    """
    if weight is None or len(weight) == 0:
        return None
    values = np.asarray(weight, dtype=np.float64)
    bad = int(np.count_nonzero(~np.isfinite(values) | (values < 0)))
    if bad:
        raise Unmeasurable(f"The weight is missing, infinite or negative in {bad:,} of {len(values):,} rows.")
    if not values.any():
        raise Unmeasurable("All weights are zero.")
    return None if bool((values == values[0]).all()) else values


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
    codes: npt.NDArray[np.intp], weight: FloatArray, minlength: int
) -> tuple[FloatArray, FloatArray]:
    """Sums of weights and of their squares by code: the same bytes in any order of the rows.

    Examples
    --------
    >>> sums, squares = weighted_counts(np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]), 2)
    >>> sums.tolist(), squares.tolist()
    ([4.0, 2.0], [10.0, 4.0])
    """
    order = np.lexsort((weight, codes))
    ordered, w = codes[order], weight[order]
    sums: FloatArray = np.bincount(ordered, weights=w, minlength=minlength).astype(np.float64)
    squares: FloatArray = np.bincount(ordered, weights=w * w, minlength=minlength).astype(np.float64)
    return sums, squares


def share(part: int, whole: int) -> Fraction | None:
    """``part / whole`` as a fraction; None where the denominator is zero."""
    return Fraction(part, whole) if whole else None
