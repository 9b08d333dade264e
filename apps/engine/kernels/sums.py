"""Exact sums of float64 values: integer sums by exponent, so that no order and no cut changes a bit.

A value is ``m · 2**(e - 1075)`` with an integer m below 2**53. Its 27 low and 26 high bits are added to two
64-bit sums of its exponent, which holds for 2**36 values, counted with their multiplicities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.kernels import kernel

_EXPONENTS, _LOW_BITS = 0x7FF, 27
_HIDDEN, _LOW_MASK = 1 << 52, (1 << 27) - 1


@kernel
def _parts(b: Any) -> Any:
    """Exponent and signed significand of the bits of a float64."""
    e = (b >> 52) & _EXPONENTS
    m = b & (_HIDDEN - 1)
    if e:
        m |= _HIDDEN
    else:
        e = np.int64(1)
    return e, -m if b < 0 else m


@kernel
def add_exact(bits: Any, count: Any, low: Any, high: Any) -> None:
    """Add values, given as the bits of float64, to (4, 2048) sums; an empty count means 1 each."""
    counted = len(count) > 0
    for i in range(len(bits)):
        e, m = _parts(bits[i])
        times = count[i] if counted else 1
        low[i & 3, e] += (m & _LOW_MASK) * times
        high[i & 3, e] += (m >> _LOW_BITS) * times


@kernel
def add_segments(bits: Any, ends: Any, keys: Any, low: Any, high: Any) -> int:
    """Sums of consecutive segments: a record for each stretch of one exponent, few where values are sorted.

    `keys` receives ``2048 · segment + exponent``, `low` and `high` its sums. Returns how many records there
    are, or -1 where they are more than there is room for.
    """
    made, start = 0, 0
    for segment in range(len(ends)):
        held = np.int64(0)
        low_sum, high_sum = np.int64(0), np.int64(0)
        for i in range(start, ends[segment] + 1):
            e, m = np.int64(0), np.int64(0)
            if i < ends[segment]:
                e, m = _parts(bits[i])
            if e != held:
                if held:
                    if made == len(keys):
                        return -1
                    keys[made], low[made], high[made] = segment * 2048 + held, low_sum, high_sum
                    made += 1
                held = e
                low_sum, high_sum = np.int64(0), np.int64(0)
            low_sum += m & _LOW_MASK
            high_sum += m >> _LOW_BITS
        start = ends[segment]
    return made
