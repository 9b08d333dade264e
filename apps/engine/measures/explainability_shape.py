"""How the score moves with features: partial dependence, interactions, a readable stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import NoSuchColumn, Unmeasurable
from apps.engine.explain.frame import Frame, frames, sampled, scores
from apps.engine.explain.refuse import Unreadable
from apps.engine.inputs import Model
from apps.engine.intervals import normal
from apps.engine.numeric import finite_scores
from apps.engine.values import Measured

_BATCH = 50_000
_FLOAT32 = float(np.finfo(np.float32).max)


def partial_dependence(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    feature: str,
    grid: int = 20,
    rows: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure how far the mean score moves while one feature runs over its range.

    The curve at v is the mean score of the rows with the feature set to v. The value is the curve's range,
    its maximum less its minimum, in units of the score. Range [0, inf); neither end is better.

    Parameters
    ----------
    feature : str
        The feature that is moved.
    grid : int
        Points: quantiles of the distinct values; every level of a category.
    rows : int
        At most so many rows.
    model, features, confidence, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        The table ``curve``: value, mean score with a normal interval over rows, and the 10 % and 90 %
        quantiles of the rows' own curves.

    Raises
    ------
    BadInput
        If there is no such feature.
    Unmeasurable
        If there is no model, no row, or the feature has fewer than two values.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of Statistics 29.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 2.0], b=[5.0, 7.0])
    >>> made = partial_dependence(model=Weighted({"a": 3.0, "b": 1.0}), features=rows, feature="a")
    >>> made.value, [row["mean"] for row in made.tables["curve"]]
    (6.0, [6.0, 12.0])
    """
    running, frame = _running(model, features, rows, seed)
    column = _place(frame, feature)
    points = _grid(frame, column, grid)
    if len(points) < 2:
        raise Unmeasurable(f'"{feature}" has one value in all {len(frame):,} rows: a curve needs two.')
    curves = np.stack([scores(running, _with(frame, {column: p})) for p in points])
    mean = curves.mean(1)
    error = curves.std(1, ddof=1) / np.sqrt(len(frame)) if len(frame) > 1 else np.zeros(len(points))
    low, high = np.quantile(curves, [0.1, 0.9], axis=1)
    table = []
    for i, point in enumerate(points.tolist()):
        interval = normal(float(mean[i]), float(error[i]), confidence)
        table.append(
            {
                "value": frame.levels[column][int(point)] if column in frame.levels else point,
                "mean": float(mean[i]),
                "low": interval[0],
                "high": interval[1],
                "rows_10": float(low[i]),
                "rows_90": float(high[i]),
            }
        )
    return Measured(
        value=float(mean.max() - mean.min()),
        n=len(frame),
        confidence=confidence,
        method="range of the partial dependence; normal intervals of each point over rows",
        seed=seed,
        parameters={"points": len(points), "rows": len(frame)},
        tables={"curve": table},
    )


def interaction(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    among: Sequence[str] | None = None,
    kind: str = "h_squared",
    rows: int = 100,
    seed: int = 0,
) -> Measured:
    """Measure the strongest pairwise interaction, by Friedman's H squared or by Shapley interaction values.

    H² of features j and k is the share of the variance of their joint partial dependence that the sum of
    their single ones does not explain, all centred and taken at the rows. The Shapley strength of a pair is
    the mean over rows of |phi_jk + phi_kj| over the sum of such means of all pairs and of all single effects
    |phi_jj|. The value is the largest over pairs. Range [0, 1], lower means closer to additive.

    Parameters
    ----------
    among : sequence of str, optional
        The features to pair; by default the five of largest importance by partial dependence, or all for
        Shapley values.
    kind : {"h_squared", "shapley"}
        Shapley values are exact and path-dependent: they need a tree ensemble with its training cover.
    rows : int
        At most so many rows; the cost of H² grows with their square.
    model, features, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        The table ``pairs`` by strength; the notes say how many pairs were compared.

    Raises
    ------
    BadInput
        If `among` names no feature.
    Unmeasurable
        If there is no model, no row, fewer than two features that move the score, or Shapley values are
        asked of a model that is no tree ensemble.

    References
    ----------
    Friedman, Popescu (2008), Predictive learning via rule ensembles, Annals of Applied Statistics 2.
    Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree ensembles.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 1.0, 2.0], b=[1.0, 0.0, 5.0])
    >>> round(interaction(model=Weighted({"a": 1.0, "b": 2.0}), features=rows).value, 12)
    0.0
    """
    running, frame = _running(model, features, rows, seed)
    chosen = [_place(frame, name) for name in among] if among else None
    if kind == "shapley":
        table = _shapley_pairs(running, frame, chosen)
    else:
        table = _h_squared_pairs(running, frame, chosen)
    if not table:
        raise Unmeasurable("Fewer than two features move the score: there is no pair to compare.")
    name = "shapley" if kind == "shapley" else "h_squared"
    table.sort(key=lambda row: (-float(str(row[name])), str(row["first"]), str(row["second"])))
    what = "Shapley interaction share" if kind == "shapley" else "H squared"
    return Measured(
        value=float(str(table[0][name])),
        n=len(frame),
        method=f"largest {what} over pairs",
        seed=seed,
        parameters={"rows": len(frame), "pairs": len(table), "kind": kind},
        tables={"pairs": table},
        notes=(f"{len(table)} pairs were compared.",),
    )


