"""Indices of inequality over all groups and people, and what may not be used at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import Ints, no_weights, same_length
from apps.engine.resample import moved_interval, percentile_interval
from apps.engine.values import Group, Measured


def differential_fairness(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    seed: int = 0,
    attributes: Attributes | None = None,
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
) -> Measured:
    """Differential fairness: the largest log ratio of smoothed outcome rates between any two groups.

    ``ε = max over groups i, j and outcomes y of |ln(P_i(y) / P_j(y))|`` with
    ``P(y) = (k + ½) / (n + 1)``; in [0, inf), lower is better. By default the groups are the intersection of
    all protected attributes.

    References
    ----------
    Foulds, Islam, Keya, Pan (2020), ICDE, 1918-1921.

    Examples
    --------
    >>> chosen = np.array([True] * 3 + [False] * 7 + [True] * 6 + [False] * 4)
    >>> found = differential_fairness(
    ...     selected=chosen, protected=Columns.of(sex=["F"] * 10 + ["M"] * 10), min_group_size=1
    ... )
    >>> found.value == math.log(6.5 / 3.5)
    True
    """
    no_weights(weight, "fairness.differential_fairness")
    asked = attributes or ([list(protected)] if len(protected) > 1 else None)
    floors = Floors(min_group_size, min_group_share)
    found = []
    for part in partitions(protected, asked):
        same_length(selected=selected, protected=part.codes)
        counts = part.counts(selected)
        sizes = [int(n) for n in counts.sum(axis=1)]
        kept = grouping.eligible(sizes, floors)
        grouping.require_two(part, sizes, kept, floors)
        found.append((float(_epsilon(counts[kept][None])[0]), part, counts, kept))
    value, part, counts, kept = max(found, key=lambda one: one[0])
    return Measured(
        value=value,
        n=len(selected),
        interval=moved_interval(counts[kept], _epsilon, value, seed=seed, confidence=confidence),
        confidence=confidence,
        method="Dirichlet-smoothed rates, prior one half; bootstrap of the cells, moved by the bias",
        parameters={"attribute": part.attribute, "smoothing": "(k + 1/2) / (n + 1)"},
        groups=[row for _, p, c, k in found for row in _epsilon_rows(p, c, k)],
        notes=[
            n for _, p, c, k in found for n in grouping.excluded_note(p, c.sum(axis=1).tolist(), k, floors)
        ],
    )


def _epsilon(counts: Ints) -> FloatArray:
    """ε of (draws, groups, 2) counts."""
    logs = np.log((counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 1.0))
    return np.asarray((logs.max(axis=1) - logs.min(axis=1)).max(axis=-1), dtype=np.float64)


def _epsilon_rows(part: Partition, counts: Ints, kept: Sequence[int]) -> list[Group]:
    held = set(kept)
    return [
        Group(
            attribute=part.attribute,
            group=part.levels[k],
            n=int(c.sum()),
            counts={"selected": int(c[1])},
            value=(int(c[1]) + 0.5) / (int(c.sum()) + 1),
            status="measured" if k in held else "insufficient",
        )
        for k, c in enumerate(counts)
    ]


def generalized_entropy(
    *,
    selected: BoolArray,
    deserving: BoolArray,
    protected: Columns | None = None,
    weight: FloatArray | None = None,
    seed: int = 0,
    alpha: float = 2.0,
    attributes: Attributes | None = None,
    confidence: float = 0.95,
) -> Measured:
    """Generalised entropy index of the benefit ``b = selected - deserving + 1``.

    ``GE(α) = Σ ((b_i / μ)^α - 1) / (n α (α - 1))``; α = 1 is Theil's index ``Σ (b/μ) ln(b/μ) / n``, α = 0 the
    mean log deviation. In [0, inf), lower is better. The table ``parts`` splits it into the part between
    groups,
    where everybody has the mean benefit of the group, and the rest within them.

    Raises
    ------
    Unmeasurable
        Undefined: the mean benefit is 0, or α ≤ 0 and somebody has no benefit. Insufficient: no rows.

    References
    ----------
    Speicher et al. (2018), KDD, 2239-2248. Shorrocks (1980), Econometrica 48, 613-625.

    Examples
    --------
    >>> found = generalized_entropy(
    ...     selected=np.array([True, False]), deserving=np.array([False, True]), alpha=2
    ... )
    >>> found.value
    0.5
    """
    no_weights(weight, "fairness.generalized_entropy")
    n = same_length(selected=selected, deserving=deserving)
    if n == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    benefit = selected.astype(np.intp) - deserving + 1
    counts = np.bincount(benefit, minlength=3)
    if counts[1] + 2 * counts[2] == 0:
        raise Unmeasurable("Nobody has a benefit: their mean is 0.")
    if alpha <= 0 and counts[0]:
        raise Unmeasurable(f"{int(counts[0]):,} of {n:,} people have the benefit 0: alpha must be above 0.")
    levels = np.array([0.0, 1.0, 2.0])
    value = _entropy(levels, counts, alpha)
    return Measured(
        value=value,
        n=n,
        interval=percentile_interval(
            counts,
            lambda drawn: np.array([_entropy(levels, one, alpha) for one in drawn]),
            seed=seed,
            confidence=confidence,
        ),
        confidence=confidence,
        method="benefit = selected - deserving + 1; bootstrap of the counts of benefits",
        parameters={"benefits": {str(b): int(c) for b, c in enumerate(counts)}},
        tables={"parts": _parts(protected, attributes, benefit, alpha, value)},
    )


def _entropy(values: FloatArray, counts: Any, alpha: float) -> float:
    """GE(α) of values with multiplicities; NaN where the mean is 0."""
    n = int(np.sum(counts))
    mean = math.fsum(v * c for v, c in zip(values, counts, strict=True)) / n
    if mean == 0:
        return math.nan
    share = [(v / mean, c / n) for v, c in zip(values, counts, strict=True) if c]
    if alpha == 1:
        return max(0.0, math.fsum(w * r * math.log(r) for r, w in share if r))
    if alpha == 0:
        return (
            max(0.0, -math.fsum(w * math.log(r) for r, w in share)) if all(r for r, _ in share) else math.nan
        )
    return max(0.0, math.fsum(w * (r**alpha - 1) for r, w in share) / (alpha * (alpha - 1)))


def _parts(
    protected: Columns | None, attributes: Attributes | None, benefit: Any, alpha: float, total: float
) -> list[dict[str, Any]]:
    if protected is None or not len(protected):
        return []
    rows = []
    for part in partitions(protected, attributes):
        sizes = np.bincount(part.codes, minlength=len(part.levels))
        sums = np.bincount(part.codes, weights=benefit, minlength=len(part.levels))
        between = _entropy(sums / sizes, sizes, alpha)
        rows.append(
            {"attribute": part.attribute, "between": between, "within": total - between, "total": total}
        )
    return rows


def prohibited_features(
    *, features: Columns, protected: Columns | None = None, prohibited: Sequence[str] | None = None
) -> Measured:
    """The number of the model's inputs that may not be used.

    Names are compared without case, and `-`, `_` and blanks are the same. In [0, inf), lower is better.

    Parameters
    ----------
    features : Columns
        The model's inputs.
    prohibited : list of str, optional
        Names that may not be used; by default the protected attributes of the manifest.

    Raises
    ------
    Unmeasurable
        Insufficient: nothing is prohibited, or the model has no inputs.

    References
    ----------
    12 CFR 1002.4(a), 1002.6(b).

    Examples
    --------
    >>> inputs = Columns.of(age=[1.0], Marital_Status=["x"])
    >>> found = prohibited_features(features=inputs, prohibited=["marital status"])
    >>> found.value, found.notes
    (1.0, ['The model uses "Marital_Status", which may not be used.'])
    """
    names = list(prohibited) if prohibited else list(protected or ())
    if not names or not len(features):
        raise Unmeasurable("Nothing is prohibited, or the model names no inputs.", status="insufficient")
    forbidden = {_plain(name) for name in names}
    used = sorted(name for name in features if _plain(name) in forbidden)
    return Measured(
        value=float(len(used)),
        n=features.rows,
        method="names compared without case, hyphens, underscores and blanks",
        parameters={"prohibited_names": sorted(names), "features": len(features)},
        tables={"features": [{"feature": name} for name in used]},
        notes=[f'The model uses "{name}", which may not be used.' for name in used],
    )


def _plain(name: str) -> str:
    return "".join(ch for ch in name.casefold() if ch not in "-_ ")


def representation(
    *,
    protected: Columns,
    weight: FloatArray | None = None,
    expected: Mapping[str, Mapping[str, float]] | None = None,
    attributes: Attributes | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The lowest ratio of a group's share of the data to its expected share.

    ``(n_g / n) / expected_g``, in [0, inf), higher is better; 1 is the share expected. Without `expected`
    every
    group is expected to have an equal share.

    Parameters
    ----------
    expected : mapping, optional
        From attribute to group to share, such as census shares. A group expected and absent has ratio 0.

    Raises
    ------
    BadInput
        A share that is not above 0 and at most 1, or shares of an attribute above 1 in sum.

    Examples
    --------
    >>> found = representation(
    ...     protected=Columns.of(sex=["F", "M", "M", "M"]), expected={"sex": {"F": 0.5, "M": 0.5}}
    ... )
    >>> found.value
    0.5
    """
    no_weights(weight, "fairness.representation")
    asked: Attributes | None = attributes or (list(expected) if expected else None)
    rows = [row for part in partitions(protected, asked) for row in _represented(part, expected, confidence)]
    worst = min(rows, key=lambda row: row.ratio if row.ratio is not None else math.inf)
    return Measured(
        value=worst.ratio,
        n=protected.rows,
        interval=worst.ratio_interval,
        confidence=confidence,
        method="shares of rows over expected shares; Wilson",
        groups=rows,
        parameters={
            "worst": {"attribute": worst.attribute, "group": worst.group},
            "expected_shares": "given" if expected else "equal",
        },
    )


