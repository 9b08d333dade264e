"""Whether importance holds still, and how much of it lies on protected features and their proxies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.engine.columns import Coded, Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.explain.explainer import Explanation
from apps.engine.explain.frame import Frame, frames
from apps.engine.inputs import Model
from apps.engine.measures.attribution import holding, sizes, weights_of
from apps.engine.measures.explainability import BACKGROUND_ROWS, explained, mean_of, ranks
from apps.engine.values import Measured


def importance_stability(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    reference_features: Columns | None = None,
    weight: FloatArray | None = None,
    previous: Mapping[str, Any] | None = None,
    sample: int = 1000,
    top: int = 5,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    rows: int | None = None,
    background_rows: int = BACKGROUND_ROWS,
    draws: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure the rank correlation of importances over resamples, or with an earlier version's.

    Without `previous` the value is the mean over resamples of Spearman's correlation between the
    importances of the resample and those of all rows explained. With it, the correlation with the earlier
    importances. Range [-1, 1], higher is better.

    Parameters
    ----------
    previous : mapping of str to float, optional
        Importance (mean |SHAP|, or share) by feature of an earlier version; features that only one version
        has count as 0 in the other.
    sample : int
        Rows in each resample, at most.
    top : int
        Also the share of the foremost `top` features that stay foremost.
    draws : int
        Resamples.
    model, features, reference_features, weight, method, space, background, rows, background_rows,
    confidence, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Interval: percentiles over resamples (of the rows; with `previous`, of its correlation), widened
        where needed so that it holds the value.

    Raises
    ------
    Unmeasurable
        If there is no model or fewer than two features.

    References
    ----------
    Spearman (1904), The proof and measurement of association between two things.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 2.0, 9.0], b=[1.0, 0.0, 0.0])
    >>> made = importance_stability(
    ...     model=Weighted({"a": 1.0, "b": 1.0}), features=rows, previous={"a": 0.1, "b": 0.9}
    ... )
    >>> made.value
    -1.0
    """
    found, parameters = explained(
        model=model,
        features=features,
        reference_features=reference_features,
        method=method,
        space=space,
        background=background,
        rows=rows,
        background_rows=background_rows,
        seed=seed,
    )
    own = weights_of(found, features, weight, seed)
    size = sizes(found, own)
    means = size.resampled(draws, seed, sample=sample)
    names, whole, means, other = _aligned(found, size.mean, means, previous)
    if len(names) < 2:
        raise Unmeasurable("One feature alone has no order to keep.")
    against = whole if other is None else other
    drawn = np.array([_correlation(m, against) for m in means])
    defined = drawn[np.isfinite(drawn)]
    value = _correlation(whole, against)
    if not np.isfinite(value) or not len(defined):
        raise Unmeasurable("All importances are equal: their order is not defined.")
    value = float(defined.mean()) if other is None else value
    whole = size.real(whole)
    kept = [len(_top(m, names, top) & _top(against, names, top)) / min(top, len(names)) for m in means]
    table = [
        {"feature": n, "mean_abs": float(whole[j]), "previous": None if other is None else float(other[j])}
        for j, n in enumerate(names)
    ]
    return Measured(
        value=value,
        interval=holding(value, drawn, confidence),
        confidence=confidence,
        method=f"Spearman correlation of {mean_of(own)}, {draws} resamples, {found.method}",
        seed=seed,
        n=len(found.rows),
        parameters={**parameters, "against": "resamples" if other is None else "previous", "sample": sample},
        tables={"importances": table, "foremost": [{"top": top, "kept": float(np.mean(kept))}]},
        notes=found.notes,
    )


def _aligned(
    found: Explanation, whole: FloatArray, means: FloatArray, previous: Mapping[str, Any] | None
) -> tuple[list[str], FloatArray, FloatArray, FloatArray | None]:
    """Both versions' importances over the features of either."""
    names = list(found.rows.names)
    if previous is None:
        return names, whole, means, None
    _known_importances(previous)
    added = sorted(set(previous) - set(names))
    other = np.array([float(previous.get(n, 0.0)) for n in (*names, *added)])
    wider = np.zeros((len(means), len(added)))
    return [*names, *added], np.append(whole, np.zeros(len(added))), np.hstack([means, wider]), other


def _known_importances(previous: Mapping[str, Any]) -> None:
    if not previous:
        raise BadInput("previous must give a number of at least 0 for each feature; it names none.")
    for name, value in previous.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise BadInput(
                "previous must give a number of at least 0 for each feature; "
                f'for "{name}" it gives {value!r}.'
            )


