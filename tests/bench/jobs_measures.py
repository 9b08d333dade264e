"""Jobs: single measures over a million rows."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job


@job
def rates_ours(rounds: str) -> dict[str, Any]:
    """Counts and rates of two attributes and their intersection, a million rows of codes."""
    from apps.engine.columns import ArrayColumn, Coded, Columns
    from apps.engine.measures.fairness.frames import frames
    from apps.engine.measures.fairness.rates import group_rates

    predicted, label, sex, region = _decided()
    held = {"sex": Coded(sex, ("F", "M")), "region": Coded(region, tuple("ABCDE"))}
    protected = Columns(tuple(held), lambda name: ArrayColumn(name, held[name]), len(sex))
    attributes = ["sex", "region", ["sex", "region"]]

    def counts() -> Any:
        return frames({"sex": sex, "region": region}, label, predicted)

    def whole() -> Any:
        return group_rates(predicted=predicted, label=label, protected=protected, attributes=attributes)

    crossed = [row for row in whole().groups if row.attribute == "sex × region"]
    return {
        "seconds": seconds_of(counts, int(rounds)),
        "whole": seconds_of(whole, int(rounds)),
        "selection": {row.group: row.rates["selection_rate"] for row in crossed},
    }


@job
def rates_peer() -> dict[str, Any]:
    """The same by fairlearn's MetricFrame, without intervals."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    predicted, label, sex, region = _decided()
    metrics = {"selection": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate}

    def frames() -> Any:
        asked = ({"sex": sex}, {"region": region}, {"sex": sex, "region": region})
        return [
            MetricFrame(metrics=metrics, y_true=label, y_pred=predicted, sensitive_features=features).by_group
            for features in asked
        ]

    began = time.perf_counter()
    found = frames()
    return {
        "seconds": time.perf_counter() - began,
        "selection": {f"{'FM'[a]} × {'ABCDE'[b]}": rate for (a, b), rate in found[2]["selection"].items()},
    }


def _decided() -> tuple[Any, ...]:
    from tests.bench.generated import outcomes

    score, label, sex, region = outcomes()
    return score >= 0.3, label, sex, region


@job
def ranking_ours(rounds: str) -> dict[str, Any]:
    """AUC with DeLong's interval, KS, Brier; and each by itself."""
    from apps.engine.measures.calibration import brier
    from apps.engine.measures.performance import auc, ks
    from tests.bench.generated import outcomes

    score, label, _, _ = outcomes()
    n = int(rounds)
    ways = {
        "auc": lambda: auc(score=score, label=label).value,
        "ks": lambda: ks(score=score, label=label).value,
        "brier": lambda: brier(score=score, label=label).value,
    }
    return {name: {"seconds": seconds_of(way, n), "value": way()} for name, way in ways.items()}


@job
def ranking_peer(rounds: str) -> dict[str, Any]:
    """The same numbers by scikit-learn, without intervals."""
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    from tests.bench.generated import outcomes

    score, label, _, _ = outcomes()

    def ks() -> float:
        false, true, _ = roc_curve(label, score, drop_intermediate=False)
        return float((true - false).max())

    ways = {
        "auc": lambda: float(roc_auc_score(label, score)),
        "ks": ks,
        "brier": lambda: float(brier_score_loss(label, score)),
    }
    return {name: {"seconds": seconds_of(way, int(rounds)), "value": way()} for name, way in ways.items()}


@job
def psi_ours(rounds: str) -> dict[str, Any]:
    """PSI of a million scores against a million, deciles of the reference, bootstrap interval."""
    from apps.engine.measures.stability import psi

    score, reference = _shifted()

    def way() -> Any:
        return psi(score=score, reference_score=reference, seed=0).value

    return {"seconds": seconds_of(way, int(rounds)), "value": way()}


@job
def psi_peer(rounds: str) -> dict[str, Any]:
    """The usual recipe: pandas qcut, cut and value_counts; no interval."""
    import numpy as np
    import pandas as pd

    score, reference = _shifted()

    def way() -> float:
        _, edges = pd.qcut(reference, 10, retbins=True)
        edges[0], edges[-1] = -np.inf, np.inf
        now, then = (
            pd.Series(pd.cut(values, edges)).value_counts(normalize=True, sort=False)
            for values in (score, reference)
        )
        return float(((now - then) * np.log(now / then)).sum())

    return {"seconds": seconds_of(way, int(rounds)), "value": way()}


def _shifted() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(11)
    return rng.beta(2.2, 5, 1_000_000), rng.beta(2, 5, 1_000_000)
