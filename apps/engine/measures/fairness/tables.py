"""Groups with their cells: what is left of the rows once they are counted.

All attributes asked for are counted together in one pass where their cells are few; the table of one
attribute is then a sum over the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import BoolArray, Coded, Columns, FloatArray
from apps.engine.measures.fairness.cells import ONES, Mass, count_joint, sum_cells
from apps.engine.measures.fairness.groups import (
    JOIN,
    Attributes,
    Partition,
    asked_for,
    crossed_levels,
    partitions,
)
from apps.engine.numeric import Ints, same_length

_TOGETHER = 1 << 16


@dataclass(frozen=True, slots=True)
class Table:
    """The groups of one attribute or intersection, and how the rows of each fall into cells.

    Parameters
    ----------
    rows : int array (groups, cells)
        Rows of each group in each cell; the last flag changes fastest.
    sums, squares : float arrays (groups, cells) or None
        The exact sums of weights, and of their squares, where rows have weights that differ.
    """

    attribute: str
    levels: tuple[str, ...]
    rows: Ints
    sums: FloatArray | None = None
    squares: FloatArray | None = None

    @property
    def sizes(self) -> list[int]:
        """Rows of each group."""
        sizes: list[int] = self.rows.sum(axis=1).tolist()
        return sizes

    @property
    def masses(self) -> Ints | FloatArray:
        """Weights by cell; without weights the rows."""
        return self.rows if self.sums is None else self.sums

    def effective(self, groups: Sequence[int]) -> float | None:
        """Kish's size ``(Σ w)² / Σ w²`` of the rows of some groups; None without weights."""
        if self.sums is None or self.squares is None:
            return None
        total, squares = (
            math.fsum(part[list(groups)].ravel().tolist()) for part in (self.sums, self.squares)
        )
        return total * total / squares if squares else 0.0

    def only(self, keep: Callable[[str], bool]) -> Table:
        """The groups whose name is kept."""
        held = [k for k, level in enumerate(self.levels) if keep(level)]
        levels = tuple(self.levels[k] for k in held)
        cut = [None if part is None else part[held] for part in (self.sums, self.squares)]
        return Table(self.attribute, levels, self.rows[held], *cut)


def tables(
    protected: Columns | None, attributes: Attributes | None, mass: Mass = ONES, **flags: BoolArray
) -> list[Table]:
    """A table for each attribute or intersection asked for; by default each protected attribute.

    Parameters
    ----------
    mass : Mass
        How many equal rows each row stands for, and their weight.
    flags : bool arrays (n,)
        What divides a group into cells, by name; the last changes fastest.

    Raises
    ------
    BadInput
        An attribute that the data lack, or arrays of another length.
    Unmeasurable
        Insufficient: no attribute, or no rows.

    Examples
    --------
    >>> both = Columns.of(sex=["F", "M"], race=["a", None])
    >>> [t.levels for t in tables(both, ["sex", ["sex", "race"]], chosen=np.array([True, False]))]
    [('F', 'M'), ('F × a', 'M × (missing)')]
    """
    columns, asked = asked_for(protected, attributes)
    same_length(**flags, protected=range(columns.rows), count=mass.rows)
    held = list(flags.values())
    names = list(dict.fromkeys(name for one in asked for name in one))
    coded = {name: columns[name].coded() for name in names}
    cells = math.prod(len(one.levels) for one in coded.values()) << len(flags)
    if mass.weight is not None or cells > _TOGETHER:
        return [table_of(part, *held, mass=mass) for part in partitions(protected, attributes)]
    return _together(asked, coded, held, mass)


def table_of(part: Partition, *flags: BoolArray, mass: Mass = ONES) -> Table:
    """The table of one partition, by a pass of its own."""
    size, cells = len(part.levels), 1 << len(flags)
    rows = count_joint([part.codes], [size], flags, mass.count).reshape(size, cells)
    if mass.weight is None:
        return Table(part.attribute, part.levels, rows)
    code = part.codes.astype(np.intp)
    for flag in flags:
        code = code * 2 + flag
    weights = (mass.weight, mass.weight * mass.weight)
    sums, squares = (sum_cells(code, w, size * cells, mass.count).reshape(size, cells) for w in weights)
    return Table(part.attribute, part.levels, rows, sums, squares)


def _together(
    asked: Sequence[Sequence[str]], coded: dict[str, Coded], flags: Sequence[BoolArray], mass: Mass
) -> list[Table]:
    """All tables from one pass over the rows."""
    names = list(coded)
    sizes = [len(coded[name].levels) for name in names]
    joint = count_joint([coded[name].codes for name in names], sizes, flags, mass.count)
    joint = joint.reshape(*sizes, 1 << len(flags))
    return [_summed(list(dict.fromkeys(one)), names, coded, joint) for one in asked]


def _summed(one: Sequence[str], names: Sequence[str], coded: dict[str, Coded], joint: Ints) -> Table:
    others = tuple(k for k, name in enumerate(names) if name not in one)
    left = [name for name in names if name in one]
    order = [left.index(name) for name in one]
    rows = joint.sum(axis=others).transpose(*order, len(order)).reshape(-1, joint.shape[-1])
    present = np.flatnonzero(rows.any(axis=1))
    levels = crossed_levels([coded[name].levels for name in one], present.tolist())
    return Table(JOIN.join(one), levels, rows[present])
