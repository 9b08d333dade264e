"""Loops of the drift checks: sorting a column, and one merge of two sorted samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.engine.kernels import kernel

BLOCK = 4096
CROWD = 24
_DIGIT, _PASSES = 8, 5
_LOW = 64 - _DIGIT * _PASSES
_SIZE = 1 << _DIGIT
_SIGN = np.uint64(1 << 63)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_INFINITE = np.uint64(0x7FF0000000000000)
_SHIFTS = np.array([_LOW + _DIGIT * d for d in range(_PASSES)], dtype=np.uint64)
_MASK = np.uint64(_SIZE - 1)


@kernel
def _keys(bits: Any, keys: Any, counts: Any) -> int:
    """Order-keeping integers of the values that are numbers, and how often each digit occurs; how many."""
    n = 0
    for k in range(bits.size):
        b = bits[k]
        if (b & ~_SIGN) > _INFINITE:
            continue
        if b == _SIGN:
            b = np.uint64(0)
        b = b ^ _ALL if b & _SIGN else b ^ _SIGN
        keys[n] = b
        n += 1
        for d in range(_PASSES):
            counts[d, (b >> _SHIFTS[d]) & _MASK] += 1
    for d in range(_PASSES):
        total = 0
        for k in range(_SIZE):
            held = counts[d, k]
            counts[d, k] = total
            total += held
    return n


@kernel
def _settle(keys: Any, n: int) -> bool:
    """Insertion sort of what is nearly sorted; False where a key would have to go far."""
    for k in range(1, n):
        b = keys[k]
        place = k
        while place > 0 and keys[place - 1] > b:
            keys[place] = keys[place - 1]
            place -= 1
            if k - place > CROWD:
                return False
        keys[place] = b
    return True


@kernel
def sort_bits(bits: Any, first: Any, second: Any) -> int:
    """Sort the float64 values whose bits are given into `second`; how many are numbers, or -1 if too alike.

    The upper 40 bits of an order-keeping integer are sorted by five counting passes, what they leave equal
    by insertion; -1 where more than `CROWD` different values agree in all of them, so that another sort must
    do it. NaN is left out, -0 becomes 0.
    """
    counts = np.zeros((_PASSES, _SIZE), dtype=np.int64)
    n = _keys(bits, first, counts)
    for d in range(_PASSES):
        source, target = (second, first) if d % 2 else (first, second)
        for k in range(n):
            b = source[k]
            digit = (b >> _SHIFTS[d]) & _MASK
            target[counts[d, digit]] = b
            counts[d, digit] += 1
    if not _settle(second, n):
        return -1
    for k in range(n):
        b = second[k]
        second[k] = b ^ _SIGN if b & _SIGN else b ^ _ALL
    return n


@kernel
def merge_samples(a: Any, b: Any, sums: Any) -> Any:
    """One merge of two sorted samples without NaN, of n and m values.

    Returns
    -------
    tuple
        The largest ``|n_a(v) m - n_b(v) n|`` over values v, n(v) the values up to v, and the first v where it
        is reached. `sums` receives the sums of the same figure times the gap to the next different value, one
        for each `BLOCK` different values.
    """
    n, m = a.size, b.size
    i = j = k = block = best = 0
    at = prev = min(a[0], b[0])
    part = 0.0
    while i < n and j < m:
        x, y = a[i], b[j]
        v = x if x <= y else y
        if v != prev:
            d = abs(i * m - j * n)
            part += d * (v - prev)
            if d > best:
                best, at = d, prev
            prev = v
            k += 1
            if k == BLOCK:
                sums[block] = part
                block, k, part = block + 1, 0, 0.0
        i += x <= y
        j += y <= x
    rest, start, scale, other = (a, i, m, j * n) if i < n else (b, j, n, i * m)
    for p in range(start, rest.size):
        v = rest[p]
        if v != prev:
            d = abs(p * scale - other)
            part += d * (v - prev)
            if d > best:
                best, at = d, prev
            prev = v
            k += 1
            if k == BLOCK:
                sums[block] = part
                block, k, part = block + 1, 0, 0.0
    sums[block] = part
    return best, at


@kernel
def run_sums(a: Any, centre: float, power: int, sums: Any) -> None:
    """Sums over the runs of a sorted sample of length × (value - centre) ** power, one each `BLOCK` runs."""
    k = block = 0
    part = 0.0
    start = 0
    n = a.size
    for p in range(1, n + 1):
        if p < n and a[p] == a[start]:
            continue
        d = a[start] - centre
        part += (p - start) * (d * d if power == 2 else d)
        start = p
        k += 1
        if k == BLOCK:
            sums[block] = part
            block, k, part = block + 1, 0, 0.0
    sums[block] = part
