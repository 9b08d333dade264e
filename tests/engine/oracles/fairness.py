"""Independent implementations of the fairness family."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from fairlearn import metrics as fairlearn
from scipy import stats
from sklearn import metrics

from tests.engine.oracles.register import Case, Pairs, both, oracle

ATTRIBUTES = ("sex", "race")


@oracle("fairness.selection_rate_ratio", by="fairlearn `demographic_parity_ratio`, also weighted")
def _(case: Case) -> Pairs:
    weight = np.random.default_rng(1).random(len(case.score)) + 0.1
    for name in ATTRIBUTES:
        for w in (None, weight):
            found = case.check("fairness.selection_rate_ratio", attributes=[name], weight=w)
            given = {"sensitive_features": case.texts(name), "sample_weight": w}
            yield found.value, fairlearn.demographic_parity_ratio(case.label, case.selected, **given)


@oracle("fairness.selection_rate_difference", by="fairlearn `demographic_parity_difference`, also weighted")
def _(case: Case) -> Pairs:
    weight = np.random.default_rng(1).random(len(case.score)) + 0.1
    for name in ATTRIBUTES:
        for w in (None, weight):
            found = case.check("fairness.selection_rate_difference", attributes=[name], weight=w)
            given = {"sensitive_features": case.texts(name), "sample_weight": w}
            yield found.value, fairlearn.demographic_parity_difference(case.label, case.selected, **given)


@oracle(
    "fairness.equal_opportunity_difference", by="fairlearn `equal_opportunity_difference` of the deserving"
)
def _(case: Case) -> Pairs:
    for name in ATTRIBUTES:
        found = case.check("fairness.equal_opportunity_difference", attributes=[name])
        wanted = fairlearn.equal_opportunity_difference(
            case.deserving, case.selected, sensitive_features=case.texts(name)
        )
        yield found.value, wanted


ODDS: dict[str, Callable[..., float]] = {
    "fairness.equalized_odds_difference": fairlearn.equalized_odds_difference,
    "fairness.equalized_odds_ratio": fairlearn.equalized_odds_ratio,
}


def odds(check_id: str) -> None:
    """Equalised odds beside fairlearn's."""

    @oracle(check_id, by=f"fairlearn `{ODDS[check_id].__name__}`")
    def _(case: Case) -> Pairs:
        for name in ATTRIBUTES:
            found = case.check(check_id, attributes=[name])
            wanted = ODDS[check_id](case.label, case.predicted, sensitive_features=case.texts(name))
            yield found.value, wanted


for _name in ODDS:
    odds(_name)

OF_ERRORS = {
    "fpr": fairlearn.false_positive_rate,
    "fnr": fairlearn.false_negative_rate,
    "tpr": fairlearn.true_positive_rate,
    "tnr": fairlearn.true_negative_rate,
    "selection_rate": fairlearn.selection_rate,
    "accuracy": metrics.accuracy_score,
    "ppv": metrics.precision_score,
}


@oracle("fairness.error_rate_ratio", by="fairlearn `MetricFrame` of seven rates")
def _(case: Case) -> Pairs:
    for rate, function in OF_ERRORS.items():
        frame = fairlearn.MetricFrame(
            metrics=function, y_true=case.label, y_pred=case.predicted, sensitive_features=case.texts("race")
        )
        found = case.check("fairness.error_rate_ratio", attributes=["race"], rate=rate)
        yield found.value, frame.ratio()


@oracle("fairness.predictive_parity_ratio", by="scikit-learn `precision_score`, group by group")
def _(case: Case) -> Pairs:
    for name in ATTRIBUTES:
        found = case.check("fairness.predictive_parity_ratio", attributes=[name])
        values = [
            metrics.precision_score(case.label[mask], case.predicted[mask])
            for mask in case.groups(name).values()
        ]
        yield found.value, min(values) / max(values)


@oracle("fairness.group_rates", by="fairlearn `MetricFrame`, group by group, and its largest difference")
def _(case: Case) -> Pairs:
    found = case.check("fairness.group_rates", attributes=["race"])
    rows = {g.group: g.rates for g in found.groups if g.attribute == "race"}
    for rate, function in OF_ERRORS.items():
        frame = fairlearn.MetricFrame(
            metrics=function, y_true=case.label, y_pred=case.predicted, sensitive_features=case.texts("race")
        )
        for group, value in frame.by_group.items():
            if rows[group][rate] is not None:
                yield rows[group][rate], value
    wanted = fairlearn.demographic_parity_difference(
        case.label, case.predicted, sensitive_features=case.texts("race")
    )
    yield found.value, wanted


