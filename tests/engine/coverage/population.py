"""A population whose every figure is known, samples of it, and how often intervals hold the figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.catalogue import find
from apps.engine.columns import ArrayColumn, Coded, Columns
from apps.engine.errors import Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measure import function_of
from apps.engine.values import Measured

Ints = npt.NDArray[np.int64]
SIZE = 200_000
LEVELS = np.arange(1, 20) / 20
SEXES, PERIODS = ("F", "M"), ("2025-01", "2025-02")


@dataclass(frozen=True, slots=True)
class Cells:
    """The kinds of people there are: one row a kind, and how many of each."""

    columns: Mapping[str, npt.NDArray[Any]]
    counts: Ints

    def rows(self, times: Ints) -> dict[str, npt.NDArray[Any]]:
        """Columns with each kind so many times."""
        place = np.repeat(np.arange(len(times)), times)
        return {name: values[place] for name, values in self.columns.items()}


@cache
def people(*, shifted: bool = False) -> Cells:
    """Score, outcome, decision, sex and month, all related, the score a little off its meaning."""
    kinds = list(product(LEVELS, (0, 1), (0, 1), (0, 1), (0, 1)))
    score, label, chosen, sex, month = (np.array(column) for column in zip(*kinds, strict=True))
    shape = score ** (1.4 if shifted else 1.0) * (1 - score) ** 2.2
    later = np.where(month == 1, 1 + 0.3 * (score - 0.3), 1.0) / 2
    women = 0.55 + 0.25 * (score - 0.3)
    risk = 0.04 + 0.86 * score**1.15 + 0.02 * (month == 1)
    granted = np.where(score < 0.4, 0.9, 0.15) - 0.06 * (sex == 0)
    mass = shape * later * np.where(sex == 0, women, 1 - women)
    mass = mass * np.where(label == 1, risk, 1 - risk) * np.where(chosen == 1, granted, 1 - granted)
    columns = {
        "score": score,
        "rival": np.round(np.clip(0.7 * score + 0.1 + 0.08 * (sex == 0) + 0.1 * label, 0, 1), 3),
        "label": label == 1,
        "selected": chosen == 1,
        "sex": sex,
        "month": month,
        "weight": 0.5 + score + 0.5 * (sex == 0),
        "income": np.round(40 - 20 * score + 5 * label, 2),
        "debt": np.round(10 * score * (1 + sex), 2),
    }
    return Cells(columns, np.rint(SIZE * mass / mass.sum()).astype(np.int64))


def _columns(rows: Mapping[str, npt.NDArray[Any]], names: Sequence[str]) -> Columns:
    made = {name: ArrayColumn(name, rows[name]) for name in names}
    return Columns(tuple(made), made.__getitem__, len(rows["score"]))


def inputs(rows: Mapping[str, npt.NDArray[Any]], then: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """What checks may ask for, from the columns of a sample and of the data it is compared with."""
    months = Coded(rows["month"].astype(np.int32), PERIODS)
    label, selected = rows["label"], rows["selected"]
    given = {**rows, "overridden": (label ^ selected).astype(np.float64)}
    columns = _columns(given, ["rival", "overridden", "income", "debt"])
    named = {
        "month": ArrayColumn("month", months),
        "sex": ArrayColumn("sex", Coded(rows["sex"].astype(np.int32), SEXES)),
    }
    every = Columns((*named, *columns), lambda name: named.get(name) or columns[name], columns.rows)
    here = {
        "score": rows["score"],
        "label": label,
        "target": 0.7 * rows["score"] + 0.2 * label,
        "predicted": ~selected,
        "selected": selected,
        "deserving": ~label,
        "protected": every.only(["sex"]),
        "period": months,
        "weight": None,
        "columns": every,
        "features": every.only(["income", "debt"]),
    }
    before = {"sex": ArrayColumn("sex", Coded(then["sex"].astype(np.int32), SEXES))}
    reference = {
        "reference_score": then["score"],
        "reference_features": _columns(then, ["income", "debt"]),
        "reference_columns": Columns(("sex",), before.__getitem__, len(then["score"])),
    }
    rest = {"model": Weighted({"income": 1.0, "debt": 0.6}), "seed": 1, "count": None}
    return {**here, **reference, **rest, "roles": here, "reference_weight": None, "reference_count": None}


@dataclass(frozen=True, slots=True)
class Case:
    """A check whose interval is tried, with its arguments; `known`: the reference is everybody."""

    check: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weighted: bool = False
    known: bool = False
    sizes: tuple[int, ...] = (200, 2000)

    @property
    def name(self) -> str:
        """The check, with what is not its default."""
        said = [f"{k} {v}" for k, v in self.arguments.items() if not isinstance(v, (list, dict))]
        return ", ".join([self.check, *(["weighted"] if self.weighted else []), *said])

    def measured(self, rows: Mapping[str, Any], then: Mapping[str, Any]) -> Measured:
        """The check on a sample, or on everybody."""
        check = find(self.check)
        given = inputs(rows, then)
        if self.weighted:
            given["weight"] = rows["weight"]
        wanted = {need.removesuffix("?"): given[need.removesuffix("?")] for need in check.needs}
        return function_of(check)(**wanted, **self.arguments)

    def truth(self) -> tuple[float, str]:
        """The figure of everybody, and the name of the method."""
        now, then = people(), people(shifted=True)
        found = self.measured(now.rows(now.counts), then.rows(then.counts))
        assert found.value is not None
        return found.value, found.method or ""

    def covered(self, n: int, samples: int, seed: int) -> Covered:
        """How often intervals of samples of n people hold the figure of everybody."""
        truth, _ = self.truth()
        source = np.random.default_rng(seed)
        now, then = people(), people(shifted=True)
        everybody = then.rows(then.counts)
        held = below = made = 0
        method = ""
        for _ in range(samples):
            rows = now.rows(source.multinomial(n, now.counts / now.counts.sum()))
            before = (
                everybody if self.known else then.rows(source.multinomial(n, then.counts / then.counts.sum()))
            )
            try:
                found = self.measured(rows, before)
            except Unmeasurable:
                continue
            if found.interval is None:
                continue
            low, high = found.interval
            made, method = made + 1, found.method or method
            held += (low is None or low <= truth + 1e-12) and (high is None or truth <= high + 1e-12)
            below += high is not None and high < truth
        return Covered(self, n, made, samples, held, below, method)


@dataclass(frozen=True, slots=True)
class Covered:
    """What a simulation found."""

    case: Case
    n: int
    made: int
    samples: int
    held: int
    below: int
    method: str

    @property
    def share(self) -> float:
        """The share of intervals that hold the truth."""
        return self.held / max(1, self.made)

    @property
    def error(self) -> float:
        """The standard error of that share in the simulation, never 0."""
        p = (self.held + 1) / (self.made + 2)
        return math.sqrt(p * (1 - p) / max(1, self.made))


SEX = {"attributes": ["sex"]}
CASES: tuple[Case, ...] = (
    *(
        Case(f"performance.{name}")
        for name in (
            "accuracy", "auc", "average_precision", "balanced_accuracy", "f_beta", "ks", "lift_and_gain",
            "log_loss", "mae", "mcc", "negative_predictive_value", "precision", "r2", "recall", "rmse",
            "specificity",
        )
    ),
    Case("performance.auc_versus", {"column": "rival"}),
    Case("performance.auc_versus", {"column": "rival", "paired": False}),
    Case("performance.concentration", {"rule": "unique"}),
    Case("performance.override_rate", {"override": "overridden"}),
    Case("performance.ks", {"interval": "newcombe"}),
    *(
        Case(f"performance.{name}", weighted=True)
        for name in ("accuracy", "auc", "ks", "log_loss", "mcc", "precision", "r2", "rmse")
    ),
    *(Case(f"calibration.{name}") for name in ("brier", "in_the_large", "slope")),
    Case("calibration.ece", {"binning": "unique"}),
    *(Case("calibration.brier", weighted=w) for w in (True,)),
    *(
        Case(f"fairness.{name}", SEX)
        for name in (
            "auc_gap", "calibration_gap", "differential_fairness", "equal_opportunity_difference",
            "equalized_odds_difference", "equalized_odds_ratio", "error_rate_ratio", "generalized_entropy",
            "ll144_selection", "predictive_parity_ratio", "representation", "selection_rate_difference",
            "selection_rate_ratio", "standardized_mean_difference",
        )
    ),
    Case("fairness.conditional_adverse_impact", {**SEX, "strata": ["month"]}),
    Case("fairness.selection_rate_ratio", SEX, weighted=True),
    Case("fairness.equal_opportunity_difference", SEX, weighted=True),
    Case("stability.psi", {"bins": "unique"}, sizes=(500, 5000)),
    Case("stability.trend", sizes=(400, 4000)),
    Case("data.representativeness", {"over": ["sex"]}),
    Case("data.outliers", {"width": 0.5}, known=True),
)  # fmt: skip


# With few rows normal limits are at their weakest, and so are bootstraps.
FEW = {
    "performance.auc", "performance.average_precision", "performance.log_loss", "performance.mcc",
    "performance.rmse", "calibration.brier", "calibration.in_the_large", "calibration.slope",
}  # fmt: skip
CASES = tuple(
    replace(case, sizes=(60, *case.sizes)) if case.check in FEW and not case.weighted else case
    for case in CASES
)
