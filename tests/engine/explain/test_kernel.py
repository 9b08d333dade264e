"""Kernel SHAP: the definition where all coalitions fit, close to it where they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.explain.kernel import coalitions, weighted
from tests.engine.explain.coalitions import interventional, shapley


def wavy(matrix: np.ndarray) -> np.ndarray:
    return np.sin(matrix[:, 0]) + matrix[:, 1] * matrix[:, 2] + (matrix[:, 3] > 0) * matrix[:, 0]


def data(features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    return source.normal(size=(4, features)), source.normal(size=(30, features))


@pytest.mark.parametrize("features", [4, 5, 6])
def test_all_coalitions_give_the_definition(features: int) -> None:
    rows, back = data(features)
    made = weighted(wavy, rows, back, seed=0)
    np.testing.assert_allclose(made.values, shapley(interventional(wavy, rows, back), features), atol=1e-10)
    assert (made.errors == 0).all()


def test_drawn_coalitions_are_close_additive_and_not_called_exact() -> None:
    rows, back = data(9)
    exact = weighted(wavy, rows, back, seed=0)
    drawn = weighted(wavy, rows, back, seed=0, samples=200)
    np.testing.assert_allclose(drawn.base + drawn.values.sum(1), wavy(rows), atol=1e-12)
    assert 0 < np.abs(drawn.values - exact.values).max() < 0.15
    assert np.isnan(drawn.errors).all()


def test_a_linear_function_is_exact_however_few_the_coalitions() -> None:
    rows, back = data(12)
    weight = np.arange(12.0)
    made = weighted(lambda m: (m * weight).sum(1), rows, back, seed=3, samples=64)
    np.testing.assert_allclose(made.values, weight * (rows - back.mean(0)), atol=1e-9)


def test_an_unused_feature_gets_nothing_and_equal_ones_the_same() -> None:
    rows, back = data(5)
    rows[:, 1], back[:, 1] = rows[:, 0], back[:, 0]
    made = weighted(lambda m: np.abs(m[:, 0] + m[:, 1]), rows, back, seed=0)
    np.testing.assert_allclose(made.values[:, 2:], 0, atol=1e-12)
    np.testing.assert_allclose(made.values[:, 0], made.values[:, 1], atol=1e-12)


def test_the_library_of_the_authors_gives_the_same() -> None:
    shap = pytest.importorskip("shap")
    rows, back = data(6)
    explainer = shap.KernelExplainer(wavy, back)
    wanted = explainer.shap_values(rows, nsamples=10_000, silent=True, l1_reg=False)
    np.testing.assert_allclose(weighted(wavy, rows, back, seed=0).values, wanted, atol=1e-8)


def test_weights_are_the_shapley_kernel_and_drawn_ones_keep_its_mass() -> None:
    masks, weights, exact = coalitions(8, 10_000, 0)
    assert (len(masks), exact) == (2**8 - 2, True)
    few, shares, whole = coalitions(8, 60, 0)
    assert not whole
    assert len(few) <= 60
    assert shares.sum() == pytest.approx(weights.sum())


def test_one_feature_takes_all_and_calls_are_batched() -> None:
    made = weighted(lambda m: m[:, 0] ** 2, np.array([[3.0]]), np.array([[1.0], [2.0]]), seed=0)
    assert (made.values.tolist(), made.base) == ([[6.5]], 2.5)
    calls: list[int] = []
    rows, back = data(6)
    weighted(lambda m: calls.append(len(m)) or m[:, 0], rows, back, seed=0)
    assert len(calls) == 2 + len(rows)
