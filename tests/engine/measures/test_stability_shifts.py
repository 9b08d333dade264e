"""Shifts of features against scipy and hand-worked figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures import stability_shifts as shifts

SOURCE = np.random.default_rng(0)
OLD, NEW = SOURCE.normal(0, 1, 900), np.round(SOURCE.normal(0.2, 1.2, 700), 2)
THEN = Columns.of(x=OLD, y=np.zeros(900), s=["a"] * 500 + ["b"] * 400)
NOW = Columns.of(x=NEW, y=np.zeros(700), s=["a"] * 300 + ["b"] * 350 + ["c"] * 50)


def test_ks_shift_is_scipys():
    found = shifts.ks_shift(features=NOW, reference_features=THEN)
    wanted = stats.ks_2samp(NEW, OLD, method="asymp")
    assert found.parameters["worst"] == "x"
    assert found.value == pytest.approx(wanted.statistic, abs=1e-14)
    assert found.tables["features"][0]["p_value"] == pytest.approx(wanted.pvalue, rel=1e-9)


def test_the_limit_for_many_rows_meets_scipys_p_value():
    assert shifts.ks_p_value(0.01, 50_000, 50_000) == pytest.approx(stats.kstwo.sf(0.01, 25_000), abs=3e-4)


def test_wasserstein_is_scipys_over_the_standard_deviation():
    found = shifts.wasserstein(features=NOW, reference_features=THEN)
    assert found.value == pytest.approx(stats.wasserstein_distance(NEW, OLD) / OLD.std(ddof=1))
    moved = Columns.of(y=np.ones(5))
    with pytest.raises(Unmeasurable, match='Feature "y": all its reference values are equal'):
        shifts.wasserstein(features=moved, reference_features=Columns.of(y=np.zeros(5)))


def test_chi_square_shift_is_scipys():
    found = shifts.chi_square_shift(features=NOW, reference_features=THEN)
    wanted = stats.chi2_contingency([[500, 400, 0], [300, 350, 50]], correction=False)
    row = found.tables["features"][0]
    assert row["statistic"] == pytest.approx(wanted.statistic)
    assert row["p_value"] == pytest.approx(wanted.pvalue)
    assert found.value == pytest.approx(math.sqrt(wanted.statistic / 1600))


def test_csi_floors_a_new_level():
    found = shifts.csi(features=NOW, reference_features=THEN, columns=["s"])
    e, a = np.array([500, 400, 0.09]) / 900, np.array([300, 350, 50]) / 700
    assert found.value == pytest.approx(((a - e) * np.log(a / e)).sum())
    with pytest.raises(Unmeasurable, match='Feature "s": 1 of 3 bins'):
        shifts.csi(features=NOW, reference_features=THEN, columns=["s"], floor=None)


def test_missing_values_are_a_bin_and_a_shift():
    then, now = Columns.of(x=[1.0, 2.0, 3.0, None]), Columns.of(x=[1.0, 2.0, None, None])
    found = shifts.missing_rate_shift(features=now, reference_features=then)
    assert found.value == 0.25
    assert (
        shifts.csi(features=now, reference_features=then, bins="unique").tables["features"][0]["bins_made"]
        == 4
    )


def test_what_cannot_be_compared_is_named():
    with pytest.raises(BadInput, match='reference data have no feature "z"'):
        shifts.csi(features=Columns.of(z=[1.0]), reference_features=THEN)
    with pytest.raises(Unmeasurable, match="no numeric feature"):
        shifts.ks_shift(features=NOW, reference_features=THEN, columns=["s"])
    with pytest.raises(Unmeasurable, match="no rows"):
        shifts.csi(features=Columns.of(x=[]), reference_features=THEN)
