"""Features as small integers and distances, in an order that does not depend on the file's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import Column, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.bins import cut_points
from apps.engine.resample import generator

Places = npt.NDArray[np.intp]
_LARGE, _SHRINK = 2.0**400, 2.0**-600


def chosen_features(features: Columns, over: Sequence[str] | None, without: Sequence[str] = ()) -> list[str]:
    """The features looked at: those named, or all but `without`; BadInput names one that is none."""
    if not features.rows:
        raise Unmeasurable("There are no rows.", status="insufficient")
    for name in over or ():
        if name not in features:
            raise BadInput(f'There is no feature "{name}"; there is {", ".join(features)}.')
    names = [name for name in over or features if over or name not in without]
    if not names:
        raise Unmeasurable("There are no features to look at.", status="insufficient")
    return names


def canonical_order(keys: Sequence[npt.NDArray[np.generic]]) -> Places:
    """Rows sorted by the keys, the first before the others: the same for any order of the file."""
    return np.asarray(np.lexsort(list(reversed(keys))), dtype=np.intp)


def drawn_rows(order: Places, most: int, seed: int) -> Places:
    """At most `most` rows of a canonical order, drawn without replacement."""
    if len(order) <= most:
        return order
    return order[np.sort(generator(seed).choice(len(order), size=most, replace=False))]


@dataclass(frozen=True, slots=True)
class Cells:
    """A feature as cells: `codes` in [0, count)."""

    name: str
    codes: Places
    count: int


def cells_of(column: Column, bins: int, levels: int) -> Cells:
    """Quantile bins of numbers, or the most frequent levels of a category and the rest; missing is a cell.

    Examples
    --------
    >>> cells_of(Columns.of(x=[3.0, 1.0, None, 2.0])["x"], 2, 5).codes.tolist()
    [1, 0, 2, 0]
    """
    if column.kind != "number":
        coded = column.coded()
        counts = np.bincount(coded.codes, minlength=len(coded.levels))
        ranked = np.lexsort((np.arange(len(counts)), -counts))
        place = np.minimum(np.argsort(ranked), levels)
        return Cells(column.name, place[coded.codes].astype(np.intp), int(place.max()) + 1)
    values = column.numbers()
    known = np.sort(values[~np.isnan(values)])
    edges = cut_points(known, "quantile", bins) if len(known) else np.zeros(0)
    codes = np.searchsorted(edges, values, side="left").astype(np.intp)
    codes[np.isnan(values)] = len(edges) + 1
    used, dense = np.unique(codes, return_inverse=True)
    return Cells(column.name, dense.astype(np.intp), len(used))


def keys_of(columns: Columns, names: Sequence[str]) -> list[npt.NDArray[np.generic]]:
    """Sortable keys of the rows: numbers, or codes of levels."""
    return [
        columns[n].numbers() + 0.0 if columns[n].kind == "number" else columns[n].coded().codes for n in names
    ]


def scaled(column: Column) -> tuple[FloatArray, Places]:
    """Numbers over their standard deviation with a code for missing; categories as codes alone.

    The squared distance of two rows in one feature is the squared difference of the first part plus 1 where
    the second differs.
    """
    if column.kind != "number":
        coded = column.coded()
        return np.zeros(len(coded)), coded.codes.astype(np.intp)
    values = column.numbers()
    known = np.isfinite(values)
    if known.any() and float(np.abs(values[known]).max()) > _LARGE:
        values = values * _SHRINK
    held = np.sort(values[known])
    spread = float(held.std()) if len(held) else 0.0
    moved = np.where(known, values - (float(held.mean()) if len(held) else 0.0), 0.0)
    codes = np.where(np.isnan(values), 1, np.where(known, 0, np.where(values > 0, 2, 3)))
    return (moved / spread if spread > 0 else moved * 0.0), codes.astype(np.intp)
