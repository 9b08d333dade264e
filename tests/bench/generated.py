"""Seeded data and models to measure on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

FEATURES = [f"x{i:02d}" for i in range(20)]
ROWS, TREES, MILLION = 100_000, 200, 1_000_000
Floats = npt.NDArray[np.float64]


def credit(folder: Path, rows: int = ROWS, trees: int = TREES) -> None:
    """Write model.json, holdout.parquet, development.parquet and model.yaml of a credit model."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xgboost

    training, labels, _, _ = applicants(rows, seed=1)
    matrix = xgboost.DMatrix(training, label=labels, feature_names=FEATURES)
    settings = {
        "objective": "binary:logistic",
        "max_depth": 6,
        "eta": 0.05,
        "tree_method": "hist",
        "nthread": 2,
        "seed": 0,
    }
    xgboost.train(settings, matrix, trees).save_model(folder / "model.json")
    for name, seed in (("development", 1), ("holdout", 2)):
        x, y, sex, region = applicants(rows, seed=seed)
        columns = {feature: x[:, i] for i, feature in enumerate(FEATURES)}
        coded = {"sex": pa.array(sex).dictionary_encode(), "region": pa.array(region).dictionary_encode()}
        pq.write_table(pa.table({**columns, "defaulted": y, **coded}), folder / f"{name}.parquet")
    (folder / "model.yaml").write_text(json.dumps(manifest()))


def applicants(
    n: int, *, seed: int
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Features, outcomes, and two protected attributes that nothing depends on."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(FEATURES)))
    x[:, 15:] = rng.integers(0, 12, size=(n, 5))
    risk = 0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.5 * x[:, 2] * x[:, 3] + 0.4 * np.abs(x[:, 4]) - 1.6
    y = (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(np.int64)
    sex = np.array(["F", "M"])[rng.integers(0, 2, n)]
    region = np.array(["east", "north", "south", "west", "centre"])[rng.integers(0, 5, n)]
    return x, y, sex, region


def manifest() -> dict[str, object]:
    """The manifest of the credit model; policies of tier 1 apply to it."""
    roles = {
        "label": {"column": "defaulted", "positive": 1},
        "favourable": 0,
        "decision": {"threshold": 0.3},
        "protected": ["sex", "region"],
    }
    names = ("holdout", "development")
    return {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "1", "title": "Probability of default"},
        "spec": {
            "use": "credit_decision",
            "kind": "classifier",
            "domain": "credit",
            "tier": 1,
            "artifact": {"path": "model.json", "format": "xgboost"},
            "features": FEATURES,
            "datasets": {name: {"path": f"{name}.parquet", **roles} for name in names},
        },
    }


def outcomes(
    n: int = MILLION,
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Scores, labels, and the codes of two attributes with two and five groups."""
    rng = np.random.default_rng(7)
    score = rng.beta(2, 5, n)
    label = rng.random(n) < score
    return score, label, rng.integers(0, 2, n, dtype=np.int32), rng.integers(0, 5, n, dtype=np.int32)
