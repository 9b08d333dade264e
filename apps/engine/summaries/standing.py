"""A summary in place of the rows of a data set: the roles, read by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from apps.engine.columns import BoolArray, Column, FloatArray, IntArray
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.summaries.layout import AT_LEAST
from apps.engine.summaries.summary import Summary, Type
from apps.engine.table_column import TableColumn
from apps.engine.tables import Table

_ARROW = {"text": pa.string(), "number": pa.float64(), "boolean": pa.bool_()}
_BOTH = 3


class Standing(DataSet):
    """What a check sees of a summed-up data set: each different tuple as a row, with `count`.

    Parameters
    ----------
    data : DataSet
        The data set that was summed up.
    summary : Summary
        Of it.
    """

    def __init__(self, data: DataSet, summary: Summary) -> None:
        super().__init__(data.spec, data.path, lambda: data.model, data.declared_features)
        self._data = data
        self.summary = summary

    @property
    def digest(self) -> str:
        """That of the data set."""
        return self._data.digest

    @property
    def rows(self) -> int:
        """All rows of the data set."""
        return self.summary.rows

    @property
    def count(self) -> IntArray:
        """How many rows each tuple stands for."""
        return self.summary.count

    @cached_property
    def columns(self) -> Table:
        """The columns of the summary under the names of the file; others are refused when they are read."""
        return Table(tuple(self._data.columns), self._column, self.summary.tuples)

    def _column(self, name: str) -> Column:
        summary = self.summary
        if name not in summary.keys:
            raise Unmeasurable(
                f'The column "{name}" is read row by row here, which the size of the data set '
                f'"{self.name}" does not allow.',
                status="insufficient",
            )
        at = summary.keys.index(name)
        levels = pa.array(summary.levels[at], arrow_type(summary.types[at], summary.levels[at]))
        return TableColumn(
            name, pa.chunked_array([levels.take(pa.array(summary.codes[at]))]), self.spec.missing
        )

    def _numbers(self, name: str, role: str, *, key: str) -> FloatArray:
        self._named(name, role)
        if key == "score_column" and not self.has_model:
            key = "score"
        return self._number(key, name)

    def _number(self, key: str, name: str) -> FloatArray:
        at = self.summary.numbers.index(key)
        if self.summary.read_as[at] == _BOTH:
            raise BadInput(
                f'Column "{name}" holds true and false in some rows and numbers in others; '
                "numbers were expected."
            )
        return self.summary.at[at]

    def _scored(self) -> FloatArray:
        return self._number("score", "score")

    def _at_least(self, threshold: float) -> BoolArray:
        if AT_LEAST not in self.summary.keys:
            return super()._at_least(threshold)
        at = self.summary.keys.index(AT_LEAST)
        levels: Sequence[Any] = self.summary.levels[at]
        codes = self.summary.codes[at]
        if None in levels:
            self._no_score_without_end(self._rows_where(codes == len(levels) - 1))
        return np.array([level is True for level in levels] or [False], dtype=bool)[codes]


def arrow_type(kind: Type, levels: Sequence[Any]) -> Any:
    """The Arrow type of a column's values."""
    if kind != "integer":
        return _ARROW[kind]
    most = max((level for level in levels if level is not None), default=0)
    return pa.uint64() if most >= 1 << 63 else pa.int64()
