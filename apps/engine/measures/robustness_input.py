"""What a model does with blanks and extremes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, Columns, FloatArray
from apps.engine.errors import Problem, Unmeasurable
from apps.engine.explain.frame import Frame, sampled, scores
from apps.engine.inputs import Model
from apps.engine.measures.robustness import running_rows, set_to
from apps.engine.values import Measured

Rows = list[dict[str, Any]]


def missing_input(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    rows: int = 500,
    seed: int = 0,
) -> Measured:
    """Measure the share of features whose absence the model does not survive.

    Each feature in turn is missing in every row. The model survives where it gives a finite score for each
    row; a refusal or a score that is not finite counts. Range [0, 1], lower is better.

    Parameters
    ----------
    model, features, rows, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Table ``features``: what happened and how far scores moved.

    Raises
    ------
    Unmeasurable
        If there is no model or no row, or if nothing but blanks is there.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> missing_input(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0])).value
    1.0
    """
    running, frame = running_rows(model, features)
    part = sampled(frame, rows, seed)
    if all(_is_blank(part, j) for j in range(len(part.names))):
        raise Unmeasurable("Every feature is missing in every row already: there is nothing to blank.")
    before = scores(running, part)
    table = [
        {"feature": name, **_outcome(partial(scores, running, _blank(part, j)), before)}
        for j, name in enumerate(part.names)
    ]
    lost = sum(row["outcome"] != "scored" for row in table)
    return Measured(
        value=lost / len(table),
        n=len(part),
        method="each feature missing in every row",
        seed=seed,
        parameters={"features": len(table), "not_survived": lost},
        tables={"features": table},
    )


def extreme_input(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    beyond: float = 10.0,
    rows: int = 500,
    seed: int = 0,
) -> Measured:
    """Measure the share of extreme probes that give no sane score.

    Each numeric feature in turn is set, in every row, to its smallest value less `beyond` ranges, its largest
    plus `beyond` ranges, and ±1e30. A probe fails where a score is not finite, is refused, or leaves [0, 1]
    although all undisturbed scores lie in it. Range [0, 1], lower is better.

    Parameters
    ----------
    beyond : float
        How many ranges outside.
    model, features, rows, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Table ``probes``: feature, value, outcome, how far scores moved.

    Raises
    ------
    Unmeasurable
        If there is no model, no row or no numeric feature.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> extreme_input(model=Weighted({"a": 1.0}), features=Columns.of(a=[0.5, 1.0])).value
    1.0
    """
    running, frame = running_rows(model, features)
    part = sampled(frame, rows, seed)
    before = scores(running, part)
    bounded = bool(((before >= 0) & (before <= 1)).all())
    table: Rows = []
    for j, name in enumerate(part.names):
        for value in _extremes(frame, j, beyond):
            outcome = _outcome(partial(scores, running, set_to(part, j, value)), before, bounded)
            table.append({"feature": name, "value": value, **outcome})
    if not table:
        raise Unmeasurable("The model has no numeric feature to take to extremes.")
    failed = sum(row["outcome"] != "scored" for row in table)
    return Measured(
        value=failed / len(table),
        n=len(part),
        method=f"each number at {beyond:g} ranges outside and at 1e30",
        seed=seed,
        parameters={"probes": len(table), "failed": failed, "bounded": bounded},
        tables={"probes": table},
    )


def _blank(part: Frame, column: int) -> Frame:
    """The rows without that feature: NaN, or the level for missing."""
    if column not in part.levels:
        return set_to(part, column, np.nan)
    levels = part.levels[column]
    if MISSING in levels:
        return set_to(part, column, float(levels.index(MISSING)))
    wider = Frame(part.names, part.matrix, {**part.levels, column: (*levels, MISSING)})
    return set_to(wider, column, float(len(levels)))


def _is_blank(part: Frame, column: int) -> bool:
    values = part.matrix[:, column]
    if column not in part.levels:
        return bool(np.isnan(values).all())
    return all(part.levels[column][int(code)] == MISSING for code in np.unique(values))


def _outcome(run: Callable[[], FloatArray], before: FloatArray, bounded: bool = False) -> dict[str, Any]:
    """What became of one probe."""
    try:
        after = run()
    except Problem as problem:
        return {"outcome": "refused", "why": str(problem), "mean_change": None, "largest_change": None}
    if not np.isfinite(after).all():
        return {"outcome": "not finite", "why": "", "mean_change": None, "largest_change": None}
    outside = bounded and bool(((after < 0) | (after > 1)).any())
    change = np.abs(after - before)
    return {
        "outcome": "outside [0, 1]" if outside else "scored",
        "why": "",
        "mean_change": float(change.mean()),
        "largest_change": float(change.max()),
    }


def _extremes(frame: Frame, column: int, beyond: float) -> list[float]:
    known = frame.matrix[:, column]
    known = known[~np.isnan(known)]
    if column in frame.levels or not len(known):
        return []
    low, high = float(known.min()), float(known.max())
    reach = beyond * ((high - low) or 1.0)
    return [low - reach, high + reach, -1e30, 1e30]