@oracle("fairness.adverse_impact", by="the rule of two bounds by hand on scipy's and statsmodels' tests")
def _(case: Case) -> Pairs:
    from statsmodels.stats.proportion import proportions_ztest

    counts = {k: (int(case.selected[m].sum()), int(m.sum())) for k, m in case.groups("race").items()}
    best = max(counts, key=lambda k: counts[k][0] / counts[k][1])
    for test in ("fisher", "z", "chi2"):
        worst = 0.0
        found = case.check("fairness.adverse_impact", attributes=["race"], test=test)
        rows = {row["group"]: row for row in found.tables["tests"]}
        for group in set(counts) - {best}:
            (a, n), (b, m) = counts[group], counts[best]
            table = [[a, n - a], [b, m - b]]
            p = {
                "fisher": lambda t=table: stats.fisher_exact(t).pvalue,
                "z": lambda a=a, n=n, b=b, m=m: proportions_ztest([a, b], [n, m])[1],
                "chi2": lambda t=table: stats.chi2_contingency(t, correction=False).pvalue,
            }[test]()
            yield rows[group]["p_value"], float(p)
            worst = max(worst, float((a * m * 5 < b * n * 4) + (p < 0.05)))
        yield found.value, worst


@oracle("fairness.auc_gap", by="scikit-learn `roc_auc_score`, group by group")
def _(case: Case) -> Pairs:
    for name in ATTRIBUTES:
        found = case.check("fairness.auc_gap", attributes=[name])
        areas = [metrics.roc_auc_score(case.label[m], case.score[m]) for m in case.groups(name).values()]
        yield found.value, max(areas) - min(areas)


@oracle("fairness.calibration_gap", by="means of masked rows; Welch's error by scipy")
def _(case: Case) -> Pairs:
    gap = case.score - case.label
    for name in ATTRIBUTES:
        found = case.check("fairness.calibration_gap", attributes=[name])
        yield found.value, max(abs(gap[m].mean() - gap.mean()) for m in case.groups(name).values())
    one, other = (gap[m] for m in case.groups("sex").values())
    found = case.check("fairness.calibration_gap", attributes=["sex"], reference="F")
    half = stats.norm.ppf(0.975) * math.sqrt(stats.sem(one) ** 2 + stats.sem(other) ** 2)
    yield found.interval[1], abs(one.mean() - other.mean()) + half


@oracle("fairness.conditional_adverse_impact", by="statsmodels `StratifiedTable`", within=1e-9)
def _(case: Case) -> Pairs:
    from statsmodels.stats.contingency_tables import StratifiedTable

    found = case.check("fairness.conditional_adverse_impact", attributes=["sex"])
    row = found.tables["tests"][0]
    tables = []
    for month in np.unique(case.texts("period")):
        here = case.texts("period") == month
        table = [
            [float((case.selected[here & who]).sum()), float((~case.selected[here & who]).sum())]
            for who in (case.texts("sex") == row["group"], case.texts("sex") == row["reference"])
        ]
        tables.append(np.array(table))
    whole = StratifiedTable(tables)
    yield found.value, whole.oddsratio_pooled
    yield row["statistic"], whole.test_null_odds().statistic
    yield row["p_value"], whole.test_null_odds().pvalue
    yield row["breslow_day"], whole.test_equal_odds(adjust=True).statistic
    low, high = whole.oddsratio_pooled_confint()
    yield from both(found.interval, (low, high))


@oracle(
    "fairness.consistency", by="the definition over all pairs of rows, ties at the edge shared", within=1e-9
)
def _(case: Case) -> Pairs:
    x = np.column_stack([case.numbers(n) / case.numbers(n).std() for n in ("income", "debt", "age")])
    region, chosen = case.texts("region"), case.selected.astype(float)
    total = 0.0
    for i in range(len(x)):
        apart = np.array([((x[i] - x[j]) ** 2).sum() + (region[i] != region[j]) for j in range(len(x))])
        apart[i] = np.inf
        edge = np.sort(apart)[4]
        near, tied = apart < edge - 1e-8, np.abs(apart - edge) <= 1e-8
        mean = (chosen[near].sum() + (5 - near.sum()) * chosen[tied].mean()) / 5
        total += abs(chosen[i] - mean)
    yield case.check("fairness.consistency").value, 1 - total / len(x)


@oracle("fairness.differential_fairness", by="the definition over all pairs of groups and outcomes")
def _(case: Case) -> Pairs:
    for name in ATTRIBUTES:
        smooth = []
        for mask in case.groups(name).values():
            k, n = int(case.selected[mask].sum()), int(mask.sum())
            smooth.append(((k + 0.5) / (n + 1), (n - k + 0.5) / (n + 1)))
        worst = max(abs(math.log(a[y] / b[y])) for a in smooth for b in smooth for y in (0, 1))
        yield case.check("fairness.differential_fairness", attributes=[name]).value, worst


def entropy(benefit: np.ndarray, alpha: float) -> float:
    """GE(alpha), person by person, as aif360 writes it."""
    ratio = benefit / benefit.mean()
    if alpha == 1:
        return float(np.mean([r * math.log(r) if r > 0 else 0.0 for r in ratio]))
    return float(np.mean((ratio**alpha - 1) / (alpha * (alpha - 1))))


@oracle(
    "fairness.generalized_entropy",
    by="the definition person by person (as aif360 has it), between groups too",
)
def _(case: Case) -> Pairs:
    benefit = case.selected.astype(float) - case.deserving + 1
    for alpha in (2.0, 1.0, 0.5, 3.0):
        found = case.check("fairness.generalized_entropy", alpha=alpha, attributes=["race"])
        yield found.value, entropy(benefit, alpha)
        level = np.zeros(len(benefit))
        for mask in case.groups("race").values():
            level[mask] = benefit[mask].mean()
        yield found.tables["parts"][0]["between"], entropy(level, alpha)


