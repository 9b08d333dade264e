"""Why one decision went as it did: contributions of one row, and reasons for adverse decisions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.explain.explainer import Explainer, Explanation, explainer
from apps.engine.explain.frame import Frame, canonical, drawn, frames, sampled, scores
from apps.engine.inputs import Model
from apps.engine.intervals import wilson
from apps.engine.measures.attribution import holding
from apps.engine.measures.explainability import BACKGROUND_ROWS, affordable, prepared
from apps.engine.measures.means import effective_size
from apps.engine.numeric import finite_scores, same_length, stable_mean, weights_or_none
from apps.engine.values import Measured

_TIE = 1e-9
_SHOWN = 20


def local(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    reference_features: Columns | None = None,
    row: int = 0,
    method: str = "auto",
    space: str = "auto",
    background: str = "reference",
    background_rows: int = BACKGROUND_ROWS,
    seed: int = 0,
) -> Measured:
    """Explain one row: its base, and what each feature adds.

    The value is the model's own score of the row; the table ``attributions`` lists contributions by size.

    Parameters
    ----------
    row : int
        The row's number in the file, from 0.
    model, features, reference_features, method, space, background, background_rows, seed
        As for `global_importance`.

    Raises
    ------
    BadInput
        If the file has no such row.
    Unmeasurable
        If there is no model.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(a=[0.0, 4.0], b=[2.0, 2.0])
    >>> made = local(model=Weighted({"a": 1.0, "b": 1.0}), features=rows, row=1)
    >>> made.value, made.tables["attributions"][0]["contribution"]
    (6.0, 2.0)
    """
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
    if not 0 <= row < len(frame):
        raise BadInput(f"There is no row {row}; the data set has rows 0 to {len(frame) - 1}.")
    found = chosen(frame.take(slice(row, row + 1)))
    values = found.values[0]
    order = np.lexsort((np.array(frame.names), -np.abs(values)))
    table = [
        {
            "feature": frame.names[j],
            "value": _shown(found.rows, 0, j),
            "contribution": float(values[j]),
        }
        for j in order.tolist()
    ]
    return Measured(
        value=float(found.scored[0]),
        n=1,
        method=found.method,
        seed=seed,
        parameters={**parameters, "base": found.base, "output": float(found.output[0]), "space": found.space},
        tables={"attributions": table},
        notes=found.notes,
    )


def _shown(rows: Frame, row: int, column: int) -> float | str | None:
    value = float(rows.matrix[row, column])
    if column in rows.levels:
        return rows.levels[column][int(value)]
    return None if np.isnan(value) else value


def _share(sayable: BoolArray, weight: FloatArray | None) -> tuple[float, float]:
    """The (weighted) share, and the number of rows that it is as good as."""
    if weight is None:
        return int(sayable.sum()) / len(sayable), float(len(sayable))
    return float(weight[sayable].sum() / weight.sum()), effective_size(weight)


def _adverse_weights(
    adverse: Adverse, features: Columns | None, weight: FloatArray | None, selected: BoolArray, seed: int
) -> FloatArray | None:
    """The weights of the adverse decisions explained; None where those of all rows are equal."""
    if features is None or weight is None or weights_or_none(weight) is None:
        return None
    same_length(selected=selected, weight=weight)
    frame, _ = frames(features)
    refused = np.flatnonzero(~selected)
    own = np.asarray(weight, dtype=np.float64)[refused]
    order = canonical(frame.take(refused), own)[drawn(len(refused), len(adverse.found.rows), seed)]
    if not own[order].any():
        raise Unmeasurable("The adverse decisions that are explained have no weight.")
    return np.asarray(own[order] / own[order].max())


@dataclass(frozen=True, slots=True)
class Adverse:
    """Explained adverse decisions: how much each feature hurt each of them (n, F), by either baseline."""

    found: Explanation
    hurt: FloatArray
    parameters: dict[str, Any]
    available: int
    explainer: Explainer


@dataclass(frozen=True, slots=True)
class Reasons:
    """The reasons of one decision: feature places in order, and whether a tie was broken among them."""

    places: tuple[int, ...]
    tied: bool


def reason_codes(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    selected: BoolArray,
    reference_features: Columns | None = None,
    weight: FloatArray | None = None,
    baseline: str = "average",
    most: int = 4,
    permitted: Sequence[str] | None = None,
    inquiries: str | None = None,
    near: int = 200,
    method: str = "auto",
    space: str = "auto",
    rows: int = 1000,
    background_rows: int = BACKGROUND_ROWS,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure the share of adverse decisions whose principal reasons can all be given.

    For each adverse decision the reasons are the features that hurt the person most against the baseline:
    at most `most`, in order, only features that hurt. A decision counts where it has at least one reason
    and all are permitted. Range [0, 1], higher is better.

    Parameters
    ----------
    selected : bool array (n,)
        True where the decision is favourable.
    baseline : {"average", "near_cutoff"}
        Against whom: the background at large, or the `near` favourable rows closest to the cut-off.
    most : int
        Reasons per decision.
    permitted : sequence of str, optional
        The features that may be named; all by default.
    inquiries : str, optional
        The feature that counts inquiries (FCRA): where it hurts and is not among the reasons, it is added
        as one more.
    weight : float array (n,), optional
        Of the decisions: the share is weighted by it, and the interval takes Kish's effective size.
    model, features, reference_features, method, space, rows, background_rows, confidence, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Wilson interval over the decisions explained. Tables: ``reasons`` (how often each feature is a
        reason, and the first), ``examples`` (a few decisions with their reasons).

    Raises
    ------
    Unmeasurable
        If there is no model, no adverse decision, or no side that hurts can be told.
    BadInput
        If `permitted` or `inquiries` names no feature.

    Notes
    -----
    Which side hurts is read from the data: decisions that are not favourable have the higher or the lower
    mean score. Contributions equal to 1e-9 relative are ties, broken by the feature's name and counted.

    References
    ----------
    12 CFR 1002.9(b)(2) (Regulation B) and its official interpretation, paragraphs 4 to 8.
    15 U.S.C. 1681g(f)(1)(C), 1681m(a)(2) (FCRA): key factors, and the number of inquiries.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(debt=[0.0, 0.0, 9.0], age=[1.0, 2.0, 1.0])
    >>> made = reason_codes(
    ...     model=Weighted({"debt": 1.0, "age": 0.1}), features=rows, selected=np.array([True, True, False])
    ... )
    >>> made.value, made.tables["examples"][0]["reason_1"]
    (1.0, 'debt')
    """
    adverse = _adverse(
        model=model,
        features=features,
        selected=selected,
        reference_features=reference_features,
        baseline=baseline,
        near=near,
        method=method,
        space=space,
        rows=rows,
        background_rows=background_rows,
        seed=seed,
    )
    names = adverse.found.rows.names
    _known(names, permitted, inquiries)
    given = [_reasons(row, names, most, inquiries) for row in adverse.hurt]
    allowed = set(names if permitted is None else permitted)
    sayable = np.array([bool(g.places) and all(names[j] in allowed for j in g.places) for g in given])
    own = _adverse_weights(adverse, features, weight, selected, seed)
    value, effective = _share(sayable, own)
    weighted = "" if own is None else " on Kish's effective size"
    return Measured(
        value=value,
        interval=wilson(value * effective, effective, confidence),
        confidence=confidence,
        method=f"{adverse.found.method} against the {baseline} baseline; Wilson interval{weighted}",
        seed=seed,
        n=len(given),
        parameters={
            **adverse.parameters,
            "ties_broken": sum(g.tied for g in given),
            "without_a_reason": sum(not g.places for g in given),
            "adverse_decisions": adverse.available,
        },
        tables={
            "reasons": _counted(given, names, allowed),
            "examples": _examples(adverse, given, names),
        },
        notes=adverse.found.notes,
    )


