"""Rows of a large data set, chosen by what they hold: the same ones whatever their order and their cut."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from apps.engine.columns import Column, Kind
from apps.engine.dataset import DataSet
from apps.engine.errors import Unmeasurable
from apps.engine.parts import Piece
from apps.engine.resources import current, each
from apps.engine.summaries.reading import MOST, kinds
from apps.engine.table_column import TableColumn
from apps.engine.tables import Table

ROWS = 100_000
_CELLS = 1 << 24
_LEAST = 1_000
Hashes = npt.NDArray[np.uint64]


class Sample(DataSet):
    """Some rows of a data set, in memory; see `sample_of`."""

    def __init__(self, data: DataSet, rows: Any, whole: dict[str, Kind]) -> None:
        super().__init__(data.spec, data.path, lambda: data.model, data.declared_features)
        self._data, self._rows, self._kinds = data, rows, whole

    @property
    def digest(self) -> str:
        """That of the data set."""
        return self._data.digest

    @property
    def of(self) -> int:
        """Rows of the whole data set."""
        return self._data.rows

    @cached_property
    def columns(self) -> Table:
        """The columns that the manifest names, of these rows."""
        return Table(tuple(self._data.columns), self._column, self._rows.num_rows)

    def _column(self, name: str) -> Column:
        if name not in self._rows.column_names:
            raise Unmeasurable(
                f'{self._called} is sampled, and the manifest gives its column "{name}" no role.',
                status="insufficient",
            )
        return TableColumn(name, self._rows.column(name), self.spec.missing, kind=self._kinds.get(name))


def sample_of(data: DataSet, *, rows: int = ROWS) -> Sample:
    """The rows whose hash is smallest; the hash is of what the manifest's columns hold.

    Parameters
    ----------
    rows : int
        How many at most; fewer where the manifest names more than 167 columns.
    """
    names = declared(data)
    wanted = min(rows, max(_LEAST, _CELLS // max(1, len(names))))
    whole = kinds(data, names)
    held, hashes = _plain(data.parts.schema.empty_table().select(names)), np.zeros(0, np.uint64)
    many = min(current().workers, MOST)
    for start in range(0, len(data.parts.pieces), many):
        below = int(hashes[-1]) if len(hashes) == wanted else (1 << 64) - 1
        read = partial(_smallest, data, names, whole, wanted, below)
        for more, found in each(read, data.parts.pieces[start : start + many]):
            hashes, held = _kept(wanted, np.concatenate((hashes, found)), pa.concat_tables((held, more)))
    data.unchanged()
    return Sample(data, held, whole)


def declared(data: DataSet) -> list[str]:
    """The columns that the manifest gives a role, sorted."""
    spec = data.spec
    decision = spec.decision.column if spec.decision else None
    features = data.model.features if data.model is not None else data.declared_features
    named = {spec.label, spec.score, decision, spec.weight, spec.period, *spec.protected, *(features or ())}
    return sorted(name for name in named if name is not None and name in data.columns)


def _smallest(
    data: DataSet, names: Sequence[str], whole: dict[str, Kind], wanted: int, below: int, piece: Piece
) -> tuple[Any, Hashes]:
    """The rows of a piece with the smallest hashes."""
    held = _plain(data.parts.schema.empty_table().select(list(names)))
    hashes = np.zeros(0, np.uint64)
    for batch in data.parts.batches(piece, names):
        found = _hashes(batch, names, whole, data.spec.missing)
        rows = np.flatnonzero(found <= np.uint64(below))
        more = _plain(pa.Table.from_batches([batch]).select(list(names)).take(pa.array(rows)))
        hashes, held = _kept(wanted, np.concatenate((hashes, found[rows])), pa.concat_tables((held, more)))
    return held, hashes


def _plain(rows: Any) -> Any:
    """The same rows without dictionaries, which differ from part to part."""
    for i, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            rows = rows.set_column(i, field.name, rows.column(i).cast(field.type.value_type))
    return rows


def _kept(wanted: int, hashes: Hashes, rows: Any) -> tuple[Hashes, Any]:
    order = np.argsort(hashes, kind="stable")[:wanted]
    return hashes[order], rows.take(pa.array(order))


def _hashes(batch: Any, names: Sequence[str], whole: dict[str, Kind], missing: Sequence[str]) -> Hashes:
    """A hash of what each row holds, whatever the coding of its columns."""
    mixed: Hashes = np.zeros(batch.num_rows, np.uint64)
    for name in names:
        column = TableColumn(name, pa.chunked_array([batch.column(name)]), missing, kind=whole.get(name))
        mixed = (mixed ^ _bits(column)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed * np.uint64(0xBF58476D1CE4E5B9) ^ (mixed >> np.uint64(32))


def _bits(column: TableColumn) -> Hashes:
    if column.kind == "number":
        values = column.numbers() + 0.0
        values[np.isnan(values)] = np.nan
        return values.view(np.uint64)
    coded = column.coded()
    texts = [hashlib.blake2b(level.encode(), digest_size=8).digest() for level in coded.levels]
    return np.frombuffer(b"".join(texts) or bytes(8), dtype="<u8").astype(np.uint64)[coded.codes]