@oracle("fairness.less_discriminatory_alternative", by="every common cut of the score tried, row by row")
def _(case: Case) -> Pairs:
    found = case.check("fairness.less_discriminatory_alternative", attributes=["sex"], cuts="common")
    groups = list(case.groups("sex").values())

    def told(chosen: np.ndarray) -> tuple[float, float]:
        rates = [chosen[m].mean() for m in groups]
        return min(rates) / max(rates), float((chosen == case.deserving).mean())

    now, accuracy = told(case.selected)
    reached = [told(case.score <= cut) for cut in np.unique(case.score)]
    best = max((ratio for ratio, right in reached if right >= accuracy - 0.01 - 1e-12), default=0.0)
    yield found.value, max(0.0, best - now)


@oracle(
    "fairness.ll144_selection", by="pandas `groupby` of sex, race and both; categories under 2 % left out"
)
def _(case: Case) -> Pairs:
    import pandas as pd

    table = pd.DataFrame({"sex": case.texts("sex"), "race": case.texts("race"), "y": case.selected})
    ratios = []
    for keys in (["sex"], ["race"], ["sex", "race"]):
        rates = table.groupby(keys)["y"].agg(["mean", "size"])
        rates = rates[rates["size"] >= 0.02 * len(table)]["mean"]
        ratios.append(rates.min() / rates.max())
    yield (
        case.check("fairness.ll144_selection", attributes=["sex", "race", ["sex", "race"]]).value,
        min(ratios),
    )


@oracle("fairness.ll144_scoring", by="pandas `median` of everybody and `groupby`")
def _(case: Case) -> Pairs:
    import pandas as pd

    table = pd.DataFrame({name: case.texts(name) for name in ATTRIBUTES})
    for better in (True, False):
        turned = pd.Series(case.score if better else -case.score)
        table["above"] = turned > turned.median()
        ratios = []
        for keys in (["sex"], ["race"], ["sex", "race"]):
            rates = table.groupby(keys)["above"].agg(["mean", "size"])
            rates = rates[rates["size"] >= 0.02 * len(table)]["mean"]
            ratios.append(rates.min() / rates.max())
        found = case.check("fairness.ll144_scoring", attributes=list(ATTRIBUTES), higher_is_better=better)
        yield found.value, min(ratios)


@oracle("fairness.prohibited_features", by="names compared by hand")
def _(case: Case) -> Pairs:
    from apps.engine.columns import Columns

    features = Columns.of(Sex=[1.0], **{"home-region": [1.0]}, income=[1.0])
    found = case.check("fairness.prohibited_features", features=features, prohibited=["sex", "home region"])
    yield found.value, 2.0
    yield case.check("fairness.prohibited_features").value, 0.0


@oracle(
    "fairness.proxy_strength", within=0.06, every=False,
    by="scikit-learn `Ridge` on one-hot cells with `cross_val_predict`, other folds",
)  # fmt: skip
def _(case: Case) -> Pairs:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold, cross_val_predict

    from apps.engine.columns import Columns

    source = np.random.default_rng(5)
    member = source.random(3000) < 0.4
    level = np.where(member, source.choice(4, 3000, p=[0.4, 0.3, 0.2, 0.1]), source.choice(4, 3000))
    other = source.choice(3, 3000)
    design = np.concatenate([np.eye(4)[level], np.eye(3)[other]], axis=1)
    areas = []
    for seed in range(3):
        folds = KFold(5, shuffle=True, random_state=seed)
        told = cross_val_predict(Ridge(alpha=1.0), design, member, cv=folds)
        areas.append(metrics.roc_auc_score(member, told.round(6)))
    found = case.check(
        "fairness.proxy_strength",
        features=Columns.of(level=[f"l{v}" for v in level], other=[f"o{v}" for v in other]),
        protected=Columns.of(sex=np.where(member, "F", "M").tolist()),
    )
    yield found.value, float(np.mean(areas))


@oracle("fairness.representation", by="pandas `value_counts` over expected shares")
def _(case: Case) -> Pairs:
    import pandas as pd

    shares = pd.Series(case.texts("race")).value_counts(normalize=True)
    yield case.check("fairness.representation", attributes=["race"]).value, shares.min() * len(shares)
    expected: dict[str, Any] = {"race": {"a": 0.5, "b": 0.3, "c": 0.2}}
    wanted = min(shares[k] / v for k, v in expected["race"].items())
    yield case.check("fairness.representation", attributes=["race"], expected=expected).value, wanted


@oracle("fairness.standardized_mean_difference", by="numpy means over the standard deviation of all rows")
def _(case: Case) -> Pairs:
    for name in ATTRIBUTES:
        means = [case.score[m].mean() for m in case.groups(name).values()]
        found = case.check("fairness.standardized_mean_difference", attributes=[name])
        yield found.value, (max(means) - min(means)) / case.score.std(ddof=1)