def _represented(
    part: Partition, expected: Mapping[str, Mapping[str, float]] | None, confidence: float
) -> list[Group]:
    counts = dict(zip(part.levels, np.bincount(part.codes, minlength=len(part.levels)).tolist(), strict=True))
    wanted = _shares(part, expected)
    n = sum(counts.values())
    return [
        _share_row(part, level, counts.get(level, 0), n, wanted.get(level), confidence)
        for level in sorted({*counts, *wanted})
    ]


def _shares(part: Partition, expected: Mapping[str, Mapping[str, float]] | None) -> dict[str, float]:
    if expected is None:
        known = [level for level in part.levels if level != MISSING]
        return {level: 1 / len(known) for level in known}
    if part.attribute not in expected:
        raise BadInput(f"expected names no shares for {part.attribute}; it names {', '.join(expected)}.")
    given = {str(level): float(share) for level, share in expected[part.attribute].items()}
    if not given or any(not 0 < share <= 1 for share in given.values()) or sum(given.values()) > 1 + 1e-9:
        raise BadInput(f"The shares expected of {part.attribute} must lie above 0 and sum to at most 1.")
    return given


def _share_row(part: Partition, level: str, k: int, n: int, wanted: float | None, confidence: float) -> Group:
    low, high = wilson(k, n, confidence)
    shown: dict[str, Any] = (
        {} if wanted is None else {"ratio": k / n / wanted, "ratio_interval": (low / wanted, high / wanted)}
    )
    note = None if wanted is not None else "no share is expected of this group"
    return Group(
        attribute=part.attribute, group=level, n=k, value=k / n, interval=(low, high), note=note, **shown
    )
