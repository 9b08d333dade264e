"""The columns of a large data set one by one, each as the rows of its values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from apps.engine import table_limits
from apps.engine.columns import Column, Kind
from apps.engine.dataset import DataSet
from apps.engine.errors import Problem, Unmeasurable
from apps.engine.summaries.layout import Layout
from apps.engine.summaries.reading import gather, kinds
from apps.engine.summaries.standing import arrow_type
from apps.engine.summaries.summary import VALUE, Summary
from apps.engine.table_column import TableColumn
from apps.engine.tables import Table
from apps.engine.tally import Tally, tally

_AT_ONCE = 16


def layout_of_column(data: DataSet, name: str, kind: Kind | None) -> Layout:
    """What a summary keeps of one column: numbers as numbers, anything else as levels."""
    written = data.parts.schema.field(name).type
    written = written.value_type if pa.types.is_dictionary(written) else written
    number = pa.types.is_integer(written) or pa.types.is_floating(written) or pa.types.is_decimal(written)
    return Layout((), (VALUE + name,), name) if number or kind == "number" else Layout((name,), (), name)


def tally_of(name: str, summary: Summary, missing: Sequence[str] = ()) -> Tally:
    """The tally of a column from its summary.

    Raises
    ------
    Unmeasurable
        Insufficient: there are too many different values.
    """
    if summary.full:
        raise Unmeasurable(
            f'The column "{name}" holds too many different values in {summary.rows:,} rows to count each.',
            status="insufficient",
        )
    if not summary.keys:
        known = ~np.isnan(summary.at[0])
        blank = int(summary.count[~known].sum())
        return Tally(name, "number", summary.at[0][known], counts=summary.count[known], blank=blank)
    levels = pa.array(summary.levels[0], arrow_type(summary.types[0], summary.levels[0]))
    column = TableColumn(name, pa.chunked_array([levels.take(pa.array(summary.codes[0]))]), missing)
    return tally(column, summary.count)


class Tallied(DataSet):
    """What a check sees of a data set that it reads column by column.

    Parameters
    ----------
    data : DataSet
        With parts.
    held : dict
        Tallies made before, by column; more are added, a few columns in one pass.
    """

    def __init__(self, data: DataSet, held: dict[str, Summary | Problem]) -> None:
        super().__init__(data.spec, data.path, lambda: data.model, data.declared_features)
        self._data, self._held = data, held

    @property
    def digest(self) -> str:
        """That of the data set."""
        return self._data.digest

    @property
    def rows(self) -> int:
        """All rows of the data set."""
        return self._data.rows

    @cached_property
    def columns(self) -> Table:
        """Every column, as a tally."""
        return Table(tuple(self._data.columns), self._load, self._data.rows)

    def _load(self, name: str) -> Column:
        if name not in self._held:
            names = list(self._data.columns)
            start = names.index(name)
            more = [other for other in names[start : start + _AT_ONCE] if other not in self._held]
            self._held.update(summaries_of(self._data, more))
        found = self._held[name]
        if isinstance(found, Problem):
            raise found
        made: Any = tally_of(name, found, self.spec.missing)
        column: Column = made
        return column

    def grids(self, names: Sequence[str]) -> dict[str, int]:
        """The grid of each column that was put on one."""
        held = {name: self._held.get(name) for name in names}
        return {name: part.grid for name, part in held.items() if isinstance(part, Summary) and part.grid}


def summaries_of(data: DataSet, names: Sequence[str]) -> dict[str, Summary | Problem]:
    """The summaries of some columns, each by itself, in one pass."""
    whole = kinds(data, names)
    layouts = {name: layout_of_column(data, name, whole.get(name)) for name in names}
    found = gather(data, list(layouts.values()), limit=table_limits.VALUES)
    return {name: found[layout] for name, layout in layouts.items()}
