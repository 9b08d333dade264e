"""How a model uses its features: importance over rows, and whether explanations add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.explain.explainer import Explainer, Explanation, explainer
from apps.engine.explain.frame import Frame, frames, sampled
from apps.engine.explain.kept import Asked, kept_by
from apps.engine.inputs import Model
from apps.engine.measures.attribution import Sizes, holding, sizes, weights_of
from apps.engine.values import Measured

_NO_MODEL = "The manifest has no artifact to run: scores in a column cannot be explained."
EXACT_ROWS, SAMPLED_ROWS, BACKGROUND_ROWS, _FEWEST = 10_000, 1_000, 1_000, 5


def explained(
    *,
    model: Model | None,
    features: Columns | None,
    reference_features: Columns | None = None,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    rows: int | None = None,
    background_rows: int = BACKGROUND_ROWS,
    seed: int = 0,
) -> tuple[Explanation, dict[str, Any]]:
    """Explain a sample of rows; also the parameters that fix the numbers.

    The model keeps the newest explanations: a second check that asks the same is answered at once.

    Raises
    ------
    Unmeasurable
        If there is no model to run, no row, or the method does not fit the model.
    """
    if model is None or features is None:
        raise Unmeasurable(_NO_MODEL)
    asked = Asked(features, reference_features, (method, space, background, rows, background_rows, seed))
    kept = kept_by(model)
    if (known := kept.find(asked)) is not None:
        return known
    chosen, frame, parameters = prepared(
        model=model,
        features=features,
        reference_features=reference_features,
        method=method,
        space=space,
        background=background,
        background_rows=background_rows,
        seed=seed,
    )
    most = rows or (affordable(len(frame.names)) if chosen.sampled else EXACT_ROWS)
    found = chosen(sampled(frame, most, seed))
    parameters |= {"rows": len(found.rows), "rows_available": len(frame), "space": found.space}
    kept.keep(asked, found, parameters)
    return found, parameters


def affordable(features: int) -> int:
    """Rows explained from outside where nobody says how many: walks cost the square of the features.

    Examples
    --------
    >>> affordable(30), affordable(100), affordable(1000)
    (1000, 250, 5)
    """
    return min(SAMPLED_ROWS, max(_FEWEST, SAMPLED_ROWS * 50**2 // max(1, features) ** 2))


def prepared(
    *,
    model: Model | None,
    features: Columns | None,
    reference_features: Columns | None,
    method: str,
    space: str,
    background: str,
    background_rows: int,
    seed: int,
) -> tuple[Explainer, Frame, dict[str, Any]]:
    """An explainer with its background, and all rows in the file's order."""
    if model is None or features is None:
        raise Unmeasurable(_NO_MODEL)
    if features.rows == 0:
        raise Unmeasurable("The data set has no rows.", status="insufficient")
    other = reference_features if background == "reference" else None
    frame, reference = frames(features, other)
    chosen = explainer(
        model,
        sampled(frame if reference is None else reference, background_rows, seed),
        method=method,
        space=space,
        seed=seed,
    )
    parameters = {
        "method": chosen.method,
        "background": "measured" if reference is None else "reference",
        "background_rows": len(chosen.background),
    }
    return chosen, frame, parameters


