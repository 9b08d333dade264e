"""Adverse impact: the four quadrants, and each test against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from apps.engine.columns import Columns
from apps.engine.measures.fairness.adverse import adverse_impact
from apps.engine.measures.fairness.tests_2x2 import run


def judged(a: tuple[int, int], b: tuple[int, int], **kwargs):
    chosen = np.concatenate([np.arange(n) < k for k, n in (a, b)])
    protected = Columns.of(g=["a"] * a[1] + ["b"] * b[1])
    return adverse_impact(selected=chosen, protected=protected, **kwargs)


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ((20, 100), (50, 100), "fail"),
        ((6, 30), (9, 30), "review"),
        ((4500, 10000), (5000, 10000), "review"),
        ((45, 100), (50, 100), "pass"),
        ((40, 100), (50, 100), "pass"),
    ],
)
def test_the_four_quadrants_and_the_boundary(a, b, outcome):
    found = judged(a, b)
    assert found.parameters["outcome"] == outcome
    assert found.value == ("pass", "review", "fail").index(outcome)


@pytest.mark.parametrize("table", [(3, 17, 12, 8), (0, 10, 5, 5), (40, 60, 55, 45), (1, 99, 7, 93)])
def test_each_test_is_an_independent_ones(table):
    a, b, c, d = table
    grid = [[a, b], [c, d]]
    assert run("fisher", table)["p_value"] == pytest.approx(stats.fisher_exact(grid).pvalue)
    z, p = proportions_ztest([a, c], [a + b, c + d])
    assert run("z", table)["statistic"] == pytest.approx(z)
    assert run("z", table)["p_value"] == pytest.approx(p)
    plain = stats.chi2_contingency(grid, correction=False)
    assert run("chi2", table)["statistic"] == pytest.approx(plain.statistic)
    yates = stats.chi2_contingency(grid, correction=True)
    assert run("chi2", table, correction=True)["p_value"] == pytest.approx(yates.pvalue)
    point = stats.hypergeom.pmf(a, a + b + c + d, a + c, a + b)
    midp = stats.fisher_exact(grid).pvalue - point / 2
    assert run("lancaster_midp", table)["p_value"] == pytest.approx(midp)


def test_fishers_tea():
    """Fisher (1935): 3 of 4 cups right; two-sided p = 34/70."""
    assert run("fisher", (3, 1, 1, 3))["p_value"] == pytest.approx(34 / 70)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4))
def test_p_values_are_probabilities(table):
    for test in ("fisher", "z", "chi2", "lancaster_midp"):
        p = run(test, table)["p_value"]
        assert p is None or 0 <= p <= 1


def test_the_tests_table_names_counts_statistic_and_p():
    found = judged((20, 100), (50, 100), test="chi2")
    row = found.tables["tests"][0]
    assert (row["group"], row["reference"], row["selected"], row["n"]) == ("a", "b", 20, 100)
    assert row["df"] == 1
    assert row["statistic"] == pytest.approx(19.780219780219781)
    assert row["ratio"] == pytest.approx(0.4)


def test_holm_adjusts_the_p_values():
    chosen = np.concatenate([np.arange(100) < k for k in (35, 36, 50)])
    protected = Columns.of(g=np.repeat(["a", "b", "c"], 100).tolist())
    plain = adverse_impact(selected=chosen, protected=protected)
    adjusted = adverse_impact(selected=chosen, protected=protected, adjust="holm")
    assert plain.value == 2 - (plain.tables["tests"][0]["p_value"] >= 0.05)
    assert adjusted.tables["tests"][0]["p_adjusted"] == pytest.approx(2 * plain.tables["tests"][0]["p_value"])


def test_overall_is_tested_against_the_other_groups():
    found = judged((20, 100), (50, 100), reference="overall")
    assert found.tables["tests"][0]["reference"] == "the other groups"
    assert found.tables["tests"][0]["reference_n"] == 100
    assert found.tables["tests"][0]["ratio"] == pytest.approx(0.2 / 0.35)


def test_small_groups_make_it_insufficient():
    assert judged((2, 10), (50, 100)).status == "insufficient"