def _correlation(a: FloatArray, b: FloatArray) -> float:
    x, y = (ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else float("nan")


def _top(values: FloatArray, names: Sequence[str], top: int) -> set[str]:
    order = sorted(range(len(names)), key=lambda j: (-values[j], names[j]))
    return {names[j] for j in order[:top]}


def protected_influence(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    protected: Columns,
    reference_features: Columns | None = None,
    weight: FloatArray | None = None,
    proxies: Sequence[str] = (),
    association: float = 0.5,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    rows: int | None = None,
    background_rows: int = BACKGROUND_ROWS,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure the share of attribution on protected features and their proxies.

    A feature counts where it is a protected attribute, is declared a proxy, or its association with a
    protected attribute is at least `association`: the correlation ratio for numbers, Cramér's V for
    categories. The value is the sum of the importances of those features over the sum of all. Range [0, 1],
    lower is better.

    Parameters
    ----------
    protected : Columns
        The protected attributes of the rows.
    proxies : sequence of str
        Features declared to stand for a protected attribute.
    association : float
        From where on a feature counts as a proxy.
    model, features, reference_features, weight, method, space, background, rows, background_rows, draws,
    confidence, seed
        As for `global_importance`. Associations are over all rows and take no weights.

    Returns
    -------
    Measured
        Percentile bootstrap over rows. The table ``features``: importance share, strongest association and
        with what, whether and why it counts.

    Raises
    ------
    BadInput
        If `proxies` names no feature.
    Unmeasurable
        If there is no model, no protected attribute, or no feature moves the score.

    References
    ----------
    Cramér (1946), Mathematical Methods of Statistics, chapter 21.
    Pearson (1905), On the general theory of skew correlation: the correlation ratio.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 1.0, 0.0, 1.0], b=[0.0, 0.0, 3.0, 3.0])
    >>> made = protected_influence(
    ...     model=Weighted({"a": 1.0, "b": 1.0}), features=rows, protected=Columns.of(sex=["f", "m"] * 2)
    ... )
    >>> made.value, [row["counts"] for row in made.tables["features"]]
    (0.25, [False, True])
    """
    found, parameters = explained(
        model=model,
        features=features,
        reference_features=reference_features,
        method=method,
        space=space,
        background=background,
        rows=rows,
        background_rows=background_rows,
        seed=seed,
    )
    if not len(protected):
        raise Unmeasurable("The manifest names no protected attribute.")
    names = found.rows.names
    for name in proxies:
        if name not in names:
            raise NoSuchColumn(f'"{name}" is no feature of the model; it has {", ".join(names)}.')
    strongest = _associations(features or protected, protected)
    why = [_reason(n, protected, proxies, strongest[n], association) for n in names]
    counts = np.array([w is not None for w in why])
    own = weights_of(found, features, weight, seed)
    size = sizes(found, own)
    mean, means = size.mean, size.resampled(draws, seed)
    total = means.sum(1)
    shares = np.divide(means[:, counts].sum(1), total, out=np.full(draws, np.nan), where=total > 0)
    value = float(mean[counts].sum() / mean.sum())
    return Measured(
        value=value,
        interval=holding(value, shares, confidence),
        confidence=confidence,
        method=f"share of {mean_of(own)}, {found.method}; percentile bootstrap over rows, {draws} draws",
        seed=seed,
        n=len(found.rows),
        parameters={**parameters, "attributes": list(protected)},
        tables={"features": _influence_table(names, mean, strongest, why)},
        notes=found.notes,
    )


def _influence_table(
    names: Sequence[str],
    mean: FloatArray,
    strongest: Mapping[str, tuple[float, str]],
    why: Sequence[str | None],
) -> list[dict[str, Any]]:
    order = sorted(range(len(names)), key=lambda j: (-mean[j], names[j]))
    return [
        {
            "feature": names[j],
            "share": float(mean[j] / mean.sum()),
            "association": strongest[names[j]][0],
            "attribute": strongest[names[j]][1],
            "counts": why[j] is not None,
            "why": why[j] or "",
        }
        for j in order
    ]


def _reason(
    name: str, protected: Columns, proxies: Sequence[str], strongest: tuple[float, str], bound: float
) -> str | None:
    if name in protected:
        return "protected attribute"
    if name in proxies:
        return "declared proxy"
    if strongest[0] >= bound:
        return f"associated with {strongest[1]}"
    return None


def _associations(features: Columns, protected: Columns) -> dict[str, tuple[float, str]]:
    """Each feature's strongest association with a protected attribute."""
    frame, _ = frames(features)
    coded = {name: protected[name].coded() for name in protected}
    answer = {}
    for j, name in enumerate(frame.names):
        found = [(_association(frame, j, groups), attribute) for attribute, groups in coded.items()]
        answer[name] = min(found, key=lambda pair: (-pair[0], pair[1]))
    return answer


def _association(frame: Frame, column: int, groups: Coded) -> float:
    codes = groups.codes.astype(np.int64)
    values = frame.matrix[:, column]
    if column in frame.levels:
        return _cramer(values.astype(np.int64), len(frame.levels[column]), codes, len(groups.levels))
    known = np.isfinite(values)
    return _correlation_ratio(values[known], codes[known], len(groups.levels))


def _correlation_ratio(values: FloatArray, groups: IntArray, count: int) -> float:
    """The square root of the between-group share of the variance."""
    if len(values) < 2:
        return 0.0
    order = np.lexsort((groups, values))
    values, groups = values[order], groups[order]
    top = float(np.abs(values).max())
    values = values / top if top > 0 else values  # the ratio has no unit; large squares would overflow
    n = np.bincount(groups, minlength=count)
    centred = values - values.mean()
    total = float((centred * centred).sum())
    sums = np.bincount(groups, weights=centred, minlength=count)
    between = float((sums[n > 0] ** 2 / n[n > 0]).sum())
    return float(np.sqrt(min(1.0, between / total))) if total > 0 else 0.0


def _cramer(values: IntArray, levels: int, groups: IntArray, count: int) -> float:
    """Cramér's V of two codings."""
    table = np.bincount(values * count + groups, minlength=levels * count).reshape(levels, count)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    small = min(table.shape) - 1
    if small < 1:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(min(1.0, statistic / (table.sum() * small))))