def _adverse(
    *,
    model: Model | None,
    features: Columns | None,
    selected: BoolArray,
    reference_features: Columns | None,
    baseline: str,
    near: int,
    method: str,
    space: str,
    rows: int,
    background_rows: int,
    seed: int,
) -> Adverse:
    chosen, frame, parameters = prepared(
        model=model,
        features=features,
        reference_features=reference_features,
        method=method,
        space=space,
        background="reference",
        background_rows=background_rows,
        seed=seed,
    )
    same_length(features=frame.matrix, selected=selected)
    given = finite_scores(scores(chosen.model, frame))
    sign = _hurting_side(given, selected)
    if baseline == "near_cutoff":
        chosen, cutoff = _near_cutoff(
            chosen.model,
            frame,
            given,
            selected,
            sign=sign,
            near=near,
            method=method,
            space=space,
            seed=seed,
        )
        parameters |= {"cutoff": cutoff, "background_rows": len(chosen.background), "method": chosen.method}
    elif baseline != "average":
        raise BadInput(f'The baseline is "{baseline}"; average or near_cutoff was expected.')
    against = frame.take(np.flatnonzero(~selected))
    most = min(rows, affordable(len(frame.names))) if chosen.sampled else rows
    found = chosen(sampled(against, most, seed))
    parameters |= {"baseline": baseline, "hurts": "higher score" if sign > 0 else "lower score"}
    return Adverse(found, sign * found.values, parameters, len(against), chosen)


