"""Independent implementations of the calibration family."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from sklearn import metrics

from tests.engine.oracles.register import Case, Pairs, both, oracle


def bins_of(case: Case, count: int = 10) -> list[np.ndarray]:
    """Rows of each equal-width bin (k/10, (k+1)/10], walked row by row."""
    edges = [k / count for k in range(1, count)]
    places = np.array([sum(s > e for e in edges) for s in case.score.tolist()])
    return [np.flatnonzero(places == k) for k in range(count) if (places == k).any()]


def grades_of(case: Case) -> list[tuple[float, int, int]]:
    """PD, obligors and defaults of each distinct score, ascending."""
    return [
        (float(s), int((case.score == s).sum()), int(case.label[case.score == s].sum()))
        for s in np.unique(case.score)
    ]


@oracle("calibration.brier", by="scikit-learn `brier_score_loss`, also weighted; Murphy's parts bin by bin")
def _(case: Case) -> Pairs:
    found = case.check("calibration.brier")
    yield found.value, metrics.brier_score_loss(case.label, case.score)
    weight = np.random.default_rng(1).random(len(case.score)) + 0.1
    wanted = metrics.brier_score_loss(case.label, case.score, sample_weight=weight)
    yield case.check("calibration.brier", weight=weight).value, wanted
    parts, base, n = found.tables["decomposition"][0], case.label.mean(), len(case.label)
    rows = bins_of(case)
    gaps = [(len(r), case.score[r].mean() - case.label[r].mean(), case.label[r].mean() - base) for r in rows]
    yield parts["reliability"], sum(k * gap**2 for k, gap, _ in gaps) / n
    yield parts["resolution"], sum(k * away**2 for k, _, away in gaps) / n
    yield parts["uncertainty"], base * (1 - base)


@oracle("calibration.ece", by="the definition, bin by bin, in three norms")
def _(case: Case) -> Pairs:
    rows = bins_of(case)
    sizes = np.array([len(r) for r in rows])
    gaps = np.array([abs(case.score[r].mean() - case.label[r].mean()) for r in rows])
    share = sizes / sizes.sum()
    yield case.check("calibration.ece").value, float((share * gaps).sum())
    yield case.check("calibration.ece", norm="l2").value, float((share * gaps**2).sum() ** 0.5)
    yield case.check("calibration.ece", norm="max").value, float(gaps.max())


@oracle("calibration.reliability_curve", by="statsmodels' Wilson interval of each bin")
def _(case: Case) -> Pairs:
    from statsmodels.stats.proportion import proportion_confint

    inside = 0
    for rows in bins_of(case):
        low, high = proportion_confint(case.label[rows].sum(), len(rows), method="wilson")
        inside += len(rows) * (low <= case.score[rows].mean() <= high)
    yield case.check("calibration.reliability_curve", binning="width").value, inside / len(case.score)


@oracle("calibration.in_the_large", by="scipy `ttest_1samp` of the differences, its error; z by hand")
def _(case: Case) -> Pairs:
    gaps = case.score - case.label
    found = case.check("calibration.in_the_large")
    yield found.value, gaps.mean()
    half = stats.norm.ppf(0.975) * stats.sem(gaps)
    yield from both(found.interval, (gaps.mean() - half, gaps.mean() + half))
    z = gaps.sum() / math.sqrt((case.score * (1 - case.score)).sum())
    yield found.tables["test"][0]["statistic"], z


@oracle("calibration.slope", by="statsmodels `Logit`", within=1e-6)
def _(case: Case) -> Pairs:
    import statsmodels.api as sm

    if case.score.min() < 1e-6 or case.score.max() == 1:
        return  # logits of ±20 leave `Logit` short of its optimum
    design = sm.add_constant(np.log(case.score / (1 - case.score)))
    fit = sm.Logit(case.label.astype(float), design).fit(disp=0, tol=1e-12, maxiter=100)
    found = case.check("calibration.slope")
    yield found.value, fit.params[1]
    yield found.parameters["intercept"], fit.params[0]
    yield from both(found.interval, fit.conf_int()[1])


@oracle(
    "calibration.hosmer_lemeshow",
    by="Pearson's statistic over pandas `qcut` groups; scipy `chi2`",
    within=1e-9,
)
def _(case: Case) -> Pairs:
    import pandas as pd

    score = np.clip(case.score, 0.01, 0.99) + np.arange(len(case.score)) * 1e-7
    table = pd.DataFrame({"s": score, "y": case.label}).groupby(pd.qcut(score, 10), observed=True)
    n, o, e = table["s"].size(), table["y"].sum(), table["s"].sum()
    statistic = float(((o - e) ** 2 / e + ((n - o) - (n - e)) ** 2 / (n - e)).sum())
    for sample, df in (("external", 10), ("fitted", 8)):
        found = case.check("calibration.hosmer_lemeshow", score=score, sample=sample)
        yield found.parameters["statistic"], statistic
        yield found.value, float(stats.chi2.sf(statistic, df))


@oracle("calibration.spiegelhalter", by="z from the Brier score's expectation and variance", within=1e-9)
def _(case: Case) -> Pairs:
    s, y = case.score, case.label
    expected = (s * (1 - s)).mean()
    variance = ((1 - 2 * s) ** 2 * s * (1 - s)).sum() / len(s) ** 2
    z = (((y - s) ** 2).mean() - expected) / math.sqrt(variance)
    found = case.check("calibration.spiegelhalter")
    yield found.parameters["statistic"], z
    yield found.value, float(2 * stats.norm.sf(abs(z)))


@oracle("calibration.grade_binomial", by="scipy `binomtest`, grade by grade")
def _(case: Case) -> Pairs:
    found = case.check("calibration.grade_binomial")
    wanted = [stats.binomtest(d, n, pd, alternative="greater").pvalue for pd, n, d in grades_of(case)]
    yield from both([row["p_value"] for row in found.tables["grades"]], wanted)
    yield found.value, min(wanted)


@oracle("calibration.grade_jeffreys", by="scipy `beta.cdf`, grade by grade")
def _(case: Case) -> Pairs:
    found = case.check("calibration.grade_jeffreys")
    wanted = [float(stats.beta.cdf(pd, d + 0.5, n - d + 0.5)) for pd, n, d in grades_of(case)]
    yield from both([row["p_value"] for row in found.tables["grades"]], wanted)
    yield found.value, min(wanted)


@oracle("calibration.traffic_light", by="scipy `binom.cdf`, grade by grade")
def _(case: Case) -> Pairs:
    found = case.check("calibration.traffic_light")
    reached = [stats.binom.cdf(d, n, pd) if d > n * pd else 0.0 for pd, n, d in grades_of(case)]
    yield found.value, float(max(0 if c < 0.95 else 1 if c < 0.9999 else 2 for c in reached))


@oracle("calibration.low_default_pd", by="statsmodels `proportion_confint` (beta) of the pooled grades")
def _(case: Case) -> Pairs:
    from statsmodels.stats.proportion import proportion_confint

    grades = grades_of(case)
    bounds = []
    for k in range(len(grades)):
        n, d = (sum(g[i] for g in grades[k:]) for i in (1, 2))
        bounds.append(1.0 if d == n else proportion_confint(d, n, alpha=0.5, method="beta")[1])
    found = case.check("calibration.low_default_pd")
    yield from both([row["bound"] for row in found.tables["grades"]], bounds)
    yield found.value, max(max(0.0, b - g[0]) for b, g in zip(bounds, grades, strict=True))
