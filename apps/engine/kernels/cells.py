"""Counting small integers: the compiled twins of `np.bincount`, and of the sum of codes that it counts."""

from __future__ import annotations

from typing import Any

from apps.engine.kernels import kernel


@kernel
def count_codes(code: Any, counts: Any) -> None:
    """Add how often each code occurs to the four rows of `counts`, shape (4, cells).

    Four private copies hide the wait of a store for the load that follows it in the same cell.
    """
    n = len(code)
    whole = n - n % 4
    for i in range(0, whole, 4):
        counts[0, code[i]] += 1
        counts[1, code[i + 1]] += 1
        counts[2, code[i + 2]] += 1
        counts[3, code[i + 3]] += 1
    for i in range(whole, n):
        counts[0, code[i]] += 1


@kernel
def add_codes(code: Any, adds: Any, cell: Any) -> None:
    """Add to the cell of each row what its code stands for: ``cell += adds[code]``."""
    for i in range(len(code)):
        cell[i] += adds[code[i]]