def _hurting_side(given: FloatArray, selected: BoolArray) -> int:
    """1 where a higher score hurts, -1 where a lower one does."""
    if selected.all() or not len(selected):
        raise Unmeasurable("There is no adverse decision to give reasons for.", status="insufficient")
    if not selected.any():
        raise Unmeasurable("There is no favourable decision to compare with.", status="insufficient")
    scaled = np.ldexp(given, -math.frexp(float(np.abs(given).max()))[1])  # sums of huge scores overflow
    refused, granted = stable_mean(scaled[~selected]), stable_mean(scaled[selected])
    if refused == granted:
        raise Unmeasurable("The score is on average the same for both decisions: no side hurts.")
    return 1 if refused > granted else -1


def _near_cutoff(
    model: Model,
    frame: Frame,
    given: FloatArray,
    selected: BoolArray,
    *,
    sign: int,
    near: int,
    method: str,
    space: str,
    seed: int,
) -> tuple[Explainer, float]:
    """An explainer against the favourable decisions with the least favourable scores."""
    order = canonical(frame, given)
    order = order[selected[order]]
    worst_first = order[np.argsort(-sign * given[order], kind="stable")]
    chosen = worst_first[:near]
    cutoff = float(given[worst_first[0]])
    background = frame.take(chosen)
    return explainer(model, background, method=method, space=space, seed=seed), cutoff


def _known(names: Sequence[str], permitted: Sequence[str] | None, inquiries: str | None) -> None:
    for name in [*(permitted or ()), *([inquiries] if inquiries else [])]:
        if name not in names:
            raise NoSuchColumn(f'"{name}" is no feature of the model; it has {", ".join(names)}.')


def _reasons(hurt: FloatArray, names: Sequence[str], most: int, inquiries: str | None = None) -> Reasons:
    """The features that hurt most, ties by name."""
    size = float(np.abs(hurt).max(initial=0.0))
    if not math.isfinite(size):
        raise Unmeasurable("A contribution is not a finite number.")
    rounded = np.round(hurt / size, 9) if size > 0 else hurt
    order = sorted((j for j in range(len(names)) if rounded[j] > _TIE), key=lambda j: (-rounded[j], names[j]))
    places = order[:most]
    considered = order[: most + 1]
    tied = any(rounded[a] == rounded[b] for a, b in pairwise(considered))
    if inquiries is not None:
        j = list(names).index(inquiries)
        if j in order and j not in places:
            places.append(j)
    return Reasons(tuple(places), tied)


