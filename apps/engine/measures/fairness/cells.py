"""Rows into cells: counts and exact sums by code, the same bytes for any order and any repetition of rows.

Everything here takes `count`, how many identical rows each row stands for: a table of different rows with
their counts gives what the rows themselves give.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import BoolArray, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.numeric import counts_or_none, same_length, total_of, weights_or_none
from apps.engine.resources import each

Codes = npt.NDArray[np.integer]
_CHUNK = 1 << 19
_THREADS_FROM = 1 << 21
_PAIRS_FROM = 1 << 17
_BLOCK, _LARGE, _SHRINK = 1 << 15, 2.0**900, 2.0**-120
_LOADED, _NOT_LOADED = 1 << 18, 1 << 28


@dataclass(frozen=True, slots=True)
class Mass:
    """What each row stands for: so many equal rows, of this weight each; None means 1, for any rows."""

    count: IntArray | None = None
    weight: FloatArray | None = None
    rows: range | None = None

    @classmethod
    def of(cls, count: IntArray | None, weight: FloatArray | None = None) -> Mass:
        """Checked: counts that are all 1 and weights that are all equal are none.

        Examples
        --------
        >>> Mass.of(np.array([1, 1]), np.array([2.0, 2.0]))
        Mass(count=None, weight=None, rows=range(0, 2))
        """
        given = count if count is not None else weight
        if given is None:
            return ONES
        same_length(count=given, weight=weight)
        times = None if count is None else counts_or_none(count, len(count))
        return cls(times, weights_or_none(weight, times), range(len(given)))

    def total(self, rows: int) -> int:
        """How many rows so many rows stand for."""
        return total_of(self.count, rows)

    def cut(self, rows: npt.NDArray[np.intp]) -> Mass:
        """The same for some of the rows."""
        return Mass(
            None if self.count is None else self.count[rows],
            None if self.weight is None else self.weight[rows],
        )


ONES = Mass()


def count_cells(code: Codes, cells: int, count: IntArray | None = None) -> IntArray:
    """How often each code in [0, cells) occurs, as int64; exact below 2**53 rows.

    Examples
    --------
    >>> count_cells(np.array([0, 2, 2]), 3).tolist()
    [1, 0, 2]
    >>> count_cells(np.array([0, 2]), 3, np.array([1, 2])).tolist()
    [1, 0, 2]
    """
    if count is not None:
        return np.bincount(code, weights=count, minlength=cells).astype(np.int64)
    if code.dtype.itemsize <= 2 and _compiled(len(code)):
        from apps.engine.kernels.cells import count_codes

        copies = np.zeros((4, cells), dtype=np.int64)
        count_codes(code, copies)
        return np.asarray(copies.sum(axis=0))
    if code.dtype == np.uint8 and len(code) >= _PAIRS_FROM:
        return _by_pairs(code, cells)
    return np.bincount(code, minlength=cells).astype(np.int64, copy=False)


def _compiled(rows: int) -> bool:
    """Loading compiled code costs a good part of a second, which counting alone seldom earns back."""
    return kernels.worth(rows, enough=_LOADED if "numba" in sys.modules else _NOT_LOADED)


def _by_pairs(code: Codes, cells: int) -> IntArray:
    """Bytes counted two at a time: half the steps, and neighbouring rows seldom meet in a cell."""
    even, width = len(code) & ~1, 1 << (cells - 1).bit_length()
    pairs = code[:even].view(np.uint16)
    if width < 256:  # a table small enough for the nearest cache
        pairs = pairs - (pairs >> np.uint16(8)) * np.uint16(256 - width)
    table = np.bincount(pairs, minlength=width * width).reshape(width, width)
    found: IntArray = (table.sum(axis=0) + table.sum(axis=1)).astype(np.int64)
    if even < len(code):
        found[code[-1]] += 1
    return found[:cells]


def count_joint(
    codes: Sequence[Codes], sizes: Sequence[int], flags: Sequence[BoolArray], count: IntArray | None = None
) -> IntArray:
    """Rows by several codes and flags at once, shape (*sizes, 2, …, 2): one pass, on threads where many.

    Parameters
    ----------
    codes : sequence of int arrays (n,)
        Each in [0, its size).
    flags : sequence of bool arrays (n,)

    Examples
    --------
    >>> count_joint([np.array([0, 1, 1])], [2], [np.array([True, False, True])]).tolist()
    [[0, 1], [1, 1]]
    """
    flags = [np.asarray(flag, dtype=np.bool_) for flag in flags]
    shape = (*sizes, *[2] * len(flags))
    cells = math.prod(shape)
    n = len(codes[0])
    kind = np.uint8 if cells < 1 << 8 else np.uint16 if cells < 1 << 16 else np.intp
    step = _CHUNK if cells < 1 << 16 else max(n, 1)

    def part(start: int) -> IntArray:
        rows = slice(start, start + step)
        code = _joined([c[rows] for c in codes], sizes, [f[rows] for f in flags], kind)
        return count_cells(code, cells, None if count is None else count[rows])

    starts = range(0, max(n, 1), step)
    done = each(part, starts) if n >= _THREADS_FROM else [part(start) for start in starts]
    return np.asarray(sum(done[1:], start=done[0])).reshape(shape)


def _joined(
    codes: Sequence[Codes], sizes: Sequence[int], flags: Sequence[BoolArray], kind: type[np.integer]
) -> Codes:
    joint = codes[0].astype(kind)
    for code, size in zip(codes[1:], sizes[1:], strict=True):
        joint *= kind(size)
        joint += code.astype(kind)
    for flag in flags:
        joint += joint
        joint += flag.view(np.uint8)
    return joint


def sum_cells(code: Codes, values: FloatArray, cells: int, count: IntArray | None = None) -> FloatArray:
    """The correctly rounded sum of finite values in each cell, each value taken `count` times.

    Values are cut at multiples of one power of two that leave room for as many additions as there are rows,
    so that floating point adds without rounding, in any order; what is left is cut again until nothing is.
    Beside values above 2**900 those below 2**-900 may be lost.

    References
    ----------
    Rump, Ogita, Oishi (2008), SIAM Journal on Scientific Computing 31, 189-224.

    Examples
    --------
    >>> sum_cells(np.array([0, 1, 0, 0]), np.array([1e100, 0.1, 1.0, -1e100]), 2).tolist()
    [1.0, 0.1]
    >>> sum_cells(np.array([0]), np.array([0.1]), 1, np.array([10])).tolist()
    [1.0]
    """
    if not len(values):
        return np.zeros(cells)
    top, scale = max(float(values.max()), -float(values.min())), 1.0
    if not math.isfinite(top):
        raise Unmeasurable(
            "The values are too large: a sum of their squares is beyond what is computed with."
        )
    if top > _LARGE:
        values, top, scale = values * _SHRINK, top * _SHRINK, 1 / _SHRINK
    bits = max(2, total_of(count, len(values))).bit_length() + 1
    slices: list[FloatArray] = [np.zeros(cells)]
    step = max(_BLOCK, 4 * cells)
    for start in range(0, len(values), step):
        rows = slice(start, start + step)
        times = None if count is None else count[rows]
        _add_slices(slices, code[rows], np.array(values[rows], np.float64), times, (math.frexp(top)[1], bits))
    if len(slices) == 1:
        return slices[0] * scale
    return np.array([math.fsum(cell) for cell in np.stack(slices, axis=1).tolist()]) * scale


def _add_slices(
    slices: list[FloatArray], code: Codes, rest: FloatArray, count: IntArray | None, cut: tuple[int, int]
) -> None:
    """Add a block to the sums of each slice by cell, exact each; uses `rest` up."""
    (exponent, bits), k = cut, 0
    cells = len(slices[0])
    while k == 0 or rest.any():
        anchor = math.ldexp(1.5, exponent + bits + k * (bits - 53))
        part = (rest + anchor) - anchor
        rest -= part
        if k == len(slices):
            slices.append(np.zeros(cells))
        slices[k] += np.bincount(code, weights=part if count is None else part * count, minlength=cells)
        k += 1
