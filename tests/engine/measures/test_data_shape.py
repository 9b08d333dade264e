"""Distance from the population and values far out, against scipy and worked by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.data_outliers import outliers
from apps.engine.measures.data_shape import representativeness


def test_declared_shares_by_hand_and_by_scipy():
    table = Columns.of(race=["a"] * 50 + ["b"] * 30 + ["c"] * 20)
    found = representativeness(columns=table, expected={"race": {"a": 0.4, "b": 0.4, "c": 0.2}})
    assert found.value == pytest.approx(0.1)
    row = found.tables["columns"][0]
    wanted = stats.chisquare([50, 30, 20], [40, 40, 20])
    assert (row["statistic"], row["p_value"]) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert found.interval[0] <= found.value <= found.interval[1]


def test_two_samples_by_hand_and_by_scipy():
    now = Columns.of(race=["a"] * 50 + ["b"] * 50)
    then = Columns.of(race=["a"] * 120 + ["b"] * 80)
    found = representativeness(columns=now, reference_columns=then, over=["race"])
    wanted = stats.chi2_contingency([[50, 50], [120, 80]], correction=False)
    assert found.value == pytest.approx(0.1)
    assert found.tables["columns"][0]["p_value"] == pytest.approx(wanted.pvalue)


def test_by_chance_is_what_samples_of_the_same_population_show():
    source = np.random.default_rng(2)
    shares = np.array([0.5, 0.3, 0.2])
    drawn = [np.abs(source.multinomial(400, shares) / 400 - shares).sum() / 2 for _ in range(4000)]
    table = Columns.of(g=["a"] * 200 + ["b"] * 120 + ["c"] * 80)
    found = representativeness(columns=table, expected={"g": dict(zip("abc", shares.tolist(), strict=True))})
    assert found.tables["columns"][0]["by_chance"] == pytest.approx(np.mean(drawn), rel=0.05)


def test_a_level_that_the_population_lacks():
    table = Columns.of(g=["a", "b", "z", None])
    found = representativeness(columns=table, expected={"g": {"a": 0.5, "b": 0.5}})
    assert found.value == pytest.approx(0.5)
    assert found.tables["columns"][0]["p_value"] == 0.0


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": -0.1, "b": 1.1}, {"a": "x"}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(BadInput, match="must be numbers of at least 0 that sum to 1"):
        representativeness(columns=Columns.of(g=["a", "b"]), expected={"g": shares})


def test_without_a_population_there_is_no_number():
    with pytest.raises(Unmeasurable, match="no population"):
        representativeness(columns=Columns.of(g=["a"]), over=["g"])
    with pytest.raises(Unmeasurable, match="no rows"):
        representativeness(columns=Columns.of(g=[]))


def test_tukeys_fences_and_the_median_rule_by_hand():
    then = Columns.of(x=np.arange(1.0, 10.0))
    now = Columns.of(x=[0.0, 5.0, 20.0, np.inf, np.nan])
    found = outliers(features=now, reference_features=then)
    row = found.tables["features"][0]
    assert (row["lower"], row["upper"]) == (3 - 12, 7 + 12)
    assert found.exact == Fraction(2, 4)
    mad = outliers(features=now, reference_features=then, rule="mad")
    assert mad.tables["features"][0]["upper"] == pytest.approx(
        5 + 3 * stats.median_abs_deviation(np.arange(1.0, 10.0), scale=1 / 1.4826)
    )


def test_a_feature_without_spread_is_named_and_not_judged():
    table = Columns.of(flat=[1.0] * 9 + [7.0], wide=np.arange(10.0), text=["a"] * 10)
    found = outliers(features=table)
    assert found.parameters["worst"] == "wide"
    assert "flat" in found.notes[0]
    with pytest.raises(Unmeasurable, match="No feature has a spread"):
        outliers(features=table, over=["flat"])
    with pytest.raises(BadInput, match="holds no numbers"):
        outliers(features=table, over=["text"])
