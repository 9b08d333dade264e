"""One rate of each group, from its cells: exact, with what its interval rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from apps.engine.measures.fairness.tables import Table


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of one group: `part` of `whole`, in a group of `n` rows; `named` says what they are.

    With weights both are sums of weights in a unit that makes them integers, `rows` the rows behind them, and
    `effective` is Kish's size ``(Σ w)² / Σ w²`` of the rows in `whole`.

    Examples
    --------
    >>> Rate(30, 100, 120, ("selected", "deserving")).fraction
    Fraction(3, 10)
    """

    part: int
    whole: int
    n: int
    named: tuple[str, str]
    rows: tuple[int, int] | None = None
    effective: float | None = None

    @property
    def sample(self) -> tuple[float, float]:
        """What intervals rest on: the counts, or with weights the share of Kish's effective size."""
        if self.effective is None:
            return self.part, self.whole
        return self.part / self.whole * self.effective, self.effective

    @property
    def size(self) -> int:
        """The rows of the denominator."""
        return self.whole if self.rows is None else self.rows[1]

    @property
    def fraction(self) -> Fraction | None:
        """The rate; None where the denominator is zero."""
        return Fraction(self.part, self.whole) if self.whole else None

    @property
    def number(self) -> float | None:
        """The rate as the nearest float; None where the denominator is zero."""
        return self.part / self.whole if self.whole else None

    def counts(self) -> dict[str, int]:
        """Numerator and denominator in rows, by name; the group's size is not said twice."""
        top, bottom = self.rows if self.rows is not None else (self.part, self.whole)
        found = {self.named[0]: top}
        if self.named[1] != "n":
            found[self.named[1]] = bottom
        return found


def rates_of(table: Table, top: Sequence[int], bottom: Sequence[int], named: tuple[str, str]) -> list[Rate]:
    """The rate of each group: cells `top` of cells `bottom`.

    Examples
    --------
    >>> import numpy as np
    >>> rates_of(Table("g", ("a",), np.array([[3, 1]])), [1], [0, 1], ("selected", "n"))[0].fraction
    Fraction(1, 4)
    """
    sizes = table.sizes
    parts, wholes = (table.rows[:, list(cells)].sum(axis=1).tolist() for cells in (top, bottom))
    if table.sums is None or table.squares is None:
        return [Rate(p, w, n, named) for p, w, n in zip(parts, wholes, sizes, strict=True)]
    weights = whole_numbers(table.sums.tolist())
    unit = weights.unit
    squares = table.squares[:, list(bottom)].tolist()
    found = []
    for k, cells in enumerate(weights.cells):
        part, whole = sum(cells[c] for c in top), sum(cells[c] for c in bottom)
        square = math.fsum(squares[k])
        effective = (whole / unit) ** 2 / square if square else None
        found.append(Rate(part, whole, sizes[k], named, (parts[k], wholes[k]), effective))
    return found


@dataclass(frozen=True, slots=True)
class Whole:
    """Floats as whole numbers of ``1 / unit``, exactly."""

    cells: list[list[int]]
    unit: int


def whole_numbers(sums: list[list[float]]) -> Whole:
    """Floats in one unit that makes them all integers: a power of two.

    Examples
    --------
    >>> whole_numbers([[0.5, 2.0]])
    Whole(cells=[[1, 4]], unit=2)
    """
    ratios = [[value.as_integer_ratio() for value in row] for row in sums]
    unit = max((bottom for row in ratios for _, bottom in row), default=1)
    return Whole([[top * (unit // bottom) for top, bottom in row] for row in ratios], unit)


def overall(rates: Sequence[Rate]) -> Rate:
    """All rows together."""
    whole = sum(r.whole for r in rates)
    joined = Rate(sum(r.part for r in rates), whole, sum(r.n for r in rates), rates[0].named)
    if rates[0].rows is None or not whole:
        return joined
    squares = math.fsum(r.whole / whole * (r.whole / whole) / r.effective for r in rates if r.effective)
    rows = (sum(r.rows[0] for r in rates if r.rows), sum(r.rows[1] for r in rates if r.rows))
    return replace(joined, rows=rows, effective=1 / squares if squares else None)