def global_importance(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    reference_features: Columns | None = None,
    weight: FloatArray | None = None,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    rows: int | None = None,
    background_rows: int = BACKGROUND_ROWS,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Measured:
    """Measure how much each feature moves the score, and the share of the foremost.

    A feature's importance is the mean over rows of the absolute Shapley value; its share is its importance
    over the sum of all. The value is the largest share. Range (0, 1], lower is better: a score that hangs
    on one feature is fragile.

    Parameters
    ----------
    model, features : Model, Columns
        The artifact and the rows that are explained.
    reference_features : Columns, optional
        The background: the rows that unknown features are drawn from (else `features` itself).
    weight : float array (n,), optional
        Of the rows explained: means are weighted by it. The background is taken as it is.
    method : {"auto", "tree_interventional", "tree_path", "linear", "permutation", "kernel"}
        `auto`: exact where the model's inside can be read, else sampled.
    space : {"auto", "margin", "score"}
        What is explained: the margin (log-odds) or the score.
    background : {"reference", "measured"}
        Which data set the background is drawn from.
    rows, background_rows : int
        At most so many, drawn without regard to the file's order; `rows` is 10,000 by default, 1,000 for
        sampled values, fewer where a model of more than 50 features is seen from outside.
    confidence, draws, seed
        Percentile interval over `draws` resamples of the rows.

    Returns
    -------
    Measured
        The table ``attributions`` has feature, mean_abs and share with intervals, the rank, and the sign of
        the relation: the rank correlation of a feature's values and its contributions.

    Raises
    ------
    Unmeasurable
        If there is no model, no row, or no feature moves the score.

    Notes
    -----
    The interval is that of the share of the feature that is foremost in the sample; it covers the choice of
    rows, not of the background, and is widened where needed so that it holds the value.

    References
    ----------
    Lundberg, Lee (2017), A unified approach to interpreting model predictions.
    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> data = Columns.of(a=[0.0, 1.0, 2.0, 3.0], b=[0.0, 1.0, 1.0, 0.0])
    >>> made = global_importance(model=Weighted({"a": 1.0, "b": 1.0}), features=data)
    >>> round(made.value, 6), [row["feature"] for row in made.tables["attributions"]]
    (0.666667, ['a', 'b'])
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
    table = _attributions(found, sizes(found, own), confidence, draws=draws, seed=seed)
    first = table[0]
    return Measured(
        value=first["share"],
        interval=_ends(first, "share_"),
        confidence=confidence,
        method=f"{mean_of(own)}, {found.method}; percentile bootstrap over rows, {draws} draws",
        seed=seed,
        n=len(found.rows),
        parameters={**parameters, "foremost": first["feature"]},
        tables={"attributions": table},
        notes=found.notes,
    )


def mean_of(weight: FloatArray | None) -> str:
    """What a method says of the mean that it takes."""
    return "mean |SHAP|" if weight is None else "weighted mean |SHAP|"


def _ends(row: Mapping[str, Any], prefix: str) -> tuple[float, float] | None:
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return None if low is None or high is None else (low, high)


def _attributions(
    found: Explanation, size: Sizes, confidence: float, *, draws: int, seed: int
) -> list[dict[str, Any]]:
    mean, means = size.mean, size.resampled(draws, seed)
    total = means.sum(1, keepdims=True)
    shares = np.divide(means, total, out=np.full_like(means, np.nan), where=total > 0)
    means = np.where(np.isfinite(means), size.real(means), np.nan)
    order = np.lexsort((np.array(found.rows.names), -mean))
    table = []
    for rank, j in enumerate(order.tolist(), start=1):
        own, share = float(size.real(mean)[j]), float(mean[j] / mean.sum())
        relation = _relation(found.rows, j, found.values[:, j])
        row = {
            "rank": rank,
            "feature": found.rows.names[j],
            "mean_abs": own,
            **_held("", holding(own, means[:, j], confidence)),
            "share": share,
            **_held("share_", holding(share, shares[:, j], confidence)),
            "relation": relation,
            "sign": _sign(relation),
        }
        if found.errors is not None:
            row["sampling_error"] = _root_mean_square(found.errors[:, j])
        table.append(row)
    return table


def _root_mean_square(values: FloatArray) -> float:
    top = float(values.max(initial=0.0))
    return top * float(np.sqrt(((values / top) ** 2).mean())) if top > 0 else 0.0


def _held(prefix: str, ends: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = ends or (None, None)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _relation(rows: Frame, column: int, values: FloatArray) -> float | None:
    """Spearman's rank correlation of a numeric feature and its contribution; None where it has none."""
    given = rows.matrix[:, column]
    known = ~np.isnan(given)
    if column in rows.levels or known.sum() < 2:
        return None
    a, b = (ranks(v[known]) - (known.sum() + 1) / 2 for v in (given, values))
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / spread) if spread > 0 else None


def ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1, ties at their mean.

    Examples
    --------
    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=np.float64)


def _sign(relation: float | None) -> str:
    if relation is None:
        return "none"
    return "+" if relation > 0 else "-" if relation < 0 else "none"


def additivity(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    reference_features: Columns | None = None,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    rows: int | None = None,
    background_rows: int = BACKGROUND_ROWS,
    seed: int = 0,
) -> Measured:
    """Measure how far base plus contributions is from the output, at worst.

    For each row the larger of two relative errors: of base + sum of contributions against the output in the
    explained space, worked out another way, and of the score that this sum stands for against the score
    that the model itself gives; each over max(1, |output|). The value is the largest over rows. Range
    [0, inf), lower is better; about 1e-6 is what float32 models allow.

    Parameters
    ----------
    model, features, reference_features, method, space, background, rows, background_rows, seed
        As for `global_importance`.

    Raises
    ------
    Unmeasurable
        If there is no model or no row.

    References
    ----------
    Shapley (1953), A value for n-person games: efficiency.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> data = Columns.of(a=[0.0, 1.0], b=[0.0, 1.0])
    >>> additivity(model=Weighted({"a": 1.0, "b": 1.0}), features=data).value < 1e-12
    True
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
    inner = _relative(found.base + found.values.sum(1), found.output)
    outer = _relative(found.reproduced, found.scored)
    worst = float(max(inner.max(), outer.max()))
    return Measured(
        value=worst,
        n=len(found.rows),
        method=f"largest over rows, {found.method}",
        seed=seed,
        parameters={**parameters, "base": found.base},
        tables={
            "errors": [
                {"against": f"output ({found.space})", "largest": float(inner.max())},
                {"against": "the model's own score", "largest": float(outer.max())},
            ]
        },
        notes=found.notes,
    )


def _relative(made: FloatArray, expected: FloatArray) -> FloatArray:
    return np.asarray(np.abs(made - expected) / np.maximum(1.0, np.abs(expected)))
