"""The rows to explain as one matrix, in an order that does not depend on the file's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import ArrayColumn, Coded, Columns, FloatArray, IntArray
from apps.engine.inputs import Model


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows of features: numbers as they are, categories as places in `levels[column]`."""

    names: tuple[str, ...]
    matrix: FloatArray
    levels: Mapping[int, tuple[str, ...]]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.matrix)

    def take(self, rows: npt.NDArray[np.intp] | IntArray | slice) -> Frame:
        """These rows only."""
        return replace(self, matrix=self.matrix[rows])

    def holding(self, matrix: FloatArray) -> Frame:
        """The same columns with other rows."""
        return replace(self, matrix=matrix)

    def columns(self) -> Columns:
        """The rows as typed columns, for models that read text."""
        held = {name: ArrayColumn(name, self._column(j)) for j, name in enumerate(self.names)}
        return Columns(self.names, held.__getitem__, len(self.matrix))

    def _column(self, j: int) -> FloatArray | Coded:
        column = self.matrix[:, j]
        if j not in self.levels:
            return column
        codes, every = column.astype(np.int64), self.levels[j]
        used = np.flatnonzero(np.bincount(codes, minlength=len(every)))
        place = np.zeros(len(every), dtype=np.int32)
        place[used] = np.arange(len(used))
        return Coded(place[codes], tuple(every[u] for u in used))


def frames(features: Columns, others: Columns | None = None) -> tuple[Frame, Frame | None]:
    """Frames of the rows and of other rows with the same names, their categories coded alike.

    Examples
    --------
    >>> one, _ = frames(Columns.of(a=[2.0, 1.0], b=["y", "x"]))
    >>> one.matrix.tolist(), dict(one.levels)
    ([[2.0, 1.0], [1.0, 0.0]], {1: ('x', 'y')})
    """
    names = tuple(features)
    parts = [features] if others is None else [features, others.only(names)]
    made: list[list[FloatArray]] = [[] for _ in parts]
    levels: dict[int, tuple[str, ...]] = {}
    for j, name in enumerate(names):
        if all(part[name].kind != "category" for part in parts):
            columns = [part[name].numbers() + 0.0 for part in parts]
        else:
            columns, levels[j] = _united([part[name].coded() for part in parts])
        for target, column in zip(made, columns, strict=True):
            target.append(column)
    ready = [
        Frame(names, np.stack(m, axis=1) if m else np.zeros((p.rows, 0)), levels)
        for m, p in zip(made, parts, strict=True)
    ]
    return ready[0], ready[1] if others is not None else None


def _united(coded: Sequence[Coded]) -> tuple[list[FloatArray], tuple[str, ...]]:
    levels = tuple(sorted({level for c in coded for level in c.levels}))
    place = {level: float(i) for i, level in enumerate(levels)}
    return [np.array([place[level] for level in c.levels])[c.codes] for c in coded], levels


def canonical(frame: Frame, *ties: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
    """The order of rows by their values (then by `ties`): the same for any order of the file.

    Each column sorts only the rows that the columns before it leave equal.

    Examples
    --------
    >>> rows = Frame(("a", "b"), np.array([[1.0, 9.0], [0.0, 5.0], [1.0, 3.0]]), {})
    >>> canonical(rows).tolist()
    [1, 2, 0]
    """
    order = np.arange(len(frame))
    equal, run = order.copy(), np.zeros(len(frame), dtype=np.intp)
    for key in [*(frame.matrix[:, j] for j in range(frame.matrix.shape[1])), *ties]:
        given = key[order[equal]]
        by = np.lexsort((given, run)) if run.any() else np.argsort(given, kind="stable")
        order[equal], given, run = order[equal[by]], given[by], run[by]
        same = (run[1:] == run[:-1]) & _equal(given[1:], given[:-1])
        run = np.cumsum(np.concatenate([[0], ~same])) if len(run) else run
        tied = np.concatenate([same, [False]]) | np.concatenate([[False], same]) if len(run) else same
        equal, run = equal[tied], run[tied]
        if not len(equal):
            break
    return order


def _equal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray((a == b) | ((a != a) & (b != b)))


def drawn(count: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """At most `most` of `count` places without replacement, ascending; all where they fit."""
    if count <= most:
        return np.arange(count)
    generator = np.random.Generator(np.random.Philox(seed))
    return np.sort(generator.choice(count, size=most, replace=False))


def sampled(frame: Frame, most: int, seed: int) -> Frame:
    """At most `most` rows in canonical order, drawn without regard to the file's order."""
    return frame.take(canonical(frame)[drawn(len(frame), most, seed)])


def scores(model: Model, frame: Frame) -> FloatArray:
    """The model's score of each row, float64 (n,)."""
    if frame.levels:
        return np.asarray(model.score(frame.columns()), dtype=np.float64)
    return np.asarray(model.score_matrix(frame.matrix), dtype=np.float64)