def _counted(given: Sequence[Reasons], names: Sequence[str], allowed: set[str]) -> list[dict[str, Any]]:
    anywhere = Counter(j for g in given for j in g.places)
    first = Counter(g.places[0] for g in given if g.places)
    return [
        {
            "feature": names[j],
            "decisions": count,
            "share": count / len(given),
            "first": first[j],
            "permitted": names[j] in allowed,
        }
        for j, count in sorted(anywhere.items(), key=lambda item: (-item[1], names[item[0]]))
    ]


def _examples(adverse: Adverse, given: Sequence[Reasons], names: Sequence[str]) -> list[dict[str, Any]]:
    table = []
    for i, reasons in list(enumerate(given))[:_SHOWN]:
        row: dict[str, Any] = {"score": float(adverse.found.scored[i])}
        row |= {f"reason_{k}": names[j] for k, j in enumerate(reasons.places, start=1)}
        row |= {f"contribution_{k}": float(adverse.hurt[i, j]) for k, j in enumerate(reasons.places, start=1)}
        table.append({**row, "tie_broken": reasons.tied})
    return table


def reason_code_stability(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    selected: BoolArray,
    reference_features: Columns | None = None,
    weight: FloatArray | None = None,
    most: int = 4,
    method: str = "auto",
    space: str = "auto",
    rows: int = 500,
    background_rows: int = BACKGROUND_ROWS,
    draws: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure how far reasons stay the same when the baseline is drawn again.

    The background is resampled with replacement `draws` times; for each adverse decision the overlap of its
    reasons with those of the whole background is |A ∩ B| / |A ∪ B|. The value is the mean over decisions and
    draws. Range [0, 1], higher is better.

    Parameters
    ----------
    draws : int
        Resamples of the background.
    model, features, selected, reference_features, weight, most, method, space, rows, background_rows,
    confidence
        As for `reason_codes`.
    seed : int
        Of the rows and the resamples.

    Returns
    -------
    Measured
        Interval: percentiles over the draws. The table ``draws`` has the mean overlap of each and the
        share of decisions whose first reason stayed.

    Raises
    ------
    Unmeasurable
        As `reason_codes`.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> rows = Columns.of(debt=[0.0, 0.0, 9.0], age=[1.0, 2.0, 1.0])
    >>> reason_code_stability(
    ...     model=Weighted({"debt": 1.0, "age": 0.0}), features=rows, selected=np.array([True, True, False])
    ... ).value
    0.95
    """
    adverse = _adverse(
        model=model,
        features=features,
        selected=selected,
        reference_features=reference_features,
        baseline="average",
        near=1,
        method=method,
        space=space,
        rows=rows,
        background_rows=background_rows,
        seed=seed,
    )
    names = adverse.found.rows.names
    sign = 1 if adverse.parameters["hurts"] == "higher score" else -1
    own = [set(_reasons(h, names, most).places) for h in adverse.hurt]
    first = [_reasons(h, names, 1).places for h in adverse.hurt]
    own_weight = _adverse_weights(adverse, features, weight, selected, seed)
    background = adverse.explainer.background
    generator = np.random.Generator(np.random.Philox([seed, 2]))
    table = []
    for draw in range(draws):
        again = background.take(np.sort(generator.integers(0, len(background), len(background))))
        found = adverse.explainer.again(again)(adverse.found.rows)
        hurt = sign * found.values
        overlap = [_overlap(a, set(_reasons(h, names, most).places)) for a, h in zip(own, hurt, strict=True)]
        kept = [f == _reasons(h, names, 1).places for f, h in zip(first, hurt, strict=True)]
        table.append(
            {
                "draw": draw,
                "overlap": float(np.average(overlap, weights=own_weight)),
                "first_reason_kept": float(np.average(kept, weights=own_weight)),
            }
        )
    means = np.array([row["overlap"] for row in table])
    value = float(means.mean())
    return Measured(
        value=value,
        interval=holding(value, means, confidence),
        confidence=confidence,
        method=f"overlap of reasons under {draws} resamples of the background, {adverse.found.method}"
        + ("" if own_weight is None else ", weighted"),
        seed=seed,
        n=len(own),
        parameters=adverse.parameters,
        tables={"draws": table},
        notes=adverse.found.notes,
    )


def _overlap(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
