"""Means of contributions: weights, exact resampling, intervals that hold their value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measures.attribution import holding, resampled_means
from apps.engine.measures.explainability import global_importance
from apps.engine.measures.explainability_influence import importance_stability, protected_influence
from apps.engine.measures.explainability_reasons import reason_code_stability, reason_codes
from apps.engine.resources import using
from tests.engine.strict import strict

SOURCE = np.random.default_rng(0)
MODEL = Weighted({"a": 3.0, "b": 2.0, "c": -1.0})
TABLE = {name: SOURCE.normal(size=120).round(1) for name in "abc"}
BACK = Columns.of(**{name: SOURCE.normal(size=40) for name in "abc"})
WEIGHT = SOURCE.integers(1, 5, 120).astype(np.float64)
GROUP = ["f" if v > 0 else "m" for v in TABLE["a"]]


def rows(times: FloatArray | None = None) -> Columns:
    places = np.arange(120) if times is None else np.repeat(np.arange(120), times.astype(int))
    return Columns.of(**{name: values[places] for name, values in TABLE.items()})


def importance(features: Columns, weight: FloatArray | None = None, **_: object):
    return global_importance(
        model=MODEL, features=features, reference_features=BACK, weight=weight, draws=100
    )


def stability(features: Columns, weight: FloatArray | None = None, **_: object):
    previous = {"a": 0.5, "b": 0.6, "c": 0.1}
    return importance_stability(
        model=MODEL, features=features, reference_features=BACK, weight=weight, previous=previous, draws=40
    )


def influence(features: Columns, weight: FloatArray | None = None, **_: object):
    protected = Columns.of(g=["f" if v > 0 else "m" for v in features["a"].numbers()])
    return protected_influence(
        model=MODEL, features=features, reference_features=BACK, weight=weight, protected=protected, draws=100
    )


def reasons(features: Columns, weight: FloatArray | None = None, **_: object):
    return reason_codes(
        model=MODEL,
        features=features,
        reference_features=BACK,
        weight=weight,
        selected=MODEL.score(features) < 1.0,
        permitted=["a", "b"],
        most=3,
    )


def reasons_again(features: Columns, weight: FloatArray | None = None, **_: object):
    return reason_code_stability(
        model=MODEL,
        features=features,
        reference_features=BACK,
        weight=weight,
        selected=MODEL.score(features) < 1.0,
        draws=4,
    )


CHECKS = pytest.mark.parametrize("check", [importance, stability, influence, reasons, reasons_again])


@CHECKS
def test_equal_weights_change_nothing(check) -> None:
    assert check(rows(), np.full(120, 7.0)) == check(rows())


@CHECKS
def test_whole_weights_repeat_rows(check) -> None:
    assert check(rows(), WEIGHT).value == pytest.approx(check(rows(WEIGHT)).value, abs=1e-12)


@CHECKS
def test_the_order_of_rows_with_their_weights_leaves_no_trace(check) -> None:
    turned = np.random.default_rng(3).permutation(120)
    other = Columns.of(**{name: values[turned] for name, values in TABLE.items()})
    assert check(other, WEIGHT[turned]) == check(rows(), WEIGHT)


@CHECKS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_weights_that_are_none_are_undefined(check, bad: float) -> None:
    weight = np.where(np.arange(120) == 4, bad, 1.0)
    with pytest.raises(Unmeasurable, match="weight is missing, infinite or negative in 1 of 120 rows"):
        check(rows(), weight)


def test_weighted_importance_by_hand() -> None:
    data, back = Columns.of(a=[1.0, 3.0], b=[4.0, 0.0]), Columns.of(a=[0.0], b=[0.0])
    result = global_importance(
        model=Weighted({"a": 1.0, "b": 1.0}),
        features=data,
        reference_features=back,
        weight=np.array([1.0, 3.0]),
    )
    found = {row["feature"]: row["mean_abs"] for row in result.tables["attributions"]}
    assert found == pytest.approx({"a": 2.5, "b": 1.0})  # (1 + 3·3) / 4 and 4 / 4
    assert result.value == pytest.approx(2.5 / 3.5)
    assert "weighted mean |SHAP|" in str(result.method)


def test_importance_of_rows_without_weight_is_undefined() -> None:
    data = Columns.of(a=np.arange(4000.0))
    weight = np.zeros(4000)
    weight[5] = 1.0
    with pytest.raises(Unmeasurable, match="explained have no weight"):
        global_importance(model=Weighted({"a": 1.0}), features=data, weight=weight, rows=1, seed=2)


def test_resampling_is_the_plain_sum_over_drawn_rows() -> None:
    size = np.abs(SOURCE.normal(size=(50, 4))) * np.array([1.0, 1e-3, 1e3, 0.0])
    drawn = np.random.Generator(np.random.Philox([9, 1])).integers(0, 50, (7, 20))
    wanted = np.stack([size[places].mean(0) for places in drawn])
    np.testing.assert_allclose(resampled_means(size, 7, 9, sample=20), wanted, rtol=1e-9, atol=1e-10)


def test_resampling_gives_the_same_bytes_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    size = np.abs(SOURCE.normal(size=(300, 5)))
    here = resampled_means(size, 150, 1)
    monkeypatch.setattr("apps.engine.measures.attribution._WORTH_A_DEVICE", 1)
    monkeypatch.setattr("apps.engine.device._gpu", strict)
    monkeypatch.setattr("apps.engine.resources._used", {})
    with using(device="cuda"):
        assert (resampled_means(size, 150, 1) == here).all()
    turned = np.asfortranarray(size)
    assert (resampled_means(turned, 150, 1) == here).all()


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(-1, 1), st.floats(0.5, 0.99))
def test_an_interval_holds_its_value(drawn: list[float], value: float, confidence: float) -> None:
    ends = holding(value, np.array(drawn), confidence)
    assert ends is not None
    assert ends[0] <= value <= ends[1]


def test_draws_without_a_number_leave_no_interval() -> None:
    assert holding(0.5, np.array([0.5, np.nan]), 0.95) is None
    assert holding(0.5, np.array([]), 0.95) is None


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_scores_of_any_size_have_the_same_shares(size: float) -> None:
    model = Weighted({"a": 3.0 * size, "b": 2.0 * size, "c": -1.0 * size})
    plain = importance(rows())
    made = global_importance(model=model, features=rows(), reference_features=BACK, draws=100)
    assert made.value == pytest.approx(plain.value)
    assert made.interval == pytest.approx(plain.interval)


def test_features_of_any_size_have_the_same_associations() -> None:
    for size in (1e300, 1e-300, 1.0):
        data = Columns.of(a=np.where(np.arange(40) < 20, size, -size), b=np.arange(40.0))
        found = protected_influence(
            model=Weighted({"a": 0.0, "b": 1.0}),
            features=data,
            protected=Columns.of(g=["x"] * 20 + ["y"] * 20),
            draws=100,
        )
        by_name = {row["feature"]: row["association"] for row in found.tables["features"]}
        assert by_name["a"] == pytest.approx(1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, True, None, "x"])
def test_an_importance_that_is_no_number_is_named(value: object) -> None:
    with pytest.raises(BadInput, match='for "b" it gives'):
        importance_stability(model=MODEL, features=rows(), previous={"a": 1.0, "b": value})


def test_stability_lies_within_its_interval_even_where_few_draws_differ() -> None:
    data = Columns.of(a=[0.0] * 30 + [9.0], b=[0.0] * 15 + [1.0] * 16)
    for seed in range(8):
        made = importance_stability(model=Weighted({"a": 1.0, "b": 0.7}), features=data, seed=seed, draws=40)
        assert made.interval is None or made.interval[0] <= made.value <= made.interval[1]


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_not_finite_hurts_no_side(score: float) -> None:
    class Broken(Weighted):
        def score_matrix(self, matrix: FloatArray) -> FloatArray:
            return np.where(matrix[:, 0] > 0, score, super().score_matrix(matrix))

    data = Columns.of(a=[0.0, 0.0, 1.0])
    with pytest.raises(Unmeasurable, match=r"missing or infinite|not a finite number"):
        reason_codes(model=Broken({"a": 1.0}), features=data, selected=np.array([True, True, False]))


def test_decisions_that_are_not_as_many_as_rows_are_refused() -> None:
    with pytest.raises(BadInput, match="must be as many"):
        reason_codes(model=MODEL, features=rows(), selected=np.array([True, False]))


def test_reasons_of_scores_near_the_end_of_floating_point() -> None:
    data = Columns.of(debt=[0.0, 0.0, 0.5, 0.6], age=[1.0, 2.0, 1.0, 2.0])
    model = Weighted({"debt": 1e308, "age": 1.0})
    made = reason_codes(model=model, features=data, selected=np.array([True, True, False, False]))
    assert (made.value, made.parameters["hurts"]) == (1.0, "higher score")
