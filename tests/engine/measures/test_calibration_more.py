"""Tests of calibration against scipy, statsmodels, published tables and hand-worked figures."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures import calibration_grades as grades
from apps.engine.measures import calibration_tests as tests


def forecasts(seed: int = 0, n: int = 800) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    score = np.round(source.beta(2, 5, n), 3)
    return np.clip(score, 0.001, 0.999), source.random(n) < score


SCORE, LABEL = forecasts()


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_ece_by_its_definition(norm):
    bins = np.ceil(SCORE * 15 - 1e-12).astype(int)
    gaps = [(np.sum(bins == k), abs((SCORE[bins == k] - LABEL[bins == k]).mean())) for k in np.unique(bins)]
    n, gap = np.array([g[0] for g in gaps]), np.array([g[1] for g in gaps])
    wanted = {"l1": (n * gap).sum() / 800, "l2": ((n * gap**2).sum() / 800) ** 0.5, "max": gap.max()}
    found = tests.ece(score=SCORE, label=LABEL, bins=15, norm=norm)
    assert found.value == pytest.approx(wanted[norm])
    assert found.interval[0] <= found.value <= found.interval[1]


def test_reliability_curve_counts_rows_in_calibrated_bins():
    score = np.repeat([0.1, 0.9], 50)
    label = np.concatenate([np.arange(50) < 5, np.arange(50) < 5])
    found = tests.reliability_curve(score=score, label=label, binning="unique")
    assert found.value == 0.5
    assert [row["inside"] for row in found.tables["curve"]] == [True, False]


def test_in_the_large_by_hand():
    found = tests.in_the_large(score=np.repeat(0.5, 100), label=np.arange(100) < 40)
    assert found.value == pytest.approx(0.1)
    assert found.tables["test"][0]["statistic"] == pytest.approx(10 / 5)


@pytest.mark.parametrize("seed", range(3))
def test_slope_is_statsmodels(seed):
    score, label = forecasts(seed)
    logit = sm.Logit(label.astype(float), sm.add_constant(np.log(score / (1 - score)))).fit(disp=0, tol=1e-12)
    found = tests.slope(score=score, label=label)
    assert found.value == pytest.approx(logit.params[1], rel=1e-7)
    assert found.parameters["intercept"] == pytest.approx(logit.params[0], rel=1e-6)
    assert found.interval == pytest.approx(tuple(logit.conf_int()[1]), rel=1e-5)


@pytest.mark.parametrize(
    ("score", "label", "words"),
    [
        ([0.0, 0.5], [True, False], "logit is infinite"),
        ([0.5, 0.5], [True, False], "constant score"),
        ([0.2, 0.3, 0.8, 0.9], [False, False, True, True], "separates"),
        ([0.2, 0.3], [True, True], "one class"),
    ],
)
def test_slope_says_why_it_has_no_number(score, label, words):
    with pytest.raises(Unmeasurable, match=words):
        tests.slope(score=np.array(score), label=np.array(label))


def test_hosmer_lemeshow_by_hand_with_both_degrees_of_freedom():
    """Bins 0.2 and 0.8 of 50 rows with 15 and 35: (5² / 8) + (5² / 8) = 6.25."""
    score = np.repeat([0.2, 0.5, 0.8], 50)
    label = np.concatenate([np.arange(50) < k for k in (15, 25, 35)])
    found = tests.hosmer_lemeshow(score=score, label=label, binning="unique")
    assert found.parameters["statistic"] == pytest.approx(6.25)
    assert found.value == pytest.approx(stats.chi2.sf(6.25, 3))
    fitted = tests.hosmer_lemeshow(score=score, label=label, binning="unique", sample="fitted")
    assert fitted.value == pytest.approx(stats.chi2.sf(6.25, 1))


def test_spiegelhalter_by_its_definition():
    s, y = SCORE, LABEL
    z = ((y - s) * (1 - 2 * s)).sum() / np.sqrt(((1 - 2 * s) ** 2 * s * (1 - s)).sum())
    found = tests.spiegelhalter(score=s, label=y)
    assert found.value == pytest.approx(2 * stats.norm.sf(abs(z)))
    with pytest.raises(Unmeasurable, match="no variance"):
        tests.spiegelhalter(score=np.array([0.5, 1.0]), label=np.array([True, True]))


def test_tests_of_grades_are_scipys():
    score = np.repeat([0.01, 0.1], [400, 100])
    label = np.concatenate([np.arange(400) < 9, np.arange(100) < 8])
    found = grades.grade_binomial(score=score, label=label)
    assert found.value == pytest.approx(stats.binomtest(9, 400, 0.01, alternative="greater").pvalue)
    assert found.parameters["worst"] == "0.01"
    jeffreys = grades.grade_jeffreys(score=score, label=label)
    assert jeffreys.value == pytest.approx(stats.beta.cdf(0.01, 9.5, 391.5))
    adjusted = grades.grade_binomial(score=score, label=label, adjust="holm")
    assert adjusted.value == pytest.approx(2 * found.value)


def test_grades_may_stand_in_a_column():
    columns = Columns.of(rating=["B", "A", "B", "A"])
    score, label = np.array([0.2, 0.1, 0.4, 0.1]), np.array([True, False, False, False])
    rows = grades.grade_binomial(score=score, label=label, columns=columns, grade="rating").tables["grades"]
    assert [(r["grade"], r["n"], r["defaults"]) for r in rows] == [("A", 2, 0), ("B", 2, 1)]
    assert rows[1]["pd"] == pytest.approx(0.3)
    with pytest.raises(BadInput, match='no column "grade"'):
        grades.grade_binomial(score=score, label=label, columns=columns, grade="grade")


@pytest.mark.parametrize(("defaults", "zone"), [(4, 0), (5, 1), (9, 1), (10, 2)])
def test_traffic_light_is_basels_table(defaults, zone):
    """Basel Committee (1996), table 2: 250 days at 1 %; green to 4, yellow 5 to 9, red from 10."""
    found = grades.traffic_light(score=np.full(250, 0.01), label=np.arange(250) < defaults)
    assert found.value == zone


def test_a_grade_without_defaults_is_green():
    found = grades.traffic_light(score=np.full(10, 0.001), label=np.zeros(10, dtype=bool))
    assert found.value == 0


@pytest.mark.parametrize(
    ("confidence", "wanted"),
    [(0.5, (0.0009, 0.0010, 0.0023)), (0.9, (0.0029, 0.0033, 0.0076)), (0.99, (0.0057, 0.0066, 0.0152))],
)
def test_low_default_pd_is_pluto_and_tasches_table(confidence, wanted):
    """Pluto and Tasche (2005), table 1: grades of 100, 400, 300 rows without a default."""
    score, label = np.repeat([0.001, 0.002, 0.003], [100, 400, 300]), np.zeros(800, dtype=bool)
    rows = grades.low_default_pd(score=score, label=label, confidence=confidence).tables["grades"]
    assert tuple(round(row["bound"], 4) for row in rows) == wanted


def test_row_order_changes_no_byte():
    order = np.random.default_rng(1).permutation(800)
    for check in (tests.ece, tests.slope, tests.hosmer_lemeshow, tests.spiegelhalter, grades.low_default_pd):
        moved = check(score=SCORE[order], label=LABEL[order])
        assert repr(check(score=SCORE, label=LABEL)) == repr(moved)
