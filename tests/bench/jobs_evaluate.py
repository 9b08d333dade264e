"""Jobs: a whole evaluation, and the explanations within it."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.registry import job

BOOTSTRAPS = 5


@job
def evaluate(folder: str) -> dict[str, Any]:
    """Every gate of credit-tier1, cold: seconds of each gate, and of the whole."""
    began = time.perf_counter()
    from datetime import UTC, datetime

    from apps.engine.evaluate import evaluate as run
    from apps.engine.policy import Library, read_policy, shipped_folder
    from apps.engine.process import claim
    from apps.engine.subject import load

    claim()
    path = shipped_folder() / "credit-tier1" / "policy.yaml"
    policy = read_policy(path.read_bytes(), name="credit-tier1", library=Library.shipped())
    steps: list[tuple[str, float]] = []
    found = run(
        load(Path(folder)),
        [policy],
        now=datetime(2026, 11, 1, tzinfo=UTC),
        progress=lambda step: steps.append((step["gate"] or "end", time.perf_counter())),
    )
    ended = time.perf_counter()
    parts = {gate: after - at for (gate, at), (_, after) in pairwise(steps)}
    values = {gate["id"]: gate["measurement"]["value"] for gate in found["gates"]}
    loading = steps[0][1] - began
    return {"seconds": ended - began, "parts": {"import and policy": loading, **parts}, "values": values}


@job
def by_hand(folder: str) -> dict[str, Any]:
    """The same questions put to pandas, XGBoost, scikit-learn, fairlearn and shap, cold."""
    began = time.perf_counter()
    import pandas as pd
    import xgboost
    from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    from tests.bench.generated import FEATURES

    laps = _Laps(began)
    sets = {name: pd.read_parquet(f"{folder}/{name}.parquet") for name in ("holdout", "development")}
    booster = xgboost.Booster(model_file=f"{folder}/model.json")
    laps.lap("read")
    scores = {name: booster.predict(xgboost.DMatrix(data[FEATURES])) for name, data in sets.items()}
    laps.lap("score")
    holdout, score = sets["holdout"], scores["holdout"]
    label = holdout["defaulted"]
    auc = roc_auc_score(label, score)
    false, true, _ = roc_curve(label, score, drop_intermediate=False)
    brier = brier_score_loss(label, score)
    laps.lap("auc, ks, brier")
    chosen = score < 0.3
    frames = [
        MetricFrame(
            metrics={"selection": selection_rate, "opportunity": true_positive_rate},
            y_true=1 - label,
            y_pred=chosen,
            sensitive_features=holdout[name],
            n_boot=BOOTSTRAPS,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
        for name in ("sex", "region")
    ]
    laps.lap(f"fairlearn, {BOOTSTRAPS} draws")
    rows = holdout[FEATURES].sample(10_000, random_state=0)
    booster.predict(xgboost.DMatrix(rows), pred_contribs=True)
    laps.lap("SHAP, path-dependent, 10,000 rows")
    values = {"auc": auc, "ks": float((true - false).max()), "brier": brier}
    ratios = [float(frame.ratio()["selection"]) for frame in frames]
    return {
        "seconds": time.perf_counter() - began,
        "parts": laps.found,
        "values": values | {"ratio": min(ratios)},
    }


class _Laps:
    def __init__(self, began: float) -> None:
        self.found: dict[str, float] = {}
        self._last = began
        self.lap("import")

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.found[name] = now - self._last
        self._last = now
