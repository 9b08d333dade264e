"""Two ready passes over Parquet: score counts by group and class, and counts of cells.

Both read row group by row group on as many threads as allowed, hold nothing but counts, and add whole
numbers only: the same answer for any cut into files and row groups and for any number of threads.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from apps.engine.columns import MISSING, FloatArray, IntArray, level_text
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.cells import count_cells
from apps.engine.parts import Parts, Piece
from apps.engine.resources import current, each
from apps.engine.summaries.counting import Coding, cells_of, count_scores
from apps.engine.summaries.grid import FINEST

Q = FINEST.steps
WIDTH = Q + 3
SCALE = float(1 << 30)  # of the sums
MAX_CELLS = 1 << 12


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """How often each step of the score occurs, by group and class, and exact sums of the scores.

    Parameters
    ----------
    groups : tuple of str
        Levels of the group column, sorted; one empty text where there is none.
    counts : int64 (groups, 2, Q + 2)
        Rows scored 0, in each of the Q steps of ]0, 1[, and 1, of negatives and of positives.
    sums : int64 (groups, 2, 2)
        The sums of the score and of its square in units of 2⁻³⁰, each term rounded.
    """

    groups: tuple[str, ...]
    counts: IntArray
    sums: IntArray

    def merged(self, other: ScoreCounts) -> ScoreCounts:
        """The counts of the rows of both; the order does not matter."""
        if self.groups == other.groups:
            return ScoreCounts(self.groups, self.counts + other.counts, self.sums + other.sums)
        groups = _in_order({*self.groups, *other.groups})
        total = ScoreCounts(groups, _empty(len(groups), (2, Q + 2)), _empty(len(groups), (2, 2)))
        for part in (self, other):
            for place, counts, sums in zip(
                map(groups.index, part.groups), part.counts, part.sums, strict=True
            ):
                total.counts[place] += counts
                total.sums[place] += sums
        return total


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Rows of each combination of levels: `counts[i, j]` of the i-th and j-th of two columns, and so on."""

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    counts: IntArray

    def merged(self, other: CellCounts) -> CellCounts:
        """The counts of the rows of both; the order does not matter."""
        levels = tuple(
            _in_order({*mine, *theirs}) for mine, theirs in zip(self.levels, other.levels, strict=True)
        )
        counts = np.zeros([len(found) for found in levels], dtype=np.int64)
        for part in (self, other):
            places = [[of.index(lv) for lv in found] for of, found in zip(levels, part.levels, strict=True)]
            counts[np.ix_(*places)] += part.counts
        return CellCounts(self.columns, levels, counts)


def _in_order(levels: set[str]) -> tuple[str, ...]:
    """Sorted text, ``"(missing)"`` last."""
    return (*sorted(levels - {MISSING}), *sorted(levels & {MISSING}))


def stream_scores(
    paths: Sequence[Path | str], *, score: str, label: str, group: str | None = None, positive: object = 1
) -> ScoreCounts:
    """Count the scores of Parquet files by group and class, in one pass.

    Parameters
    ----------
    paths : sequence of path
        Parquet files of one schema.
    score, label, group : str
        Columns: a number within [0, 1], the outcome, and a column of categories.
    positive : scalar
        The label value that the score predicts.

    Raises
    ------
    Unmeasurable
        A score is missing or outside [0, 1], or a label is missing.
    """
    names = [score, label, *([group] if group else ())]
    parts = _parts(paths, names)
    made = _on_threads(
        parts, lambda: _ScoreCounter(level_text(positive), bool(group), parts.rows), names, coded=names[1:]
    )
    found: list[ScoreCounts] = [counter.result() for counter in made]
    return reduce(ScoreCounts.merged, found)


def stream_cells(paths: Sequence[Path | str], columns: Sequence[str]) -> CellCounts:
    """Count the rows of Parquet files by the levels of some columns, in one pass."""
    parts = _parts(paths, columns)
    made = _on_threads(parts, lambda: _CellCounter(tuple(columns)), columns, coded=columns)
    found: list[CellCounts] = [counter.result() for counter in made]
    return reduce(CellCounts.merged, found)


def _parts(paths: Sequence[Path | str], columns: Sequence[str]) -> Parts:
    parts = Parts([Path(path) for path in paths], name=Path(paths[0]).name)
    for column in columns:
        if column not in parts.names:
            raise BadInput(f'{parts.name} has no column "{column}"; it has {", ".join(parts.names[:12])}.')
    return parts


def _on_threads(
    parts: Parts, new: Callable[[], Any], columns: Sequence[str], *, coded: Sequence[str]
) -> list[Any]:
    """One counter for each thread; pieces go to whoever is free, as adding whole numbers has no order."""
    waiting: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    for piece in parts.pieces:
        waiting.put(piece)

    def work(counter: Any) -> Any:
        while True:
            try:
                piece = waiting.get_nowait()
            except queue.Empty:
                return counter
            for batch in parts.batches(piece, columns, coded=coded):
                counter.add([batch.column(name) for name in columns])

    return each(work, [new() for _ in range(min(current().workers, max(1, len(parts.pieces))))])


class _Codes:
    """Levels of one column in the order they were met, and the codes of a batch."""

    def __init__(self) -> None:
        self.met: dict[str, int] = {}

    def of(self, values: Any) -> Coding:
        """A small integer for each row of a batch, and the code that each of them stands for."""
        small = _small_integers(values)
        if small is not None:
            return small[0], self._known(small[1])
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        texts = [level_text(value) for value in encoded.dictionary.to_pylist()]
        codes = encoded.indices.cast(pa.int32())
        if codes.null_count:
            codes = pc.fill_null(codes, len(texts))
            texts.append(MISSING)
        return codes.to_numpy(zero_copy_only=False), self._known(texts)

    def _known(self, texts: Sequence[str | None]) -> npt.NDArray[np.int32]:
        return np.array(
            [0 if text is None else self.met.setdefault(text, len(self.met)) for text in texts],
            dtype=np.int32,
        )

    def sorted(self) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
        """The levels in order (see `Coded`), and where each stands among those met."""
        levels = _in_order(set(self.met))
        return levels, np.array([self.met[level] for level in levels], dtype=np.intp)


def _small_integers(values: Any) -> tuple[npt.NDArray[np.uint8], list[str | None]] | None:
    """Booleans and bytes without nulls as they are, and the text of each that may occur."""
    kind = values.type
    if values.null_count or not len(values) or not (pa.types.is_boolean(kind) or kind in _BYTES):
        return None
    bits = (values.cast(pa.uint8()) if pa.types.is_boolean(kind) else values).to_numpy().view(np.uint8)
    here = np.zeros(256, dtype=bool)
    here[int(bits.min()) : int(bits.max()) + 1] = True
    if np.count_nonzero(here) > _CLOSE:
        here = np.bincount(bits, minlength=256) > 0
    return bits, [_byte_text(i, kind) if occurs else None for i, occurs in enumerate(here)]


def _byte_text(value: int, kind: Any) -> str:
    if pa.types.is_boolean(kind):
        return "true" if value else "false"
    return str(value - 256 if kind == pa.int8() and value > 127 else value)


_BYTES = (pa.uint8(), pa.int8())
_CLOSE = 16


class _ScoreCounter:
    """Counts of one thread."""

    def __init__(self, positive: str, grouped: bool, rows: int) -> None:
        self._positive = {positive, {"1": "true", "0": "false"}.get(positive, positive)}
        self._grouped = grouped
        self._labels, self._groups = _Codes(), _Codes()
        self._counts = np.zeros((0, WIDTH), dtype=np.int32 if rows < 1 << 31 else np.int64)
        self._sums = np.zeros((0, 2), dtype=np.int64)

    def add(self, columns: Sequence[Any]) -> None:
        """Add a batch: score, label and perhaps group."""
        score = columns[0]
        if not (pa.types.is_floating(score.type) or pa.types.is_integer(score.type)):
            raise BadInput(f"The score is {score.type} where a number was expected.")
        if pa.types.is_float16(score.type) or not pa.types.is_floating(score.type):
            score = score.cast(pa.float64())
        values = pc.fill_null(score, np.nan) if score.null_count else score
        label, of_label = self._labels.of(columns[1])
        group, of_group = self._groups.of(columns[2]) if self._grouped else (label, np.zeros_like(of_label))
        cells = (label, self._is_positive()[of_label]), (group, of_group * np.int32(2))
        self._room(2 * max(1, len(self._groups.met)))
        cell = cells_of(cells, len(self._counts))
        count_scores(values.to_numpy(zero_copy_only=False), cell, self._counts, self._sums)

    def _is_positive(self) -> npt.NDArray[np.int32]:
        if MISSING in self._labels.met:
            raise Unmeasurable("A label is missing.")
        return np.array([level in self._positive for level in self._labels.met] or [False], dtype=np.int32)

    def _room(self, cells: int) -> None:
        have = len(self._counts)
        if cells > MAX_CELLS:
            raise Unmeasurable(f"There are more than {MAX_CELLS // 2:,} groups.", status="insufficient")
        if cells > have:
            more = max(cells, 2 * have) - have
            self._counts = np.concatenate((self._counts, np.zeros((more, WIDTH), self._counts.dtype)))
            self._sums = np.concatenate((self._sums, np.zeros((more, 2), np.int64)))

    def result(self) -> ScoreCounts:
        """The counts in the order of the levels."""
        outside = int(self._counts[:, -1].sum())
        if outside:
            raise Unmeasurable(f"The score is missing or outside 0 to 1 in at least {outside:,} rows.")
        levels, places = self._groups.sorted() if self._grouped else (("",), np.zeros(1, np.intp))
        self._room(2)
        shaped = self._counts.reshape(-1, 2, WIDTH)
        counts = np.empty((len(levels), 2, Q + 2), dtype=np.int64)
        for place, found in zip(places, counts, strict=True):
            found[:] = shaped[place, :, : Q + 2]
        return ScoreCounts(levels, counts, self._sums.reshape(-1, 2, 2)[places])


class _CellCounter:
    """Counts of one thread."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._codes = [_Codes() for _ in columns]
        self._sizes = [4 for _ in columns]
        self._counts = np.zeros(self._sizes, dtype=np.int64)

    def add(self, columns: Sequence[Any]) -> None:
        """Add a batch."""
        codes = [of.of(values) for of, values in zip(self._codes, columns, strict=True)]
        self._room()
        strides = np.cumprod([1, *self._sizes[:0:-1]])[::-1]
        adds = [(code, of * stride) for (code, of), stride in zip(codes, strides, strict=True)]
        cell = cells_of(adds, self._counts.size)
        self._counts += count_cells(cell, self._counts.size).reshape(self._sizes)

    def _room(self) -> None:
        sizes = [
            size if len(of.met) <= size else 2 * len(of.met)
            for of, size in zip(self._codes, self._sizes, strict=True)
        ]
        if sizes == self._sizes:
            return
        if np.prod(sizes, dtype=float) > 1 << 24:
            raise Unmeasurable("The columns have too many combinations of levels.", status="insufficient")
        wider = np.zeros(sizes, dtype=np.int64)
        wider[tuple(slice(0, size) for size in self._sizes)] = self._counts
        self._counts, self._sizes = wider, sizes

    def result(self) -> CellCounts:
        """The counts in the order of the levels."""
        ordered = [of.sorted() for of in self._codes]
        counts = self._counts[np.ix_(*(places for _, places in ordered))]
        here = [counts.any(axis=tuple(j for j in range(counts.ndim) if j != i)) for i in range(counts.ndim)]
        levels = tuple(
            tuple(compress(found, np.asarray(occurs).tolist()))
            for (found, _), occurs in zip(ordered, here, strict=True)
        )
        return CellCounts(self._columns, levels, counts[np.ix_(*here)])


def _empty(groups: int, shape: tuple[int, ...]) -> IntArray:
    return np.zeros((groups, *shape), dtype=np.int64)


def score_table(
    found: ScoreCounts, *, reference: ScoreCounts | None = None, bins: int = 15, z: float = 1.959963984540054
) -> list[dict[str, Any]]:
    """AUC with DeLong's interval, KS, Brier, ECE and PSI of each group and of all, with error bounds.

    Parameters
    ----------
    reference : ScoreCounts, optional
        Where the PSI's deciles come from; without it there is no PSI.
    bins : int
        Equal-width bins of the ECE; a divisor of Q.
    z : float
        The normal quantile of the interval.

    Returns
    -------
    list of dict
        Keys ``group n auc low high auc_bound ks ks_bound brier ece ece_bound psi psi_bound``; None where not
        defined. The last one is of all rows, under the group None.
    """
    whole = ScoreCounts(("",), found.counts.sum(axis=0, keepdims=True), found.sums.sum(axis=0, keepdims=True))
    rows = [
        _measured(counts, sums, bins, z)
        for part in (found, whole)
        for counts, sums in zip(part.counts, part.sums, strict=True)
    ]
    if reference is not None:
        before = reference.counts.sum(axis=(0, 1))
        every = [*(c.sum(axis=0) for c in found.counts), whole.counts[0].sum(axis=0)]
        rows = [{**row, **_psi(before, now)} for row, now in zip(rows, every, strict=True)]
    return [{"group": group, **row} for group, row in zip((*found.groups, None), rows, strict=True)]


def _measured(counts: IntArray, sums: IntArray, bins: int, z: float) -> dict[str, Any]:
    negative, positive = counts
    n, p = int(negative.sum()), int(positive.sum())
    row: dict[str, Any] = {"n": n + p, **dict.fromkeys(("auc", "low", "high", "auc_bound", "ks", "ks_bound"))}
    if n and p:
        row |= _ranked(negative, positive, n, p, z)
    brier = (int(sums[:, 1].sum()) - 2 * int(sums[1, 0])) / SCALE + p
    row["brier"] = brier / (n + p) if n + p else None
    row["ece"] = _ece(counts, bins) if n + p else None
    row["ece_bound"] = FINEST.shift
    return row


def _ranked(negative: IntArray, positive: IntArray, n: int, p: int, z: float) -> dict[str, Any]:
    """AUC and KS of counts in the order of the score; see `apps.engine.measures.ranking`."""
    up_n, up_p = np.cumsum(negative), np.cumsum(positive)
    twice_x, twice_w = 2 * up_n - negative, 2 * up_p - positive
    auc = int((positive * twice_x).sum()) / (2 * n * p)
    x, w = twice_x / (2 * n), twice_w / (2 * p)
    low = high = None
    if n > 1 and p > 1:
        over = float((positive * x * x).sum()) - p * auc * auc
        under = float((negative * w * w).sum()) - n * (1 - auc) ** 2
        half = z * max(0.0, over / (p - 1) / p + under / (n - 1) / n) ** 0.5
        low, high = max(0.0, auc - half), min(1.0, auc + half)
    steps = slice(1, Q + 1)
    return {
        "auc": auc,
        "low": low,
        "high": high,
        "auc_bound": float((negative[steps] / n * positive[steps]).sum()) / (2 * p),
        "ks": float(np.abs(up_n / n - up_p / p).max()),
        "ks_bound": float(max(negative[steps].max() / n, positive[steps].max() / p)),
    }


def _ece(counts: IntArray, bins: int) -> float:
    """Equal-width bins, the last one closed; the score of a step is its middle."""
    middle, starts = _bins(bins)
    gap = counts[1] - (counts[0] + counts[1]) * middle
    return float(np.abs(np.add.reduceat(gap, starts)).sum() / counts.sum())


@lru_cache(maxsize=8)
def _bins(bins: int) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """The middle of each step, and the first step of each bin."""
    middle = np.concatenate(([0.0], (np.arange(Q) + 0.5) / Q, [1.0]))
    bin_of = np.minimum(np.floor(middle * bins), bins - 1).astype(np.intp)
    return middle, np.searchsorted(bin_of, np.arange(bins))


def _psi(before: IntArray, now: IntArray, bins: int = 10, floor: float = 1e-6) -> dict[str, float | None]:
    """Deciles of the reference; a share of 0 becomes the floor."""
    if not before.sum() or not now.sum():
        return {"psi": None, "psi_bound": None}
    up = np.cumsum(before)
    ends = np.searchsorted(up, up[-1] * np.arange(1, bins) / bins)
    e, a = (_shares(counts, ends, floor) for counts in (before, now))
    return {
        "psi": float(((a - e) * np.log(a / e)).sum()),
        "psi_bound": float(max(before[ends].max() / before.sum(), now[ends].max() / now.sum())),
    }


def _shares(counts: IntArray, ends: npt.NDArray[np.intp], floor: float) -> FloatArray:
    up = np.concatenate(([0], np.cumsum(counts)[ends], [counts.sum()]))
    return np.asarray(np.maximum(np.diff(up) / counts.sum(), floor), dtype=np.float64)
