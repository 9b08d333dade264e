"""Sampled Shapley values: unbiased, additive, exact where they must be."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.explain.permutation import walked
from tests.engine.explain.coalitions import interventional, shapley


def wavy(matrix: np.ndarray) -> np.ndarray:
    return np.sin(matrix[:, 0]) + matrix[:, 1] * matrix[:, 2] + (matrix[:, 3] > 0) * matrix[:, 0]


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    return r.normal(size=(8, 5)), r.normal(size=(60, 5))


def test_values_add_up_exactly_for_any_number_of_walks() -> None:
    rows, back = data()
    made = walked(wavy, rows, back, seed=1)
    np.testing.assert_allclose(made.base + made.values.sum(1), wavy(rows), atol=1e-12)
    assert made.base == pytest.approx(wavy(back).mean())


def test_values_converge_to_the_definition_within_their_stated_error() -> None:
    rows, back = data()
    expected = shapley(interventional(wavy, rows, back), 5)
    made = walked(wavy, rows, back, seed=1, repeats=60)
    assert np.abs(made.values - expected).max() < 0.02
    off = np.abs(made.values - expected) / np.maximum(made.errors, 1e-9)
    assert (off[made.errors > 1e-9] < 5).all()


def test_an_unused_feature_gets_nothing_and_a_linear_model_its_closed_form() -> None:
    rows, back = data()
    assert (walked(wavy, rows, back, seed=0).values[:, 4] == 0).all()
    weight = np.array([1.0, -2.0, 0.0, 0.5, 3.0])
    made = walked(lambda m: (m * weight).sum(1), rows, back, seed=0)
    np.testing.assert_allclose(made.values, weight * (rows - back.mean(0)), atol=1e-12)


def test_one_feature_takes_all() -> None:
    made = walked(lambda m: m[:, 0] ** 2, np.array([[3.0]]), np.array([[1.0], [2.0]]), seed=0)
    assert (made.values.tolist(), made.base) == ([[6.5]], 2.5)


def test_the_same_seed_gives_the_same_bits_and_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, back = data()
    first = walked(wavy, rows, back, seed=5).values
    monkeypatch.setattr("apps.engine.explain.black_box.BATCH", 100)
    assert (walked(wavy, rows, back, seed=5).values == first).all()
    assert not (walked(wavy, rows, back, seed=6).values == first).all()
