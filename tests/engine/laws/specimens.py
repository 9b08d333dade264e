"""A small world that every check of the catalogue can be measured in, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine import arguments as args
from apps.engine.artifacts import open_model
from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import Check
from apps.engine.columns import Coded, Columns
from apps.engine.errors import Unmeasurable
from apps.engine.inputs import Artifact
from apps.engine.measure import function_of
from apps.engine.values import Measured, Measurement, unmeasured

MODELLED = ("income", "debt", "age")
FEATURES = (*MODELLED, "region")
PROTECTED = ("sex", "race")
CHECKS: Mapping[str, Check] = all_checks()
TIMED = ("operations.latency", "operations.memory", "operations.throughput")
ROWLESS = frozenset({"artifact", "model", "declared", "own", "seed", "count", "reference_count"})
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "performance.auc_versus": {"column": "rival"},
    "performance.override_rate": {"override": "overridden"},
    "fairness.conditional_adverse_impact": {"strata": ["period"]},
    "explainability.partial_dependence": {"feature": "income"},
    "explainability.importance_stability": {"draws": 20},
    "explainability.global_importance": {"draws": 100},
    "explainability.protected_influence": {"draws": 100},
    "explainability.interaction": {"rows": 20},
    "explainability.reason_code_stability": {"rows": 500, "draws": 4},
    "robustness.monotonicity": {"increasing": ["debt"], "grid": 5},
    "robustness.perturbation_flip_rate": {"threshold": 0.5, "draws": 4},
    "data.contract": {"contract": {"sex": {"values": ["F", "M"]}, "debt": {"min": 0, "max": 3}}},
    "data.representativeness": {"over": ["income", "sex"]},
    "generative.pass_rate": {
        "passed": "approved",
        "case": "sex",
        "repeat": "race",
        "judge": "region",
        "prompt": "sex",
    },
    "documents.present": {"types": ["model-card"]},
    "operations.latency": {"calls": 20},
    "operations.throughput": {"rows": 50, "repeats": 1},
    "operations.memory": {"rows": 50},
}
DECLARED: Mapping[str, Any] = {
    "documents": [{"type": "model-card", "sha256": "0" * 64, "date": "2026-01-02"}],
    "sbom": {"scanned_at": "2026-01-02", "vulnerabilities": [{"id": "CVE-1", "severity": "high"}]},
}
Table = dict[str, list[Any]]


def people(n: int = 240, seed: int = 0, *, later: bool = False) -> Table:
    """Applicants with two protected attributes, six months, a score and a decision made from it."""
    source = np.random.default_rng(seed)
    label = source.random(n) < 0.4
    sex = source.choice(["F", "M"], n, p=[0.55, 0.45])
    race = source.choice(["a", "b", "c"], n, p=[0.4, 0.35, 0.25])
    score = np.clip(
        np.round(0.25 + 0.25 * label + 0.1 * (sex == "F") + source.normal(0, 0.2, n), 2), 0.01, 0.99
    )
    months = source.integers(7 if later else 1, 13 if later else 7, n)
    selected = (score < 0.5) ^ (source.random(n) < 0.05)
    return {
        "score": score.tolist(),
        "rival": np.clip(np.round(score + source.normal(0, 0.1, n), 2), 0.01, 0.99).tolist(),
        "label": label.astype(int).tolist(),
        "approved": np.where(selected, "yes", "no").tolist(),
        "sex": sex.tolist(),
        "race": race.tolist(),
        "period": [f"2025-{m:02d}" for m in months],
        "overridden": (source.random(n) < 0.1).astype(int).tolist(),
        "income": np.round(source.normal(30, 8, n) - 6 * label, 1).tolist(),
        "debt": source.integers(0, 5, n).astype(float).tolist(),
        "age": source.integers(20, 70, n).astype(float).tolist(),
        "region": source.choice(["north", "south", "west"], n).tolist(),
    }


def permuted(table: Table, seed: int = 1) -> Table:
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(table["score"]))
    return {name: [values[i] for i in order] for name, values in table.items()}


@cache
def model_bytes() -> bytes:
    """A small tree model of the three features, as XGBoost writes it."""
    import xgboost

    table = people(400, 9)
    data = xgboost.DMatrix(
        np.column_stack([table[name] for name in MODELLED]), table["label"], feature_names=list(MODELLED)
    )
    made = xgboost.train({"max_depth": 2, "objective": "binary:logistic", "nthread": 1}, data, 6)
    return bytes(made.save_raw("json"))


def model_file(folder: Path) -> Path:
    """That model as a file."""
    path = folder / "model.json"
    path.write_bytes(model_bytes())
    return path


@dataclass(frozen=True, slots=True)
class World:
    """Tables and a model in memory."""

    table: Table
    reference: Table
    model_path: Path
    weight: Sequence[float] | None = None

    def but(self, **changes: Any) -> World:
        """The same world with other tables."""
        return replace(self, **changes)

    def roles(self, table: Table) -> dict[str, Any]:
        """What a check may ask for of one table."""
        every = Columns.of(**table)
        label = np.array([v == 1 for v in table["label"]], dtype=bool)
        selected = np.array([v == "yes" for v in table["approved"]], dtype=bool)
        score = np.array([np.nan if v is None else v for v in table["score"]], dtype=np.float64)
        return {
            "score": score,
            "score_column": score,
            "label": label,
            "target": label.astype(np.float64),
            "predicted": ~selected,
            "selected": selected,
            "deserving": ~label,
            "weight": None if self.weight is None else np.asarray(self.weight, dtype=np.float64),
            "period": Coded.of(table["period"]),
            "protected": every.only(PROTECTED),
            "features": every.only(FEATURES),
            "columns": every,
        }

    def inputs(self, check: Check, **more: Any) -> dict[str, Any]:
        """The keyword arguments of a check: those of the world, its arguments' defaults, and `more`."""
        here, then = self.roles(self.table), self.roles(self.reference)
        artifact = Artifact(self.model_path, "xgboost", "0" * 64)
        sources = {
            **here,
            **{f"reference_{role}": value for role, value in then.items()},
            "roles": here,
            "artifact": artifact,
            "declared": DECLARED,
            "twin": None,
            "own": {},
            "seed": 3,
            "count": None,
            "reference_count": None,
            "reference_weight": None,
        }
        if any(need.startswith("model") for need in check.needs):
            sources |= {
                "model": open_model(artifact, MODELLED),
                "features": here["columns"].only(MODELLED),
                "reference_features": then["columns"].only(MODELLED),
            }
        given = {need.removesuffix("?"): sources[need.removesuffix("?")] for need in check.needs}
        asked = args.resolve(check, ARGUMENTS.get(check.id), protected=PROTECTED)
        return {**given, **asked, **more}

    def measured(self, check_id: str, **more: Any) -> Measured:
        """A check in this world; what has no number is a status with its reason, as the runner has it."""
        check = CHECKS[check_id]
        try:
            return function_of(check)(**self.inputs(check, **more))
        except Unmeasurable as reason:
            count = more.get("count")
            rows = len(self.table["score"]) if count is None else int(count.sum())
            return unmeasured(reason.status, str(reason), n=rows)  # type: ignore[arg-type]


def as_bytes(found: Measured | Measurement) -> str:
    """The JSON of a result: what must not change. NaN and infinity are refused here."""
    if isinstance(found, Measured):
        found = Measurement(check="x", check_version="1", measured=found, parameters={})
    return json.dumps(found.as_json(), sort_keys=True, allow_nan=False, ensure_ascii=False)


def needs(check_id: str) -> frozenset[str]:
    """The inputs of a check, optional or not."""
    return frozenset(need.removesuffix("?") for need in CHECKS[check_id].needs)


def reading(*roles: str) -> list[str]:
    """The checks that read any of these inputs."""
    return [check_id for check_id in CHECKS if needs(check_id) & set(roles)]
