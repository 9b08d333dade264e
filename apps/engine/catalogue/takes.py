"""What checks take of a machine: processors, memory by rows and features, a GPU. Pure data.

The bytes are what a check holds at its peak besides what the process takes anyway, measured on a million rows
and rounded up; they choose where a run waits and are told before it is asked for, they limit nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# An interpreter with its numeric libraries and a model of ordinary size.
PROCESS = 320 << 20
# Bytes of each value of the features while a model scores all rows.
SCORING = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What one check takes.

    Parameters
    ----------
    cores : {"one", "all"}
        Whether more processors make it faster.
    row : int
        Bytes for each row.
    cell : int
        Bytes for each value of the features.
    gpu : {"none", "optional"}
        Whether it is faster where there is a GPU; none needs one.
    """

    cores: Literal["one", "all"] = "one"
    row: int = 0
    cell: int = 0
    gpu: Literal["none", "optional"] = "none"

    def memory(self, rows: int, features: int) -> int:
        """Bytes at the peak, with the process itself.

        Examples
        --------
        >>> Takes(row=8, cell=16).memory(1_000_000, 20) - PROCESS
        328000000
        """
        return PROCESS + rows * (self.row + self.cell * features)

    def words(self) -> str:
        """In words, for people.

        Examples
        --------
        >>> Takes(cores="all", cell=16, gpu="optional").words()
        'every processor; 16 bytes a value of the features; a GPU where there is one'
        """
        memory = [f"{self.row} bytes a row"] if self.row else []
        memory += [f"{self.cell} bytes a value of the features"] if self.cell else []
        parts = ["every processor" if self.cores == "all" else "one processor"]
        parts += [" and ".join(memory) or "no memory that grows with the data"]
        return "; ".join([*parts, "a GPU where there is one"] if self.gpu == "optional" else parts)


NOTHING = Takes()  # declarations and bytes, no rows
COUNTS = Takes(cores="all", row=64)  # one pass, then counts
SCORES = Takes(cores="all", row=96)  # one pass over the scores, or a sort of them
BY_COLUMN = Takes(cores="all", row=64, cell=24)  # every column, one or a few at a time
SAMPLED = Takes(cores="all", cell=24)  # the model asked about a sample of rows
EXPLAINED = Takes(cores="all", cell=32, gpu="optional")
NEIGHBOURS = Takes(cores="all", row=64, cell=32)
