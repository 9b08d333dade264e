"""A table in one large file shared out: slices of its row groups, by the row that each begins at.

A slice is named as if the file were a folder: ``holdout.parquet/3/10`` is the third of ten. Whoever shares
out need not have looked into the file: a row group belongs to the slice in whose tenth of the rows it begins,
so each is read once, and a slice in which none begins has no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.engine.errors import BadInput

if TYPE_CHECKING:  # whoever shares out reads no table
    from apps.engine.parts import Piece

_NAME = re.compile(r"([^/]+)/([1-9][0-9]{0,3})/([1-9][0-9]{0,3})\Z")


@dataclass(frozen=True, slots=True)
class Slice:
    """Some row groups of a file.

    Parameters
    ----------
    file : str
        The name of the file.
    number, of : int
        Which of how many, counted from 1.
    """

    file: str
    number: int
    of: int

    @property
    def name(self) -> str:
        """As partitions name it."""
        return f"{self.file}/{self.number}/{self.of}"

    def holds(self, piece: Piece, rows: int) -> bool:
        """Whether a row group of a table of so many rows belongs to it."""
        return piece.first * self.of // max(rows, 1) + 1 == self.number


def names(file: str, of: int) -> list[str]:
    """The slices of a file.

    Examples
    --------
    >>> names("holdout.parquet", 2)
    ['holdout.parquet/1/2', 'holdout.parquet/2/2']
    """
    return [Slice(file, number, of).name for number in range(1, of + 1)]


def read(name: str) -> Slice | None:
    """The slice of a name; None where it names a whole file.

    Examples
    --------
    >>> read("holdout.parquet/3/10")
    Slice(file='holdout.parquet', number=3, of=10)
    >>> read("holdout.parquet") is None
    True
    """
    match = _NAME.match(name)
    return Slice(match[1], int(match[2]), int(match[3])) if match else None


def asked(wanted: Sequence[str], file: str) -> list[Slice]:
    """The slices of that one file that are named; none where whole files are.

    Raises
    ------
    BadInput
        A name is of no slice of this file, or the slices are not cut alike.
    """
    found = [read(name) for name in wanted]
    if not any(found):
        return []
    slices = [one for one in found if one is not None and one.file == file and one.number <= one.of]
    if len(slices) != len(wanted) or len({one.of for one in slices}) != 1:
        raise BadInput(f"{', '.join(wanted)} are not slices of the file {file}, cut alike.")
    return slices


def whole(every: Iterable[str]) -> bool:
    """Whether names are whole files, or all slices of one.

    Examples
    --------
    >>> whole(["a.parquet", "b.parquet"]), whole(names("a.parquet", 3)), whole(names("a.parquet", 3)[:2])
    (True, True, False)
    """
    told = list(every)
    slices = [one for one in map(read, told) if one is not None]
    return not slices or sorted(told) == sorted(names(slices[0].file, slices[0].of))
