"""How well the features tell a protected attribute: each alone, and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair
from apps.engine.measures import ranking
from apps.engine.measures.fairness.figures import ranked
from apps.engine.measures.fairness.groups import Attributes, Partition, partitions
from apps.engine.measures.fairness.table_of import (
    Cells,
    Places,
    canonical_order,
    cells_of,
    chosen_features,
    drawn_rows,
)
from apps.engine.resample import generator
from apps.engine.values import Group, Measured

_DIGITS = 9
_MOST_CELLS = 1500
_STEADY = 1e5


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows in canonical order: the cells of each feature, and which fold a row belongs to."""

    cells: Sequence[Cells]
    fold: Places
    folds: int


def proxy_strength(
    *,
    features: Columns,
    protected: Columns,
    seed: int = 0,
    attributes: Attributes | None = None,
    over: Sequence[str] | None = None,
    bins: int = 10,
    levels: int = 30,
    folds: int = 5,
    ridge: float = 1.0,
    rows: int = 20_000,
    min_group_size: int = 30,
    confidence: float = 0.95,
) -> Measured:
    """How well the features together predict membership of a protected group: the largest AUC.

    Each group against all others is predicted by ridge least squares on the features cut into cells
    (quantile bins, frequent levels, missing), fitted without the fold that it predicts; the AUC is that of
    those predictions. Of features that make more than 1,500 cells those are taken that tell most alone.
    In [0, 1], lower is better; 0.5 is no better than chance. The table ``features`` has the AUC of each
    feature alone, predicted by the group's share in its cell in the other folds.

    Parameters
    ----------
    features, protected : Columns
        A feature that is itself a protected attribute is left out unless it is named in `over`.
    over : list of str, optional
        Features looked at; by default all.
    bins, levels : int
        Quantile bins of a number; levels of a category kept apart, the rest being one cell.
    folds : int
        Parts of the data; equal rows share a fold.
    ridge : float
        The penalty on squared coefficients, the constant not counted.
    rows : int
        At most so many rows are used, drawn from rows in canonical order.
    min_group_size : int
        Smaller groups, or smaller rests, are shown and not predicted.

    Raises
    ------
    Unmeasurable
        Insufficient: no features or no groups of enough rows.

    References
    ----------
    Feldman, Friedler, Moeller, Scheidegger, Venkatasubramanian (2015), KDD, 259-268.

    Examples
    --------
    >>> sexes = Columns.of(sex=["F", "M"] * 50)
    >>> table = Columns.of(title=["Ms", "Mr"] * 50, age=np.arange(100.0) // 2)
    >>> found = proxy_strength(features=table, protected=sexes)
    >>> found.value, found.tables["features"][0]["feature"]
    (1.0, 'title')
    """
    parts = partitions(protected, attributes)
    names = chosen_features(features, over, tuple(protected))
    cells = [cells_of(features[name], bins, levels) for name in names]
    held = drawn_rows(canonical_order([*(c.codes for c in cells), *(p.codes for p in parts)]), rows, seed)
    ready = _fold([Cells(c.name, c.codes[held], c.count) for c in cells], folds, seed)
    found = [
        one for part in parts for one in _attribute(part, held, ready, ridge, min_group_size, confidence)
    ]
    told = [group for group, _ in found if group.value is not None]
    if not told:
        raise Unmeasurable(
            f"No group of {', '.join(p.attribute for p in parts)} has {min_group_size:,} rows with as many "
            "others beside it.",
            status="insufficient",
        )
    worst = max(told, key=lambda group: group.value or 0.0)
    intervals = [group.interval for group in told if group.interval is not None]
    return Measured(
        value=worst.value,
        n=features.rows,
        interval=(
            max(low for low, _ in intervals if low is not None),
            max(high for _, high in intervals if high is not None),
        )
        if len(intervals) == len(told)
        else None,
        confidence=confidence,
        method=f"ridge least squares on cells, {folds} folds; AUC, DeLong, fits taken as given",
        parameters={
            "worst": {"attribute": worst.attribute, "group": worst.group},
            "features_compared": names,
            "rows_used": len(held),
            "comparisons": len(told),
        },
        groups=[group for group, _ in found],
        tables={"features": sorted((row for _, alone in found for row in alone), key=_foremost)},
    )


def _foremost(row: Mapping[str, Any]) -> tuple[float, str, str, str]:
    return -row["auc"], row["feature"], row["attribute"], row["group"]


def _fold(cells: Sequence[Cells], folds: int, seed: int) -> Folded:
    """Folds at random over different rows, so that equal rows share one."""
    stacked = np.stack([c.codes for c in cells], axis=1)
    different = np.concatenate(([False], (stacked[1:] != stacked[:-1]).any(axis=1)))
    pattern = np.cumsum(different)
    turn = generator(seed).permutation(int(pattern[-1]) + 1) % folds
    return Folded(cells, turn[pattern].astype(np.intp), folds)


