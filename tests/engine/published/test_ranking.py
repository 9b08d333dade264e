"""Ranking and calibration against printed tables and the examples of manuals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.intervals import normal
from apps.engine.measures import calibration_tests as tests
from apps.engine.measures import ranking
from apps.engine.measures.calibration import brier
from apps.engine.measures.performance import auc
from apps.engine.measures.performance_decisions import mcc
from apps.engine.measures.performance_losses import log_loss, mae, r2, rmse
from apps.engine.measures.performance_ranking import average_precision
from apps.engine.measures.stability import psi
from apps.engine.measures.stability_shifts import chi_square_shift
from tests.engine.published.printed import printed

MANUAL = "scikit-learn's manual, example of "
DOCSTRING = "the docstring of version 1.9.1"


@printed("performance.auc", "performance.gini", source="Hanley, McNeil (1982), Radiology 143, 29-36, table I",
         what="area 0.893 of 58 normal and 51 abnormal images on five ratings",
         seen="counts and area, quoted by a public library's test")  # fmt: skip
def test_hanley_and_mcneils_ratings():
    ratings = np.arange(1.0, 6.0)
    score = np.concatenate((np.repeat(ratings, [33, 6, 6, 11, 2]), np.repeat(ratings, [3, 2, 2, 11, 33])))
    label = np.repeat([False, True], [58, 51])
    assert round(auc(score=score, label=label).value, 3) == 0.893


# aSAH, nucleoside diphosphate kinase A: how many of 41 poor outcomes lie between control k and the next.
BETWEEN = {
    1: 1, 3: 3, 12: 1, 18: 2, 20: 1, 24: 1, 29: 1, 31: 1, 37: 3, 38: 1, 40: 1, 45: 1, 49: 1, 51: 2, 52: 2,
    55: 2, 58: 1, 62: 4, 64: 1, 67: 4, 69: 1, 70: 1, 71: 1, 72: 1,
}  # fmt: skip


@printed("performance.auc", source="Robin et al. (2011), pROC, BMC Bioinformatics 12, 77: aSAH, "
         "NDKA of 113 patients",
         what="area 0.611957994579946, DeLong's 95 % interval 0.501244999271703 to 0.722670989888189",
         seen="the curve's points, area and interval, in pROC's own tests")  # fmt: skip
def test_delongs_interval_is_procs():
    """The ranks are read off the printed curve; two controls tie, and three cases tie with a control."""
    controls = np.arange(1.0, 73.0)
    controls[21] = controls[22]
    between = np.repeat([k + 0.5 for k in BETWEEN], list(BETWEEN.values()))
    score = np.concatenate((controls, between, [25.0, 47.0, 55.0]))
    found = ranking.rank(score, np.arange(113) >= 72)
    area = auc(score=score, label=np.arange(113) >= 72)
    assert area.value == pytest.approx(0.611957994579946, abs=1e-15)
    low, high = normal(area.value, math.sqrt(found.variance))
    assert (low, high) == pytest.approx((0.501244999271703, 0.722670989888189), abs=1e-14)
    assert area.method.endswith("logit scale")  # with 41 in a class the check itself leaves the plain scale


@printed("performance.auc", source=MANUAL + "roc_auc_score, in older versions", what="0.75")
@printed(
    "performance.average_precision", source=MANUAL + "average_precision_score", what="0.83", seen=DOCSTRING
)
def test_four_rows_of_a_manual():
    rows = {"score": np.array([0.1, 0.4, 0.35, 0.8]), "label": np.array([False, False, True, True])}
    assert auc(**rows).value == 0.75
    assert round(average_precision(**rows).value, 2) == 0.83


@printed("performance.mcc", source=MANUAL + "matthews_corrcoef", what="-0.33", seen=DOCSTRING)
@printed("performance.log_loss", source=MANUAL + "log_loss", what="0.21616", seen=DOCSTRING)
@printed("performance.mae", source=MANUAL + "mean_absolute_error", what="0.5", seen=DOCSTRING)
@printed("performance.rmse", source=MANUAL + "root_mean_squared_error", what="0.612", seen=DOCSTRING)
@printed("performance.r2", source=MANUAL + "r2_score", what="0.948", seen=DOCSTRING)
def test_losses_of_a_manual():
    found = mcc(predicted=np.array([1, -1, 1, 1]) > 0, label=np.array([1, 1, 1, -1]) > 0)
    assert round(found.value, 2) == -0.33
    given = {"score": np.array([0.9, 0.1, 0.2, 0.65]), "label": np.array([True, False, False, True])}
    assert round(log_loss(**given).value, 5) == 0.21616
    numbers = {"score": np.array([2.5, 0.0, 2, 8]), "target": np.array([3, -0.5, 2, 7])}
    assert mae(**numbers).value == 0.5
    assert round(rmse(**numbers).value, 3) == 0.612
    assert math.floor(1000 * r2(**numbers).value) == 948  # the manual cuts, as its ellipsis says


@printed("calibration.brier", source="Brier (1950), Monthly Weather Review 78, 1-3: ten forecasts of rain",
         what="P = 0.19, summed over both classes; half of it for one")  # fmt: skip
def test_briers_own_ten_forecasts():
    rain = np.array([0.7, 0.9, 0.8, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.1])
    came = np.isin(np.arange(10), [1, 2, 3])
    assert 2 * brier(score=rain, label=came).value == pytest.approx(0.19)


def test_murphys_parts_of_briers_forecasts_by_hand():
    """Each distinct forecast a bin: reliability 0.095 - 0.21 + resolution, with uncertainty 0.3 · 0.7."""
    rain = np.array([0.7, 0.9, 0.8, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.1])
    came = np.isin(np.arange(10), [1, 2, 3])
    parts = brier(score=rain, label=came, binning="unique").tables["decomposition"][0]
    assert parts["uncertainty"] == pytest.approx(0.21)
    assert parts["resolution"] == pytest.approx(0.21)  # every bin is all rain or none
    assert parts["reliability"] == pytest.approx(0.095)


def test_spiegelhalters_z_by_hand():
    """Four forecasts: Σ (y - s)(1 - 2s) = 0.02 + 0.06 - 0.48 + 0.02 over √(2 · 0.0576 + 2 · 0.0336)."""
    found = tests.spiegelhalter(
        score=np.array([0.1, 0.3, 0.8, 0.6]), label=np.array([False, True, False, True])
    )
    top = -0.1 * 0.8 + 0.7 * 0.4 + -0.8 * -0.6 + 0.4 * -0.2
    bottom = 0.8**2 * 0.09 + 0.4**2 * 0.21 + 0.6**2 * 0.16 + 0.2**2 * 0.24
    assert found.parameters["statistic"] == pytest.approx(top / math.sqrt(bottom))


@printed("stability.chi_square_shift", source="Agresti (2007), An introduction to categorical data analysis, "
         "2nd ed., table 2.5: party identification by gender",
         what="X² = 30.1 on 2 df of 1,557 women and 1,200 men",
         seen="the counts, in R's example of chisq.test; 30.07015, in a public port of it")  # fmt: skip
def test_the_gender_gap():
    parties = ["Democrat", "Independent", "Republican"]
    women, men = (
        Columns.of(party=np.repeat(parties, n).tolist()) for n in ((762, 327, 468), (484, 239, 477))
    )
    row = chi_square_shift(features=women, reference_features=men).tables["features"][0]
    assert round(row["statistic"], 1) == 30.1
    assert (row["df"], row["p_value"] < 0.0001) == (2, True)


def test_psi_of_ten_bands_by_hand():
    """A stability report's arithmetic: Σ (a - e) ln(a / e), its terms rounded as a report prints them."""
    expected = np.array([8, 10, 9, 13, 11, 10, 9, 12, 11, 7])
    actual = np.array([7, 8, 7, 9, 11, 11, 10, 11, 11, 15])
    bands = np.arange(10.0)
    found = psi(
        score=np.repeat(bands, 10 * actual), reference_score=np.repeat(bands, 10 * expected), bins="unique"
    )
    terms = [0.0013, 0.0045, 0.0050, 0.0147, 0.0, 0.0010, 0.0011, 0.0009, 0.0, 0.0610]
    assert [round(a, 4) for a in (actual - expected) / 100 * np.log(actual / expected)] == terms
    assert found.value == pytest.approx(sum(terms), abs=2e-4)
