"""Input at the ends of what a float holds: a number, or a sentence; never a warning, a crash or a NaN."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.measures import calibration, performance
from apps.engine.measures import calibration_grades as grades
from apps.engine.measures import calibration_tests as tests
from apps.engine.measures import performance_bands as bands
from apps.engine.measures import performance_decisions as decisions
from apps.engine.measures import performance_losses as losses
from apps.engine.measures import performance_ranking as ranks
from apps.engine.values import Measured, Measurement

LARGEST, SMALLEST = sys.float_info.max, 5e-324
SCORES = {
    "largest": [LARGEST, -LARGEST, 1e300, -1e308, 0.0, 1.0],
    "smallest": [SMALLEST, 0.0, 2 * SMALLEST, 3 * SMALLEST, SMALLEST, 0.0],
    "subnormal": [1e-310, 2e-310, 0.0, 3e-310, 1e-308, 1.0],
    "constant": [0.5] * 6,
    "signed zero": [0.0, -0.0] * 3,
    "certain": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0],
    "next to one": [1 - 2**-53, 1.0, 0.5, 2**-60, 0.0, SMALLEST],
    "one row": [0.3],
    "no rows": [],
}
LABELS = {"positive": lambda k: True, "negative": lambda k: False, "mixed": lambda k: k % 2 == 0}
WEIGHTS: dict[str, Callable[[int], float] | None] = {
    "none": None,
    "zero": lambda k: 0.0,
    "largest": lambda k: LARGEST if k % 2 else SMALLEST,
    "smallest": lambda k: 1e-300 * (k + 1),
    "rising": float,
    "one only": lambda k: float(k == 2),
}
COUNTS: dict[str, Callable[[int], int] | None] = {"none": None, "many": lambda k: 2**33 - k}
RANKED = (
    performance.auc, performance.ks, ranks.gini, ranks.average_precision, bands.lift_and_gain,
    bands.rank_ordering, losses.log_loss, calibration.brier, tests.ece, tests.in_the_large, tests.slope,
    tests.hosmer_lemeshow, tests.spiegelhalter, tests.reliability_curve, grades.grade_binomial,
    grades.grade_jeffreys, grades.traffic_light, grades.low_default_pd,
)  # fmt: skip
DECIDED = (
    performance.confusion, decisions.accuracy, decisions.precision, decisions.balanced_accuracy,
    decisions.f_beta, decisions.mcc,
)  # fmt: skip


def asked(score: np.ndarray, label: np.ndarray, **common: Any) -> Iterator[Callable[[], Measured]]:
    """Every check of the two families, ready to be called."""
    other = Columns.of(other=score[::-1].tolist(), flag=label.astype(float).tolist())
    for check in RANKED:
        yield lambda check=check: check(score=score, label=label, **common)
    for check in DECIDED:
        yield lambda check=check: check(predicted=score > 0.3, label=label, **common)
    for rule in ("unique", "quantile"):
        yield lambda rule=rule: calibration.brier(score=score, label=label, binning=rule, **common)
        yield lambda rule=rule: tests.ece(score=score, label=label, binning=rule, norm="max", **common)
    for rule in ("unique", "width"):
        yield lambda rule=rule: bands.concentration(score=score, rule=rule, **common)
    for check in (losses.mae, losses.rmse, losses.r2):
        yield lambda check=check: check(score=score, target=score[::-1].copy(), **common)
    yield lambda: ranks.auc_versus(score=score, label=label, columns=other, column="other", **common)
    yield lambda: losses.override_rate(columns=other, override="flag", **common)


def made(of: Callable[[int], Any] | None, n: int, kind: type) -> np.ndarray | None:
    """An array of a rule, or None."""
    return None if of is None else np.array([of(k) for k in range(n)], dtype=kind)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SCORES)
def test_a_number_or_a_sentence(name):
    score = np.array(SCORES[name])
    n = len(score)
    for label, weight, count in itertools.product(LABELS.values(), WEIGHTS.values(), COUNTS.values()):
        common = {"weight": made(weight, n, float), "count": made(count, n, np.int64)}
        for call in asked(score, made(label, n, bool), **common):
            with contextlib.suppress(Unmeasurable):
                fine(call())


def fine(found: Measured) -> None:
    """Finite, in JSON, and held by its own interval."""
    json.dumps(
        Measurement(check="x", check_version="1", measured=found, parameters={}).as_json(), allow_nan=False
    )
    assert math.isfinite(found.value)
    if found.interval is not None:
        low, high = found.interval
        slack = 1e-9 * max(1.0, abs(found.value))
        assert low - slack <= found.value <= high + slack