def _attribute(
    part: Partition, held: Places, ready: Folded, ridge: float, least: int, confidence: float
) -> list[tuple[Group, list[dict[str, Any]]]]:
    """Each group of the attribute against all others; two groups are each other's mirror."""
    codes = part.codes[held]
    sizes = np.bincount(codes, minlength=len(part.levels)).tolist()
    kept = [k for k, n in enumerate(sizes) if min(n, len(codes) - n) >= max(least, ready.folds)]
    told = kept[:1] if len(kept) == len(part.levels) == 2 else kept
    alone = {k: _alone(ready, codes == k) for k in told}
    joint = _joint(ready, [codes == k for k in told], list(alone.values()), ridge)
    found: list[tuple[Group, list[dict[str, Any]]]] = []
    for k, level in enumerate(part.levels):
        if k not in kept:
            note = f"fewer than {least:,} rows used, or as many others; not predicted"
            found.append(
                (
                    Group(
                        attribute=part.attribute, group=level, n=sizes[k], status="insufficient", note=note
                    ),
                    [],
                )
            )
            continue
        place = told.index(k) if k in told else 0
        value, interval = _area(joint[place], codes == told[place], confidence)
        shown = Group(attribute=part.attribute, group=level, n=sizes[k], value=value, interval=interval)
        rows = (
            [
                {"attribute": part.attribute, "group": level, "feature": cells.name}
                | _area_row(alone[k][j], codes == k, confidence)
                for j, cells in enumerate(ready.cells)
            ]
            if k in told
            else []
        )
        found.append((shown, rows))
    return found


def _alone(ready: Folded, member: BoolArray) -> list[FloatArray]:
    """By feature: the group's smoothed share in a row's cell, over the other folds."""
    return [_out_of_fold(cells, ready, member) for cells in ready.cells]


def _out_of_fold(cells: Cells, ready: Folded, member: BoolArray) -> FloatArray:
    place = ready.fold * cells.count + cells.codes
    size = np.bincount(place, minlength=ready.folds * cells.count).reshape(ready.folds, cells.count)
    hits = np.bincount(place[member], minlength=size.size).reshape(size.shape)
    others = size.sum(axis=0) - size
    rate: FloatArray = (hits.sum(axis=0) - hits + 0.5) / (others + 1.0)
    return rate[ready.fold, cells.codes]


def _joint(
    ready: Folded, members: Sequence[BoolArray], alone: Sequence[Sequence[FloatArray]], ridge: float
) -> list[FloatArray]:
    """All features together: ridge least squares on cells, each fold predicted without its own rows.

    The normal equations hold counts only, which floating point adds exactly in any order.
    """
    if not members:
        return []
    chosen = _foremost_cells(ready, members, alone)
    design = np.concatenate([np.eye(cells.count)[cells.codes] for cells in chosen], axis=1)
    design = np.concatenate([np.ones((len(design), 1)), design], axis=1)
    wanted = np.stack(members, axis=1).astype(np.float64)
    grams, sums = [], []
    for k in range(ready.folds):
        rows = design[ready.fold == k]
        grams.append(rows.T @ rows)
        sums.append(rows.T @ wanted[ready.fold == k])
    penalty = np.diag([0.0, *[ridge] * (design.shape[1] - 1)])
    answer = np.zeros(wanted.shape)
    for k in range(ready.folds):
        gram = sum(g for i, g in enumerate(grams) if i != k) + penalty
        weight = _solved(gram, sum(s for i, s in enumerate(sums) if i != k), ridge)
        answer[ready.fold == k] = _predicted(chosen, weight, ready.fold == k)
    return [np.round(column, _DIGITS) for column in answer.T]


def _solved(gram: FloatArray, sums: FloatArray, ridge: float) -> FloatArray:
    """The weights; least squares where there are no rows, or too many beside the penalty to solve."""
    if 0 < float(gram[0, 0]) <= ridge * _STEADY:
        return np.asarray(np.linalg.solve(gram, sums), dtype=np.float64)
    return np.asarray(np.linalg.lstsq(gram, sums, rcond=None)[0], dtype=np.float64)


def _predicted(cells: Sequence[Cells], weight: FloatArray, rows: BoolArray) -> FloatArray:
    """The sum of the weights of a row's cells, feature by feature: equal rows get equal bits."""
    total = np.tile(weight[0], (int(rows.sum()), 1))
    first = 1
    for one in cells:
        total += weight[first + one.codes[rows]]
        first += one.count
    return total


def _foremost_cells(
    ready: Folded, members: Sequence[BoolArray], alone: Sequence[Sequence[FloatArray]]
) -> list[Cells]:
    """All features, or where they make too many cells those that tell most alone."""
    if sum(cells.count for cells in ready.cells) <= _MOST_CELLS:
        return list(ready.cells)
    best = [
        max(float(ranked(of[j], member).auc) for of, member in zip(alone, members, strict=True))
        for j in range(len(ready.cells))
    ]
    kept, used = [], 0
    for j in sorted(range(len(best)), key=lambda j: (-best[j], j)):
        used += ready.cells[j].count
        if used > _MOST_CELLS:
            break
        kept.append(ready.cells[j])
    return kept or [ready.cells[0]]


def _area(score: FloatArray, member: BoolArray, confidence: float) -> tuple[float, Pair | None]:
    found = ranked(score, member)
    return float(found.auc), ranking.auc_interval(found, confidence)[0]


def _area_row(score: FloatArray, member: BoolArray, confidence: float) -> dict[str, float | None]:
    value, interval = _area(score, member, confidence)
    low, high = interval or (None, None)
    return {"auc": value, "low": low, "high": high}