def _h_squared_pairs(model: Model, frame: Frame, among: list[int] | None) -> list[dict[str, Any]]:
    """H squared of each pair; by default of the five features that move the mean score most."""
    chosen = list(range(len(frame.names))) if among is None else among
    singles = {j: _centred(model, frame, (j,)) for j in chosen}
    if among is None:
        size = {j: float((s * s).sum()) for j, s in singles.items()}
        chosen = sorted(chosen, key=lambda j: (-size[j], frame.names[j]))[:5]
    table: list[dict[str, Any]] = []
    for j, k in combinations(sorted(chosen), 2):
        joint = _centred(model, frame, (j, k))
        total = float((joint * joint).sum())
        rest = joint - singles[j] - singles[k]
        if total > 1e-24 * len(frame):
            strength = min(1.0, float((rest * rest).sum()) / total)
            table.append({"first": frame.names[j], "second": frame.names[k], "h_squared": strength})
    return table


def _shapley_pairs(model: Model, frame: Frame, among: list[int] | None) -> list[dict[str, Any]]:
    """The share of each pair's exact interaction values in all effects."""
    from apps.engine.explain.explainer import ensemble_of
    from apps.engine.explain.interactions import interactions
    from apps.engine.explain.tree_shap import TreeShap

    try:
        ensemble = ensemble_of(model, frame)
        if not ensemble.has_cover:
            raise Unreadable("its format does not keep how much training data reached each node")
    except Unreadable as error:
        raise Unmeasurable(f"Shapley interaction values need the model's trees: {error}.") from error
    values = np.abs(interactions(TreeShap(ensemble), frame.matrix)).mean(0)
    effects, pairs = float(values.sum()), combinations(range(len(values)), 2)
    if not effects > 0:
        return []
    return [
        {"first": frame.names[j], "second": frame.names[k], "shapley": float(2 * values[j, k] / effects)}
        for j, k in pairs
        if among is None or (j in among and k in among)
    ]


def surrogate_fidelity(
    *,
    score: FloatArray,
    features: Columns,
    depth: int = 4,
    folds: int = 5,
    rows: int = 20_000,
    seed: int = 0,
) -> Measured:
    """Measure how well one small tree reproduces the score: cross-validated R².

    R² = 1 - sum of squared errors over sum of squares about the mean, each row predicted by a tree that has
    not seen it. Range (-inf, 1], higher is better: near 1, the tree's rules explain the model.

    Parameters
    ----------
    score : float array (n,)
        The model's scores, from the artifact or a column; nothing else of the model is needed.
    features : Columns
        The rows; categories become one column per level.
    depth : int
        Depth of the tree.
    folds : int
        Parts of the cross-validation.
    rows : int
        At most so many rows.
    seed : int
        Of the sample and the folds.

    Returns
    -------
    Measured
        Normal interval over the folds. The table ``rules`` lists the leaves of a tree fitted on all rows: its
        conditions, rows and mean score.

    Raises
    ------
    Unmeasurable
        If there are fewer rows than folds or the score is constant.

    References
    ----------
    Craven, Shavlik (1996), Extracting tree-structured representations of trained networks, NeurIPS 8.

    Examples
    --------
    >>> rows = Columns.of(a=[float(i % 4) for i in range(40)])
    >>> surrogate_fidelity(score=np.array([float(i % 4 > 1) for i in range(40)]), features=rows).value
    1.0
    """
    from sklearn.tree import DecisionTreeRegressor

    frame, _ = frames(features)
    score = finite_scores(score)
    beyond = int(np.count_nonzero((np.abs(frame.matrix) > _FLOAT32).any(axis=1)))
    if beyond:
        raise Unmeasurable(f"A feature is infinite, or beyond {_FLOAT32:.2g}, in {beyond:,} rows.")
    joined = Frame((*frame.names, " score"), np.column_stack([frame.matrix, score]), frame.levels)
    part = sampled(joined, rows, seed)
    matrix, names = _spread(part.holding(part.matrix[:, :-1]), frame.names)
    target = part.matrix[:, -1]
    if len(target) < max(folds, 2):
        raise Unmeasurable(f"{len(target)} rows are too few for {folds} folds.", status="insufficient")
    if target.min() == target.max():
        raise Unmeasurable("The score is the same for every row: there is nothing to reproduce.")
    fold = np.random.Generator(np.random.Philox([seed, 3])).permutation(len(target)) % folds
    made = np.empty(len(target))
    for k in range(folds):
        tree = DecisionTreeRegressor(max_depth=depth, random_state=0)
        made[fold == k] = tree.fit(matrix[fold != k], target[fold != k]).predict(matrix[fold == k])
    with np.errstate(over="ignore", under="ignore"):
        spread = ((target - target.mean()) ** 2).mean()
    if not 0 < spread < np.inf:
        raise Unmeasurable(
            "The scores are too large or too close to each other: their variance is no number."
        )
    parts = np.array([1 - ((target - made)[fold == k] ** 2).mean() / spread for k in range(folds)])
    value = 1 - ((target - made) ** 2).mean() / spread
    interval = normal(float(value), float(parts.std(ddof=1) / np.sqrt(folds)))
    whole = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(matrix, target)
    return Measured(
        value=float(value),
        interval=(interval[0], min(1.0, interval[1])),
        confidence=0.95,
        method=f"R squared of a tree of depth {depth}, {folds}-fold; normal interval over folds",
        seed=seed,
        n=len(target),
        parameters={"rows": len(target), "leaves": int(whole.get_n_leaves())},
        tables={"rules": _rules(whole.tree_, names)},
    )


