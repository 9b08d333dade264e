"""Closed-form Shapley values of linear models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from apps.engine.explain import linear
from apps.engine.explain.refuse import Unreadable
from apps.engine.explain.sklearn_models import margin
from tests.engine.explain.test_tree_shap import table


def test_weights_of_a_scaled_regression_are_those_of_the_raw_features() -> None:
    x, y = table(500, 4, holes=0.0)
    x *= np.array([1.0, 1e4, 1e-3, 5.0])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    weight, constant = linear.weights(margin(pipeline), x)
    np.testing.assert_allclose(weight, pipeline[-1].coef_[0] / pipeline[0].scale_, rtol=1e-9)
    np.testing.assert_allclose(x @ weight + constant, pipeline.decision_function(x), rtol=1e-9)


def test_a_margin_with_a_bend_or_missing_values_is_refused() -> None:
    rows = np.linspace(-1, 1, 11)[:, None]
    with pytest.raises(Unreadable, match="not linear"):
        linear.weights(lambda m: np.abs(m[:, 0]), rows)
    with pytest.raises(Unreadable, match="missing"):
        linear.weights(lambda m: m[:, 0], np.array([[np.nan]]))


def test_values_are_weight_times_distance_from_the_mean() -> None:
    made = linear.values(np.array([2.0, -1.0]), np.array([[3.0, 0.0]]), np.array([[1.0, 2.0], [1.0, 4.0]]))
    assert made.tolist() == [[4.0, 3.0]]
