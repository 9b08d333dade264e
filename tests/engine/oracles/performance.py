"""Independent implementations of the performance family."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import stats
from sklearn import metrics

from tests.engine.oracles.register import Case, Floats, Pairs, both, oracle

SKLEARN = "scikit-learn"


def placements(score: Floats, label: np.ndarray) -> Floats:
    """All pairs of a positive and a negative: 1 won, one half tied, 0 lost."""
    return np.sign(score[label][:, None] - score[~label][None, :]) / 2 + 0.5


@oracle("performance.auc", by=f"{SKLEARN} `roc_auc_score`, also weighted; DeLong's variance over all pairs")
def _(case: Case) -> Pairs:
    found = case.check("performance.auc")
    yield found.value, metrics.roc_auc_score(case.label, case.score)
    pairs = placements(case.score, case.label)
    variance = sum(pairs.mean(axis=k).var(ddof=1) / pairs.shape[1 - k] for k in (0, 1))
    if found.method.endswith("; DeLong") and found.interval is not None:
        yield found.interval[1], min(1.0, found.value + 1.959963984540054 * variance**0.5)
    weight = np.random.default_rng(1).random(len(case.score)) + 0.1
    wanted = metrics.roc_auc_score(case.label, case.score, sample_weight=weight)
    yield case.check("performance.auc", weight=weight).value, wanted


@oracle("performance.gini", by=f"twice {SKLEARN} `roc_auc_score` less 1")
def _(case: Case) -> Pairs:
    yield case.check("performance.gini").value, 2 * metrics.roc_auc_score(case.label, case.score) - 1


@oracle("performance.auc_versus", by="DeLong's covariance over all pairs of rows")
def _(case: Case) -> Pairs:
    rival = case.numbers("rival")
    found = case.check("performance.auc_versus")
    ours, theirs = placements(case.score, case.label), placements(rival, case.label)
    gap = ours - theirs
    yield found.value, gap.mean()
    error = sum(gap.mean(axis=k).var(ddof=1) / gap.shape[1 - k] for k in (0, 1)) ** 0.5
    yield from both(found.interval, gap.mean() + np.array([-1, 1]) * stats.norm.ppf(0.975) * error)


@oracle("performance.ks", by="scipy `ks_2samp`")
def _(case: Case) -> Pairs:
    wanted = stats.ks_2samp(case.score[case.label], case.score[~case.label]).statistic
    yield case.check("performance.ks").value, wanted


@oracle("performance.average_precision", by=f"{SKLEARN} `average_precision_score`")
def _(case: Case) -> Pairs:
    wanted = metrics.average_precision_score(case.label, case.score)
    yield case.check("performance.average_precision").value, wanted


RATES = {
    "performance.accuracy": metrics.accuracy_score,
    "performance.balanced_accuracy": metrics.balanced_accuracy_score,
    "performance.precision": metrics.precision_score,
    "performance.recall": metrics.recall_score,
    "performance.mcc": metrics.matthews_corrcoef,
    "performance.f_beta": metrics.f1_score,
}


def rate(check_id: str) -> None:
    """One figure of the confusion matrix beside scikit-learn's."""

    @oracle(check_id, by=f"{SKLEARN} `{RATES[check_id].__name__}`")
    def _(case: Case) -> Pairs:
        yield case.check(check_id).value, RATES[check_id](case.label, case.predicted)


for _name in RATES:
    rate(_name)


@oracle("performance.f_beta", by=f"{SKLEARN} `fbeta_score` at 0.5 and 2")
def _(case: Case) -> Pairs:
    for beta in (0.5, 2.0):
        wanted = metrics.fbeta_score(case.label, case.predicted, beta=beta)
        yield case.check("performance.f_beta", beta=beta).value, wanted


@oracle("performance.specificity", by=f"{SKLEARN} `recall_score` of the negatives")
def _(case: Case) -> Pairs:
    yield case.check("performance.specificity").value, metrics.recall_score(~case.label, ~case.predicted)