def _running(model: Model | None, features: Columns | None, rows: int, seed: int) -> tuple[Model, Frame]:
    if model is None or features is None:
        raise Unmeasurable("The manifest has no artifact to run: the score cannot be asked for other rows.")
    if features.rows == 0:
        raise Unmeasurable("The data set has no rows.", status="insufficient")
    return model, sampled(frames(features)[0], rows, seed)


def _place(frame: Frame, feature: str) -> int:
    if feature not in frame.names:
        raise NoSuchColumn(f'"{feature}" is no feature of the model; it has {", ".join(frame.names)}.')
    return frame.names.index(feature)


def _grid(frame: Frame, column: int, most: int) -> FloatArray:
    if column in frame.levels:
        return np.arange(len(frame.levels[column]), dtype=np.float64)
    known = np.unique(frame.matrix[:, column][~np.isnan(frame.matrix[:, column])])
    if not len(known):
        raise Unmeasurable(f'"{frame.names[column]}" has no value in any row.', status="insufficient")
    if len(known) <= most:
        return known
    return np.unique(np.quantile(known, np.linspace(0, 1, most), method="nearest"))


def _with(frame: Frame, fixed: dict[int, float]) -> Frame:
    matrix = frame.matrix.copy()
    for column, value in fixed.items():
        matrix[:, column] = value
    return frame.holding(matrix)


def _centred(model: Model, frame: Frame, columns: tuple[int, ...]) -> FloatArray:
    """The centred partial dependence on some columns at every row, many hybrids a call."""
    n = len(frame)
    answer = np.empty(n)
    step = max(1, _BATCH // n)
    for first in range(0, n, step):
        at = frame.matrix[first : first + step]
        mixed = np.repeat(frame.matrix[None], len(at), 0)
        for column in columns:
            mixed[:, :, column] = at[:, None, column]
        found = scores(model, frame.holding(mixed.reshape(-1, frame.matrix.shape[1])))
        answer[first : first + step] = found.reshape(len(at), n).mean(1)
    return np.asarray(answer - answer.mean())


def _spread(frame: Frame, names: Sequence[str]) -> tuple[FloatArray, list[str]]:
    """Categories as one column per level."""
    columns, titles = [], []
    for j, name in enumerate(names):
        if j in frame.levels:
            for code, level in enumerate(frame.levels[j]):
                columns.append((frame.matrix[:, j] == code).astype(np.float64))
                titles.append(f"{name} is {level}")
        else:
            columns.append(frame.matrix[:, j])
            titles.append(name)
    return np.column_stack(columns), titles


def _rules(tree: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """The leaves of a fitted tree as readable conditions."""
    table = []
    waiting: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if tree.children_left[node] < 0:
            table.append(
                {
                    "rule": " and ".join(path) or "always",
                    "n": int(tree.n_node_samples[node]),
                    "mean_score": float(tree.value[node, 0, 0]),
                }
            )
            continue
        name, cut = names[tree.feature[node]], f"{tree.threshold[node]:.6g}"
        waiting.append((int(tree.children_right[node]), (*path, f"{name} > {cut}")))
        waiting.append((int(tree.children_left[node]), (*path, f"{name} <= {cut}")))
    return table
