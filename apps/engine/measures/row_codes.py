"""Rows as integers: equal rows have equal codes, whatever the coding of their columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.engine.columns import Column, Columns, FloatArray
from apps.engine.errors import BadInput

Codes = npt.NDArray[np.int64]


def row_codes(tables: Sequence[Columns], names: Sequence[str]) -> list[Codes]:
    """A code for each row of each table; rows with the same values share it, within and across tables.

    Missing values equal each other, 0 equals -0, and a column that holds numbers in every table is compared
    as numbers. No hashing: two different rows never share a code.

    Examples
    --------
    >>> one, two = Columns.of(a=[1.0, 1.0], b=["x", "y"]), Columns.of(a=[1.0], b=["y"])
    >>> [codes.tolist() for codes in row_codes([one, two], ["a", "b"])]
    [[0, 1], [1]]
    """
    total = sum(table.rows for table in tables)
    joint = np.zeros(total, dtype=np.int64)
    for name in names:
        codes, levels = value_codes([table[name] for table in tables])
        joint = np.unique(joint * levels + codes, return_inverse=True)[1]
    return np.split(joint.astype(np.int64), np.cumsum([table.rows for table in tables])[:-1])


def value_codes(columns: Sequence[Column]) -> tuple[Codes, int]:
    """Codes of one column's values over all tables, one table after the other, and how many there are."""
    numbers = _numbers(columns)
    if numbers is not None:
        values = np.concatenate(numbers) + 0.0
        levels, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), max(1, len(levels))
    coded = [column.coded() for column in columns]
    names = sorted({level for one in coded for level in one.levels})
    place = {name: k for k, name in enumerate(names)}
    found = [
        np.array([place[level] for level in one.levels], dtype=np.int64)[one.codes] if len(one) else one.codes
        for one in coded
    ]
    return np.concatenate(found).astype(np.int64), max(1, len(names))


def _numbers(columns: Sequence[Column]) -> list[FloatArray] | None:
    """The numbers of every table; None where one holds others, or whole numbers that float64 would round."""
    if any(column.kind != "number" for column in columns):
        return None
    try:
        return [column.numbers() for column in columns]
    except BadInput:
        return None
