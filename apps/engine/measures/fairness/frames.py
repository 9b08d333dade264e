"""The usual rates of groups and intersections, from codes: arrays in, arrays out, for millions of rows.

The rows are counted once; every figure of every attribute is a function of those counts, and so is every
bootstrap draw of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.engine.columns import BoolArray, Coded, FloatArray, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.cells import Codes, Mass, count_joint
from apps.engine.measures.fairness.groups import JOIN, crossed_levels
from apps.engine.numeric import Ints, same_length
from apps.engine.resample import cell_draws, quantiles

METRICS = ("selection_rate", "tpr", "fpr", "accuracy", "count")
SUMMARIES = ("overall", "least", "most", "difference", "difference_to_overall", "ratio", "ratio_to_overall")
_MOST_CELLS, _MOST_DRAWN = 1 << 16, 1 << 26
Figures = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Frame:
    """The groups of one attribute, or of all of them crossed.

    Parameters
    ----------
    levels : tuple of str
        The groups, all of which have rows.
    counts : int array (groups, 4)
        tn, fp, fn, tp.
    by_group : mapping of metric to float array (groups,)
        NaN where a denominator is zero.
    summary : mapping of metric to mapping of name to float
        ``overall``, ``least``, ``most``, ``difference`` (most less least), ``difference_to_overall`` (the
        largest), ``ratio`` (least over most), ``ratio_to_overall`` (the lowest, folded to at most 1); NaN
        where a group is undefined.
    intervals : mapping of metric to mapping of name to (low, high, undefined draws)
        Of ``by_group`` (arrays) and of each summary, where draws were asked for; NaN above 1 % of draws in
        which a group that is defined on the data is not.
    """

    attribute: str
    levels: tuple[str, ...]
    counts: Ints
    by_group: Figures
    summary: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, tuple[FloatArray, FloatArray, Ints]]] = field(default_factory=dict)


def frames(
    attributes: Mapping[str, Codes | Coded],
    label: BoolArray,
    predicted: BoolArray,
    *,
    count: IntArray | None = None,
    draws: int = 0,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Frame]:
    """Selection rate, true- and false-positive rate, accuracy and count by group, with all comparisons.

    Parameters
    ----------
    attributes : mapping of name to int array (n,) or Coded
        Codes from 0; up to 65,536 cells in all.
    label, predicted : bool arrays (n,)
        Actual and predicted positive.
    count : int array (n,), optional
        How many equal rows each row stands for.
    draws : int
        Bootstrap draws for intervals; 0: none. Rows are redrawn by drawing the cells, whatever their number.
    seed, confidence : int, float
        Of the intervals, which are percentiles.

    Returns
    -------
    dict of str to Frame
        The intersection of all attributes first, where there are several; then each alone.

    Raises
    ------
    BadInput
        Codes below 0, too many groups, or arrays of different lengths.
    Unmeasurable
        Insufficient: no attribute or no rows.

    Examples
    --------
    >>> found = frames(
    ...     {"sex": np.array([0, 0, 1, 1])}, np.array([True, False] * 2), np.array([True, False, True, True])
    ... )
    >>> found["sex"].by_group["selection_rate"].tolist(), found["sex"].summary["fpr"]["difference"]
    ([0.5, 1.0], 1.0)
    """
    codes = {name: _codes(name, given) for name, given in attributes.items()}
    if not codes or not len(label):
        raise Unmeasurable("There are no rows, or no attribute to group by.", status="insufficient")
    same_length(label=label, predicted=predicted, count=count, **{k: c for k, (c, _) in codes.items()})
    sizes = [len(levels) for _, levels in codes.values()]
    if math.prod(sizes) > _MOST_CELLS:
        raise BadInput(f"{' × '.join(codes)} makes {math.prod(sizes):,} groups; at most {_MOST_CELLS:,} fit.")
    if 4 * math.prod(sizes) * draws > _MOST_DRAWN:
        raise BadInput(f"{math.prod(sizes):,} groups are too many for {draws:,} draws.")
    cells = count_joint([c for c, _ in codes.values()], sizes, [label, predicted], Mass.of(count).count)
    cells = cells.reshape(*sizes, 4)
    drawn = cell_draws(cells, seed, draws) if draws else None
    levels = {name: named for name, (_, named) in codes.items()}
    kept = [[name] for name in codes] if len(codes) == 1 else [list(codes), *([name] for name in codes)]
    return {JOIN.join(names): _frame(names, levels, cells, drawn, confidence) for names in kept}


def _codes(name: str, given: Codes | Coded) -> tuple[Codes, tuple[str, ...]]:
    if isinstance(given, Coded):
        return given.codes, given.levels
    if len(given) and (given.dtype.kind not in "iu" or int(given.min()) < 0):
        raise BadInput(f"The codes of {name} must be whole numbers of at least 0.")
    return given, tuple(str(k) for k in range(int(given.max()) + 1 if len(given) else 0))


def _frame(
    names: Sequence[str],
    levels: Mapping[str, tuple[str, ...]],
    cells: Ints,
    drawn: Ints | None,
    confidence: float,
) -> Frame:
    """One attribute or intersection from the counts of all attributes together."""
    others = tuple(k for k, name in enumerate(levels) if name not in names)
    whole = cells.sum(axis=others).reshape(-1, 4)
    present = np.flatnonzero(whole.any(axis=1))
    held = whole[present]
    by_group = rates(held.T[:, :, None])
    summary = summarised(by_group, rates(held.sum(axis=0)[:, None, None]))
    intervals: dict[str, dict[str, tuple[FloatArray, FloatArray, Ints]]] = {}
    if drawn is not None:
        moved = drawn.sum(axis=tuple(k + 1 for k in others)).reshape(len(drawn), -1, 4)[:, present]
        intervals = _intervals(np.ascontiguousarray(moved.transpose(2, 1, 0)), by_group, confidence)
    return Frame(
        JOIN.join(names),
        crossed_levels([levels[name] for name in names], present.tolist()),
        held,
        {metric: values[:, 0] for metric, values in by_group.items()},
        {metric: {name: float(one[0]) for name, one in found.items()} for metric, found in summary.items()},
        intervals,
    )


def rates(cells: Ints) -> dict[str, FloatArray]:
    """The metrics of counts (4, groups, draws); NaN where a denominator is zero.

    Examples
    --------
    >>> rates(np.array([50, 10, 5, 35])[:, None, None])["tpr"].tolist()
    [[0.875]]
    """
    tn, fp, fn, tp = cells.astype(np.float64)
    chosen, positive, right = tp + fp, tp + fn, tp + tn
    negative = fp + tn
    n = positive + negative
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "selection_rate": chosen / n,
            "tpr": tp / positive,
            "fpr": fp / negative,
            "accuracy": right / n,
            "count": n,
        }


def summarised(by_group: Figures, overall: Figures) -> dict[str, dict[str, FloatArray]]:
    """The comparisons of (groups, draws) figures; NaN of a group runs through."""
    return {metric: _compared(values, overall[metric][0]) for metric, values in by_group.items()}


def _compared(values: FloatArray, overall: FloatArray) -> dict[str, FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        most, least, ratio = values.max(axis=0), values.min(axis=0), values / overall
        return {
            "overall": overall,
            "least": least,
            "most": most,
            "difference": most - least,
            "difference_to_overall": np.abs(values - overall).max(axis=0),
            "ratio": least / most,
            "ratio_to_overall": np.minimum(ratio, 1 / ratio).min(axis=0),
        }


def _intervals(
    drawn: Ints, by_group: Figures, confidence: float
) -> dict[str, dict[str, tuple[FloatArray, FloatArray, Ints]]]:
    """Percentile intervals of every figure of counts (4, groups, draws)."""
    values = rates(drawn)
    overall = rates(drawn.sum(axis=1, keepdims=True))
    summary = summarised(values, overall)
    groups = len(by_group["count"])
    stacked = np.empty((len(METRICS), groups + len(SUMMARIES), drawn.shape[-1]))
    for k, metric in enumerate(METRICS):
        stacked[k, :groups] = values[metric]
        for j, name in enumerate(SUMMARIES, start=groups):
            stacked[k, j] = summary[metric][name]
    low, high, undefined = quantiles(stacked, confidence)
    places = {"by_group": slice(0, groups)} | {name: groups + j for j, name in enumerate(SUMMARIES)}
    return {
        metric: {name: (low[k, at], high[k, at], undefined[k, at]) for name, at in places.items()}
        for k, metric in enumerate(METRICS)
    }
