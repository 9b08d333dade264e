"""What a model does under a little noise and along declared directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.explain.frame import Frame, frames, sampled, scores
from apps.engine.inputs import Model
from apps.engine.intervals import wilson
from apps.engine.values import Measured


def perturbation_flip_rate(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    predicted: BoolArray | None = None,
    threshold: float | None = None,
    noise: float = 0.05,
    switch: float = 0.05,
    only: Sequence[str] | None = None,
    rows: int = 2000,
    draws: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure how often a little noise in the features turns the decision.

    Each number gets normal noise of `noise` times its column's standard deviation, each category is replaced
    with probability `switch` by one drawn from its column; missing values stay missing. The value is the
    share of rows times draws whose decision (score >= threshold) differs from the undisturbed one. Range
    [0, 1], lower is better.

    Parameters
    ----------
    predicted : bool array (n,), optional
        The decisions, from which the threshold is read where it is not given.
    threshold : float, optional
        Scores from here on predict the positive class.
    only : sequence of str, optional
        Disturb these features only.
    model, features, rows, draws, confidence, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Percentile bootstrap over rows (each row with all its draws). Table ``features``: the flip rate when
        one feature alone is disturbed.

    Raises
    ------
    Unmeasurable
        If there is no model, no row, nothing that varies, or no threshold can be read from the decisions.
    BadInput
        If `only` names no feature.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 100.0])
    >>> perturbation_flip_rate(model=Weighted({"a": 1.0}), features=rows, threshold=50.0).value
    0.0
    """
    running, frame = running_rows(model, features)
    given = scores(running, frame)
    cut = threshold_of(given, predicted) if threshold is None else threshold
    part = sampled(frame, rows, seed)
    chosen = _places(frame, only)
    generator = np.random.Generator(np.random.Philox([seed, 4]))
    spread = _spreads(frame.matrix)
    if not any(_varies(part, j, spread) for j in chosen):
        raise Unmeasurable("No feature looked at varies in these rows, so noise disturbs nothing.")
    before = scores(running, part) >= cut

    def flips(columns: Sequence[int]) -> FloatArray:
        disturbed = _disturbed(part, columns, spread * noise, switch, generator)
        return np.asarray((scores(running, disturbed) >= cut) != before, dtype=np.float64)

    each = np.stack([flips(chosen) for _ in range(draws)]).mean(0)
    table = [{"feature": frame.names[j], "flip_rate": float(flips([j]).mean())} for j in chosen]
    table.sort(key=lambda row: (-float(str(row["flip_rate"])), str(row["feature"])))
    low, high = _bootstrap(each, confidence, seed)
    return Measured(
        value=float(each.mean()),
        interval=(low, high),
        confidence=confidence,
        method=f"{draws} disturbed copies of each row; percentile bootstrap over rows, 1000 draws",
        seed=seed,
        n=len(part),
        parameters={"threshold": float(cut), "rows": len(part)},
        tables={"features": table},
    )


