"""Drawing cells is drawing rows: moments, quantiles, and what is said of draws that are undefined."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.resample import Drawn, cell_draws, drawn, drawn_values, quantiles
from apps.engine.resources import using


def shares(cells: np.ndarray) -> np.ndarray:
    return cells[:, 1] / cells.sum(axis=1)


def test_the_moments_of_the_cells_are_those_of_a_multinomial():
    counts = np.array([50, 30, 20])
    found = cell_draws(counts, seed=1, draws=20_000)
    p = counts / 100
    assert found.mean(axis=0) == pytest.approx(counts, abs=0.2)
    assert np.cov(found.T) == pytest.approx(100 * (np.diag(p) - np.outer(p, p)), abs=0.6)


def test_rows_are_drawn_where_cells_are_as_many():
    counts = np.random.default_rng(0).integers(1, 4, 5000)
    found = cell_draws(counts, seed=1, draws=400)
    assert (found.sum(axis=1) == counts.sum()).all()
    assert (found.var(axis=0) / counts).mean() == pytest.approx(1, abs=0.02)
    assert found.mean(axis=0) == pytest.approx(counts, abs=6 * np.sqrt(3 / 400))


def test_many_cells_give_the_same_bytes_on_any_threads():
    counts = np.random.default_rng(0).integers(100, 400, (3000, 2))
    with using(threads=1):
        wanted = drawn_values(counts, lambda cells: cells[:, :, 1].max(axis=1), seed=5)
    with using(threads=4):
        found = drawn_values(counts, lambda cells: cells[:, :, 1].max(axis=1), seed=5)
    assert found.tolist() == wanted.tolist()
    assert len(set(found.tolist())) > 5


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_quantiles_are_numpys(confidence):
    values = np.random.default_rng(2).normal(size=(7, 3, 501))
    tail = (1 - confidence) / 2
    wanted = np.quantile(values, [tail, 1 - tail], axis=-1)
    low, high, undefined = quantiles(values.copy(), confidence)
    assert (low == wanted[0]).all()
    assert (high == wanted[1]).all()
    assert undefined.sum() == 0


def test_quantiles_go_over_the_defined_draws_and_above_one_percent_are_none():
    values = np.arange(1000.0)
    few, many = values.copy(), values.copy()
    few[-10:], many[-11:] = np.nan, np.nan
    low, high, undefined = quantiles(np.stack((few, many)), 0.9)
    assert (low[0], high[0]) == pytest.approx(tuple(np.quantile(few[:-10], [0.05, 0.95])))
    assert np.isnan([low[1], high[1]]).all()
    assert undefined.tolist() == [10, 11]


def test_draws_that_are_undefined_are_told():
    draws = Drawn(np.array([1.0] * 995 + [np.nan] * 5))
    assert draws.percentile(0.95) == (1.0, 1.0)
    assert draws.notes() == ["The interval leaves out 5 of 1,000 draws in which the figure is undefined."]
    none = Drawn(np.full(1000, np.nan))
    assert (none.percentile(0.95), none.moved(0.3, 0.95)) == (None, None)
    assert none.notes() == ["No interval: 1,000 of 1,000 draws leave the figure undefined, more than 1%."]


def test_an_interval_moved_by_its_bias_holds_the_value():
    found = Drawn(np.linspace(1, 2, 1000)).moved(0.2, 0.9)
    assert found == pytest.approx((0.0, 0.65), abs=1e-3)


def test_weights_draw_kishs_size():
    heavy = drawn(np.array([500.0, 500.0]), shares, seed=3, effective=100.0).percentile(0.95)
    light = drawn(np.array([50, 50]), shares, seed=3).percentile(0.95)
    assert heavy == pytest.approx(light)
