"""Indices of inequality over all groups and people, and what may not be used at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition
from apps.engine.measures.fairness.tables import Table, table_of, tables
from apps.engine.numeric import Ints, same_length
from apps.engine.resample import drawn
from apps.engine.values import Group, Measured


def differential_fairness(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
    asked = attributes or ([list(protected)] if len(protected) > 1 else None)
    floors = Floors(min_group_size, min_group_share)
    found = []
    for table in tables(protected, asked, Mass.of(count, weight), selected=selected):
        kept = grouping.eligible(table.sizes, floors)
        grouping.require_two(table, table.sizes, kept, floors)
        _require_weight(table, kept)
        found.append((float(_epsilon(table.masses[kept][None])[0]), table, kept))
    value, table, kept = max(found, key=lambda one: one[0])
    draws = drawn(table.masses[kept], _epsilon, seed=seed, effective=table.effective(kept))
    return Measured(
        value=value,
        n=sum(table.sizes),
        interval=draws.moved(value, confidence),
        confidence=confidence,
        method=_method("Dirichlet-smoothed rates, prior one half; bootstrap of the cells", table)
        + ", moved by the bias",
        parameters={"attribute": table.attribute, "smoothing": "(k + 1/2) / (n + 1)"},
        groups=[row for _, one, held in found for row in _epsilon_rows(one, held)],
        notes=[
            *(
                note
                for _, one, held in found
                for note in grouping.excluded_note(one, one.sizes, held, floors)
            ),
            *draws.notes(),
        ],
    )


def _require_weight(table: Table, kept: Sequence[int]) -> None:
    for k in kept:
        if table.sums is not None and not table.sums[k].any():
            raise Unmeasurable(
                f"{table.attribute} = {table.levels[k]}: its {table.sizes[k]:,} rows have no weight."
            )


def _method(words: str, table: Table) -> str:
    return words if table.sums is None else f"{words}, sums of weights at Kish's effective size"


def _epsilon(counts: Ints | FloatArray) -> FloatArray:
    """ε of (draws, groups, 2) cells; NaN where a group has no rows in a draw."""
    sizes = counts[..., 0] + counts[..., 1]
    found = np.full(len(counts), np.nan)
    held = (sizes > 0).all(axis=1)
    rates = [(counts[held, :, k] + 0.5) / (sizes[held] + 1.0) for k in (0, 1)]
    if held.any():
        found[held] = np.max([np.log(one.max(axis=1)) - np.log(one.min(axis=1)) for one in rates], axis=0)
    return found


def _epsilon_rows(table: Table, kept: Sequence[int]) -> list[Group]:
    held, masses = set(kept), table.masses.tolist()
    return [
        Group(
            attribute=table.attribute,
            group=table.levels[k],
            n=no + yes,
            counts={"selected": yes},
            value=(masses[k][1] + 0.5) / (masses[k][0] + masses[k][1] + 1),
            status="measured" if k in held else "insufficient",
        )
        for k, (no, yes) in enumerate(table.rows.tolist())
    ]


_LEVELS = np.array([0.0, 1.0, 2.0])


def generalized_entropy(
    *,
    selected: BoolArray,
    deserving: BoolArray,
    protected: Columns | None = None,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
    n = same_length(selected=selected, deserving=deserving, weight=weight, count=count)
    if n == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    mass = Mass.of(count, weight)
    if mass.total(n) == 1:
        raise Unmeasurable("There is one row: one person has no inequality.", status="insufficient")
    held_by = protected is not None and len(protected) > 0
    asked = tables(protected, attributes, mass, deserving=deserving, selected=selected) if held_by else []
    everybody = Partition("all", np.zeros(n, dtype=np.uint8), ("all",))
    table = table_of(everybody, deserving, selected, mass=mass)
    _require_benefit(_benefits(table.rows)[0], alpha)
    held = _benefits(table.masses)[0]
    if not held[1] + held[2]:
        raise Unmeasurable("Nobody with a weight has a benefit: their mean is 0.")
    value = _entropy(_LEVELS, held, alpha)
    draws = drawn(
        held,
        lambda cells: np.array([_entropy(_LEVELS, one, alpha) for one in cells]),
        seed=seed,
        effective=table.effective([0]),
    )
    return Measured(
        value=value,
        n=sum(table.sizes),
        interval=draws.percentile(confidence),
        confidence=confidence,
        method=_method("benefit = selected - deserving + 1; bootstrap of the counts of benefits", table),
        parameters={"benefits": {str(b): int(c) for b, c in enumerate(_benefits(table.rows)[0])}},
        tables={"parts": _parts(asked, alpha, value)},
        notes=draws.notes(),
    )


def _benefits(cells: Ints | FloatArray) -> Ints | FloatArray:
    """Rows or weights with the benefits 0, 1, 2, from cells (deserving, selected): (groups, 3)."""
    return np.stack((cells[:, 2], cells[:, 0] + cells[:, 3], cells[:, 1]), axis=1)


def _require_benefit(counts: Ints | FloatArray, alpha: float) -> None:
    if counts[1] + 2 * counts[2] == 0:
        raise Unmeasurable("Nobody has a benefit: their mean is 0.")
    if alpha <= 0 and counts[0]:
        raise Unmeasurable(
            f"{int(counts[0]):,} of {int(counts.sum()):,} people have the benefit 0: alpha must be above 0."
        )


def _entropy(values: FloatArray, cells: Ints | FloatArray, alpha: float) -> float:
    """GE(α) of values with multiplicities; NaN where the mean is 0."""
    held = list(zip(values.tolist(), cells.tolist(), strict=True))
    n = math.fsum(c for _, c in held)
    mean = math.fsum(v * c for v, c in held) / n
    if mean == 0:
        return math.nan
    share = [(v / mean, c / n) for v, c in held if c]
    if alpha == 1:
        return max(0.0, math.fsum(w * r * math.log(r) for r, w in share if r))
    if alpha == 0:
        return (
            max(0.0, -math.fsum(w * math.log(r) for r, w in share)) if all(r for r, _ in share) else math.nan
        )
    return max(0.0, math.fsum(w * (r**alpha - 1) for r, w in share) / (alpha * (alpha - 1)))


def _parts(found: Sequence[Table], alpha: float, total: float) -> list[dict[str, Any]]:
    """The part between groups, where everybody has the mean benefit of the group, and the rest."""
    rows = []
    for table in found:
        held = _benefits(table.masses)
        held = held[held.sum(axis=1) > 0]
        sizes = held.sum(axis=1)
        between = _entropy((held[:, 1] + 2 * held[:, 2]) / sizes, sizes, alpha)
        rows.append(
            {"attribute": table.attribute, "between": between, "within": total - between, "total": total}
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