@oracle("performance.negative_predictive_value", by=f"{SKLEARN} `precision_score` of the negatives")
def _(case: Case) -> Pairs:
    wanted = metrics.precision_score(~case.label, ~case.predicted)
    yield case.check("performance.negative_predictive_value").value, wanted


@oracle("performance.confusion", by=f"{SKLEARN} `confusion_matrix`")
def _(case: Case) -> Pairs:
    found = case.check("performance.confusion")
    cells = metrics.confusion_matrix(case.label, case.predicted).ravel()
    yield from both(list(found.groups[0].counts.values()), cells)
    summary = {row["measure"]: row["value"] for row in found.tables["summary"]}
    yield summary["mcc"], metrics.matthews_corrcoef(case.label, case.predicted)


@oracle("performance.log_loss", by=f"{SKLEARN} `log_loss`", within=1e-11)
def _(case: Case) -> Pairs:
    yield case.check("performance.log_loss").value, metrics.log_loss(case.label, case.score)


def errors(case: Case) -> tuple[Floats, Floats]:
    """A number predicted by another number."""
    return case.numbers("income") * 1.1, case.numbers("income") + case.numbers("debt")


REGRESSION = {
    "performance.mae": metrics.mean_absolute_error,
    "performance.rmse": metrics.root_mean_squared_error,
    "performance.r2": metrics.r2_score,
}


def regression(check_id: str) -> None:
    """An error of numbers beside scikit-learn's, also weighted."""

    @oracle(check_id, by=f"{SKLEARN} `{REGRESSION[check_id].__name__}`, also weighted")
    def _(case: Case) -> Pairs:
        score, target = errors(case)
        weight = np.random.default_rng(2).random(len(score)) + 0.1
        yield case.check(check_id, score=score, target=target).value, REGRESSION[check_id](target, score)
        wanted = REGRESSION[check_id](target, score, sample_weight=weight)
        yield case.check(check_id, score=score, target=target, weight=weight).value, wanted


for _name in REGRESSION:
    regression(_name)


@oracle("performance.lift_and_gain", by="the definition, row by row: everybody at or above the cut")
def _(case: Case) -> Pairs:
    ranked = sorted(case.score.tolist(), reverse=True)
    cut = ranked[max(1, -(-len(ranked) // 10)) - 1]
    top = [y for s, y in zip(case.score.tolist(), case.label.tolist(), strict=True) if s >= cut]
    yield case.check("performance.lift_and_gain").value, (sum(top) / len(top)) / case.label.mean()


@oracle(
    "performance.rank_ordering", by="pandas `qcut` bands and their mean outcome, where no tie spans a cut"
)
def _(case: Case) -> Pairs:
    import pandas as pd

    score = case.score + np.arange(len(case.score)) * 1e-7  # no ties: then every book's bands agree
    found = case.check("performance.rank_ordering", score=score)
    rates = pd.Series(case.label).groupby(pd.qcut(score, 10), observed=True).mean().to_numpy()
    yield found.value, float(sum(b < a for a, b in pairwise(rates)))
    yield from both([row["rate"] for row in found.tables["bands"]], rates)


@oracle("performance.concentration", by="numpy `histogram` and the sum of squared shares")
def _(case: Case) -> Pairs:
    score = np.random.default_rng(3).random(300)  # off the edges: then every book's bands agree
    counts, _ = np.histogram(score, bins=10)
    yield case.check("performance.concentration", score=score).value, float(((counts / 300) ** 2).sum())


@oracle("performance.override_rate", by="the share counted row by row, its interval by statsmodels")
def _(case: Case) -> Pairs:
    from statsmodels.stats.proportion import proportion_confint

    changed = case.numbers("overridden")
    found = case.check("performance.override_rate")
    yield found.value, changed.mean()
    yield from both(found.interval, proportion_confint(changed.sum(), len(changed), method="wilson"))
