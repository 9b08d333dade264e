"""Independent implementations of the stability family."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from tests.engine.oracles.register import Case, Floats, Pairs, oracle

NUMBERS = ("income", "debt", "age")


def edges_of(reference: Floats, count: int = 10) -> list[float]:
    """The distinct values at ranks ceil(j n / count), walked by hand; never the largest."""
    ordered = sorted(reference.tolist())
    n = len(ordered)
    found = {ordered[-(-j * n // count) - 1] for j in range(1, count)}
    return sorted(e for e in found if e < ordered[-1])


def index(now: list[float], then: list[float], floor: float | None) -> float:
    """Σ (a - e) ln(a / e) of counts in the same bins, shares floored."""
    total = 0.0
    for a, e in zip(now, then, strict=True):
        a, e = a / sum(now), e / sum(then)
        if floor is not None:
            a, e = max(a, floor), max(e, floor)
        total += (a - e) * math.log(a / e)
    return total


def counted(values: Floats, edges: list[float]) -> list[float]:
    """How many values lie in each bin, value by value."""
    counts = [0.0] * (len(edges) + 1)
    for value in values.tolist():
        counts[sum(value > edge for edge in edges)] += 1
    return counts


@oracle("stability.psi", by="the definition, value by value, between the reference's deciles")
def _(case: Case) -> Pairs:
    reference = case.before["score"]
    edges = edges_of(reference)
    now, then = counted(case.score, edges), counted(reference, edges)
    yield case.check("stability.psi", floor=1e-4).value, index(now, then, 1e-4)
    if min(*now, *then) > 0:
        yield case.check("stability.psi").value, index(now, then, None)


@oracle("stability.csi", by="the definition, value by value, of each feature; the largest")
def _(case: Case) -> Pairs:
    table, reference = case.world.table, case.world.reference
    found = {}
    for name in NUMBERS:
        edges = edges_of(np.array(reference[name]))
        found[name] = index(
            counted(np.array(table[name]), edges), counted(np.array(reference[name]), edges), 1e-4
        )
    levels = sorted({*table["region"], *reference["region"]})
    shares = [[float(t["region"].count(v)) for v in levels] for t in (table, reference)]
    found["region"] = index(*shares, 1e-4)
    ours = case.check("stability.csi")
    rows = {row["feature"]: row["csi"] for row in ours.tables["features"]}
    for name, value in found.items():
        yield rows[name], value
    yield ours.value, max(found.values())


@oracle("stability.ks_shift", by="scipy `ks_2samp` of each feature")
def _(case: Case) -> Pairs:
    found = case.check("stability.ks_shift")
    rows = {row["feature"]: row for row in found.tables["features"]}
    statistics = []
    for name in NUMBERS:
        wanted = stats.ks_2samp(case.world.table[name], case.world.reference[name], method="asymp")
        statistics.append(wanted.statistic)
        yield rows[name]["p_value"], wanted.pvalue
    yield found.value, max(statistics)


@oracle("stability.wasserstein", by="scipy `wasserstein_distance` over the reference's standard deviation")
def _(case: Case) -> Pairs:
    table, reference = case.world.table, case.world.reference
    wanted = [
        stats.wasserstein_distance(table[n], reference[n]) / np.std(reference[n], ddof=1) for n in NUMBERS
    ]
    yield case.check("stability.wasserstein").value, max(wanted)


@oracle("stability.chi_square_shift", by="scipy `chi2_contingency` and `association`")
def _(case: Case) -> Pairs:
    levels = sorted({*case.world.table["region"], *case.world.reference["region"]})
    table = np.array(
        [[t["region"].count(v) for v in levels] for t in (case.world.table, case.world.reference)]
    )
    wanted = stats.chi2_contingency(table, correction=False)
    found = case.check("stability.chi_square_shift")
    row = found.tables["features"][0]
    yield row["statistic"], wanted.statistic
    yield row["p_value"], wanted.pvalue
    yield found.value, stats.contingency.association(table, method="cramer")


@oracle("stability.missing_rate_shift", by="pandas `isna().mean()`")
def _(case: Case) -> Pairs:
    import pandas as pd

    source = np.random.default_rng(1)
    table = {**case.world.table}
    for name in NUMBERS:
        gone = source.random(len(table[name])) < source.random() / 3
        table[name] = [None if g else v for g, v in zip(gone, table[name], strict=True)]
    now, then = (pd.DataFrame(t)[list(NUMBERS)].isna().mean() for t in (table, case.world.reference))
    found = Case(case.name, case.world.but(table=table)).check("stability.missing_rate_shift")
    yield found.value, float((now - then).abs().max())


@oracle("stability.trend", by="scikit-learn `roc_auc_score` by month; numpy `polyfit`, scipy `kendalltau`")
def _(case: Case) -> Pairs:
    from sklearn.metrics import roc_auc_score

    months = np.unique(case.texts("period"))
    areas = []
    for month in months:
        here = case.texts("period") == month
        areas.append(
            roc_auc_score(case.label[here], case.score[here]) if case.label[here].any() else math.nan
        )
    found = case.check("stability.trend")
    yield found.value, max(0.0, *(areas[0] - a for a in areas[1:]))
    fitted = found.tables["trend"][0]
    yield fitted["slope"], float(np.polyfit(range(len(areas)), areas, 1)[0])
    kendall = stats.kendalltau(range(len(areas)), areas, method="exact")
    yield fitted["kendall_tau"], kendall.statistic
    yield fitted["p_value"], kendall.pvalue