def monotonicity(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    increasing: Sequence[str] = (),
    decreasing: Sequence[str] = (),
    grid: int = 20,
    tolerance: float = 0.0,
    rows: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure the share of rows whose score moves against a declared direction.

    Each declared feature runs over its observed quantiles while the row's other features stay. A row breaks
    the direction where a higher value ever gives a score lower (increasing) or higher (decreasing) by more
    than `tolerance`. The value is the share of rows that break any. Range [0, 1], lower is better.

    Parameters
    ----------
    increasing, decreasing : sequence of str
        The features and the direction in which the score must move.
    grid : int
        Points per feature.
    tolerance : float
        Differences up to here do not count.
    model, features, rows, confidence, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Wilson interval. Table ``features``: the share of rows that break each, and the largest step back.

    Raises
    ------
    BadInput
        If no direction is declared, or for something that is no numeric feature.
    Unmeasurable
        If there is no model or no row.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 1.0], b=[1.0, 2.0])
    >>> model = Weighted({"a": 1.0, "b": -1.0})
    >>> monotonicity(model=model, features=rows, increasing=["a"], decreasing=["b"]).value
    0.0
    >>> monotonicity(model=model, features=rows, increasing=["b"]).value
    1.0
    """
    running, frame = running_rows(model, features)
    part = sampled(frame, rows, seed)
    declared = [(f, 1) for f in increasing] + [(f, -1) for f in decreasing]
    if not declared:
        raise BadInput("No direction is declared: increasing and decreasing are both empty.")
    broken = np.zeros(len(part), bool)
    table = []
    for name, sign in declared:
        back = _steps_back(running, part, frame, _number_place(frame, name), sign, grid)
        mine = back > tolerance
        broken |= mine
        table.append(
            {
                "feature": name,
                "direction": "increasing" if sign > 0 else "decreasing",
                "share": float(mine.mean()),
                "largest": float(back.max(initial=0.0)),
            }
        )
    count = int(broken.sum())
    return Measured(
        value=count / len(part),
        interval=wilson(count, len(part), confidence),
        confidence=confidence,
        method="rows moved over each declared feature's quantiles; Wilson interval",
        seed=seed,
        n=len(part),
        parameters={"rows": len(part), "broken": count},
        tables={"features": table},
    )


def _steps_back(model: Model, part: Frame, frame: Frame, column: int, sign: int, grid: int) -> FloatArray:
    """The largest step against the direction, per row; 0 where there is none."""
    known = frame.matrix[:, column]
    points = np.unique(np.quantile(known[~np.isnan(known)], np.linspace(0, 1, grid), method="nearest"))
    curves = np.stack([scores(model, set_to(part, column, p)) for p in points])
    best = np.maximum.accumulate(sign * curves, axis=0)
    return np.asarray((best - sign * curves).max(0))


def running_rows(model: Model | None, features: Columns | None) -> tuple[Model, Frame]:
    """The model and all rows, or the reason why it cannot be run on other rows."""
    if model is None or features is None:
        raise Unmeasurable("The manifest has no artifact to run: the score cannot be asked for other rows.")
    if features.rows == 0:
        raise Unmeasurable("The data set has no rows.", status="insufficient")
    return model, frames(features)[0]


def threshold_of(given: FloatArray, predicted: BoolArray | None) -> float:
    """The score from which decisions are positive, where they follow from the score."""
    if predicted is None:
        raise Unmeasurable("No threshold is given and the manifest has no decision to read it from.")
    if not predicted.any() or predicted.all():
        raise Unmeasurable("All decisions are the same: no threshold can be read from them.")
    lowest, highest = float(given[predicted].min()), float(given[~predicted].max())
    if lowest <= highest:
        raise Unmeasurable("The decisions do not follow from one threshold of the score; give threshold.")
    return lowest


def _places(frame: Frame, only: Sequence[str] | None) -> list[int]:
    for name in only or ():
        if name not in frame.names:
            raise NoSuchColumn(f'"{name}" is no feature of the model; it has {", ".join(frame.names)}.')
    return [j for j, name in enumerate(frame.names) if only is None or name in only]


def _number_place(frame: Frame, name: str) -> int:
    place = _places(frame, [name])[0]
    if place in frame.levels or np.isnan(frame.matrix[:, place]).all():
        raise BadInput(f'"{name}" holds no numbers; a direction needs a numeric feature.')
    return place


def _disturbed(
    part: Frame, columns: Sequence[int], spread: FloatArray, switch: float, generator: np.random.Generator
) -> Frame:
    matrix = part.matrix.copy()
    for j in columns:
        if j in part.levels:
            swap = generator.random(len(matrix)) < switch
            other = part.matrix[generator.integers(0, len(matrix), len(matrix)), j]
            matrix[:, j] = np.where(swap, other, matrix[:, j])
        else:
            matrix[:, j] += generator.normal(size=len(matrix)) * (spread[j] if spread[j] > 0 else 0.0)
    return part.holding(matrix)


def _varies(part: Frame, column: int, spread: FloatArray) -> bool:
    """Whether noise can change anything in a column: it has values, and more than one of them."""
    if column in part.levels:
        return len(np.unique(part.matrix[:, column])) > 1
    return bool(spread[column] > 0 and np.isfinite(part.matrix[:, column]).any())


def _bootstrap(values: FloatArray, confidence: float, seed: int) -> tuple[float, float]:
    generator = np.random.Generator(np.random.Philox([seed, 5]))
    n = len(values)
    means = [float(values[generator.integers(0, n, n)].mean()) for _ in range(1000)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def set_to(part: Frame, column: int, value: float) -> Frame:
    """The rows with one feature set to a value."""
    matrix = part.matrix.copy()
    matrix[:, column] = value
    return part.holding(matrix)


def _spreads(matrix: FloatArray) -> FloatArray:
    """The standard deviation of each column's finite values; 0 where there are none."""
    held = [np.sort(column[np.isfinite(column)]) for column in matrix.T]
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.array([float(column.std()) if len(column) else 0.0 for column in held])
    return np.where(np.isfinite(found), found, 0.0)
