"""A measure by period: against the check on each part, scipy's Kendall, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from apps.engine.columns import Coded, Columns
from apps.engine.errors import BadInput
from apps.engine.intervals import newcombe
from apps.engine.measures.fairness.selection import selection_rate_ratio
from apps.engine.measures.performance import auc
from apps.engine.measures.stability_trend import mann_kendall, trend


def people(n: int = 1200, seed: int = 1) -> tuple[dict[str, object], Coded]:
    source = np.random.default_rng(seed)
    month = source.integers(1, 7, n)
    label = source.random(n) < 0.4
    score = label * (1.5 - 0.2 * month) + source.normal(size=n)
    sex = Columns.of(sex=source.choice(["F", "M"], n).tolist(), age=source.normal(size=n))
    roles = {"score": score, "label": label, "protected": sex.only(["sex"]), "selected": score < 0.5}
    return roles, Coded.of([f"2025-{m:02d}" for m in month])


def test_each_period_is_the_check_on_its_rows():
    roles, period = people()
    found = trend(roles=roles, period=period)
    for k, row in enumerate(found.tables["periods"]):
        part = period.codes == k
        alone = auc(score=roles["score"][part], label=roles["label"][part])
        assert (row["value"], (row["low"], row["high"])) == (alone.value, alone.interval)
    values = [row["value"] for row in found.tables["periods"]]
    assert found.value == max(values[0] - v for v in values)
    assert found.tables["trend"][0]["slope"] == pytest.approx(np.polyfit(range(6), values, 1)[0])


def test_columns_are_cut_too_and_a_reference_may_be_chosen():
    roles, period = people()
    given = {"min_group_size": 5}
    found = trend(roles=roles, period=period, check="fairness.selection_rate_ratio", arguments=given)
    part = period.codes == 2
    sex = [roles["protected"]["sex"].coded().levels[c] for c in roles["protected"]["sex"].coded().codes[part]]
    alone = selection_rate_ratio(
        selected=roles["selected"][part], protected=Columns.of(sex=sex), min_group_size=5
    )
    assert found.tables["periods"][2]["value"] == alone.value


def test_mover_of_two_shares_is_newcombe():
    rows = {"predicted": np.ones(150, bool), "label": np.repeat([True, False, True, False], [56, 14, 48, 32])}
    period = Coded.of(["1"] * 70 + ["2"] * 80)
    found = trend(roles=rows, period=period, check="performance.accuracy")
    assert found.value == pytest.approx(56 / 70 - 48 / 80)
    assert found.interval == pytest.approx(newcombe(56, 70, 48, 80))


@pytest.mark.parametrize(("baseline", "value"), [("first", 0.1), ("best", 0.4), ("previous", 0.3)])
def test_baselines(baseline, value):
    label = np.concatenate([np.arange(10) < k for k in (6, 9, 6, 5)])
    rows = {"predicted": np.ones(40, bool), "label": label}
    period = Coded.of(np.repeat([8, 9, 10, 11], 10).tolist())
    found = trend(roles=rows, period=period, check="performance.accuracy", baseline=baseline, min_rows=5)
    assert found.value == pytest.approx(value)


def test_where_lower_is_better_a_rise_is_worse():
    rows = {"score": np.repeat([0.1, 0.4], 40), "label": np.zeros(80, bool)}
    found = trend(roles=rows, period=Coded.of(["1"] * 40 + ["2"] * 40), check="calibration.brier")
    assert found.value == pytest.approx(0.15)
    back = trend(roles=rows, period=Coded.of(["2"] * 40 + ["1"] * 40), check="calibration.brier")
    assert back.value == 0


@pytest.mark.parametrize("k", [4, 7, 10])
def test_mann_kendall_is_scipys_exact_kendall(k):
    values = np.random.default_rng(k).permutation(k).astype(float).tolist()
    wanted = stats.kendalltau(range(k), values, method="exact")
    s = round(wanted.statistic * k * (k - 1) / 2)
    assert mann_kendall(values, s) == pytest.approx(wanted.pvalue)


def test_mann_kendall_with_ties_is_gilberts_formula():
    values = [10.0, 12, 14, 14, 15, 13, 16, 16, 16, 18, 20, 19]
    s = sum(int(np.sign(b - a)) for i, a in enumerate(values) for b in values[i + 1 :])
    variance = (12 * 11 * 29 - 2 * 1 * 9 - 3 * 2 * 11) / 18
    assert mann_kendall(values, s) == pytest.approx(2 * stats.norm.sf((s - 1) / math.sqrt(variance)))


def test_small_periods_are_shown_and_missing_ones_counted():
    rows = {"predicted": np.ones(75, bool), "label": np.arange(75) % 2 == 0}
    period = Coded.of(["1"] * 30 + ["2"] * 30 + ["3"] * 10 + [None] * 5)
    found = trend(roles=rows, period=period, check="performance.accuracy")
    assert [row["status"] for row in found.tables["periods"]] == ["measured", "measured", "insufficient"]
    assert "missing in 5 rows" in found.notes[0]
    few = trend(roles=rows, period=period, check="performance.accuracy", min_rows=31)
    assert (few.status, few.value) == ("insufficient", None)


def test_a_period_without_a_number_leaves_none():
    rows = {"score": np.arange(80.0), "label": np.arange(80) < 50}
    found = trend(roles=rows, period=Coded.of(["1"] * 40 + ["2"] * 40))
    assert found.status == "insufficient"
    assert found.notes[0].startswith("Period 1 (40 rows): All 40 labels are positive")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("stability.psi", "it needs reference_score"),
        ("stability.trend", "cannot be followed"),
        ("performance.acu", 'Did you mean "performance.auc"'),
    ],
)
def test_checks_that_cannot_be_followed_are_refused(check, words):
    roles, period = people(60)
    with pytest.raises(BadInput, match=words):
        trend(roles=roles, period=period, check=check)


def test_arguments_are_those_of_the_check():
    roles, period = people(60)
    with pytest.raises(BadInput, match='no argument "bins"'):
        trend(roles=roles, period=period, arguments={"bins": 3})
