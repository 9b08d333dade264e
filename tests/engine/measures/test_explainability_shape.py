"""Partial dependence, interactions and the small tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence as theirs

from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measures.explainability_shape import interaction, partial_dependence, surrogate_fidelity


class Formula:
    """Any function of a matrix as a model."""

    format = "formula"
    path = Path()

    def __init__(self, features: str, function: Callable[[FloatArray], FloatArray]) -> None:
        self.features = tuple(features)
        self.score_matrix = function

    def score(self, features: Columns) -> FloatArray:
        return self.score_matrix(np.stack([features[f].numbers() for f in self.features], axis=1))


def columns(x: np.ndarray, names: str = "abc") -> Columns:
    return Columns.of(**{n: x[:, j] for j, n in enumerate(names)})


def data(rows: int = 300) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, 3))


def test_partial_dependence_agrees_with_scikit_learn() -> None:
    x = np.round(data(), 1)
    forest = RandomForestRegressor(10, random_state=0).fit(x, x[:, 0] * x[:, 1])
    expected = theirs(forest, x, [0], method="brute", custom_values={0: np.unique(x[:, 0])})
    made = partial_dependence(
        model=Formula("abc", forest.predict), features=columns(x), feature="a", grid=999
    )
    np.testing.assert_allclose([r["mean"] for r in made.tables["curve"]], expected["average"][0], atol=1e-12)
    assert made.value == pytest.approx(np.ptp(expected["average"][0]))


def test_partial_dependence_of_a_category_visits_every_level() -> None:
    class Texts(Formula):
        def score(self, features: Columns) -> FloatArray:
            coded = features["job"].coded()
            worth = {"clerk": 1.0, "smith": 3.0}
            return np.array([worth[coded.levels[c]] for c in coded.codes])

    rows = Columns.of(job=["smith", "clerk", "clerk"])
    made = partial_dependence(model=Texts("j", lambda m: m[:, 0]), features=rows, feature="job")
    assert [(r["value"], r["mean"]) for r in made.tables["curve"]] == [("clerk", 1.0), ("smith", 3.0)]


def test_a_feature_that_is_not_there_or_has_no_value_has_a_reason() -> None:
    with pytest.raises(BadInput, match='"z" is no feature of the model; it has a'):
        partial_dependence(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0]), feature="z")
    with pytest.raises(Unmeasurable, match="no value"):
        partial_dependence(model=Weighted({"a": 1.0}), features=Columns.of(a=[None, None]), feature="a")


def test_h_squared_is_nothing_for_sums_and_finds_the_pair_that_multiplies() -> None:
    x = data(60)
    added = interaction(model=Weighted({"a": 1.0, "b": 1.0, "c": 1.0}), features=columns(x))
    assert added.value == pytest.approx(0, abs=1e-12)
    product = interaction(model=Formula("abc", lambda m: m[:, 0] * m[:, 2] + m[:, 1]), features=columns(x))
    assert (product.tables["pairs"][0]["first"], product.tables["pairs"][0]["second"]) == ("a", "c")
    assert product.value > 0.8


def test_h_squared_by_its_definition() -> None:
    x = data(12)

    def function(m: np.ndarray) -> np.ndarray:
        return m[:, 0] * m[:, 1] + m[:, 2]

    def curve(fixed: list[int]) -> np.ndarray:
        made = []
        for row in x:
            mixed = x.copy()
            mixed[:, fixed] = row[fixed]
            made.append(function(mixed).mean())
        return np.array(made) - np.mean(made)

    joint = curve([0, 1])
    expected = ((joint - curve([0]) - curve([1])) ** 2).sum() / (joint**2).sum()
    made = interaction(model=Formula("abc", function), features=columns(x), among=["a", "b"])
    assert made.value == pytest.approx(min(1.0, expected))


def test_a_constant_score_has_no_pairs() -> None:
    with pytest.raises(Unmeasurable, match="no pair"):
        interaction(model=Weighted({"a": 0.0, "b": 0.0}), features=Columns.of(a=[1.0, 2.0], b=[1.0, 3.0]))


def test_a_tree_reproduces_steps_and_says_its_rules() -> None:
    x = data(500)
    made = surrogate_fidelity(score=(x[:, 0] > 0).astype(float), features=columns(x), depth=2)
    assert made.value > 0.97
    assert made.tables["rules"][0]["rule"].startswith("a <= ")
    noise = surrogate_fidelity(score=np.random.default_rng(1).random(500), features=columns(x))
    assert noise.value < 0.1


def test_a_tree_reads_categories_and_missing_values() -> None:
    rows = Columns.of(job=["clerk", "smith"] * 50, age=[1.0, None] * 50)
    made = surrogate_fidelity(score=np.array([0.0, 1.0] * 50), features=rows)
    assert made.value == pytest.approx(1.0)


def test_order_of_rows_leaves_no_trace() -> None:
    x = data(200)
    turned = np.random.default_rng(5).permutation(200)
    model = Formula("abc", lambda m: np.tanh(m[:, 0]) * m[:, 1])
    score = model.score_matrix(x)
    first = surrogate_fidelity(score=score, features=columns(x), rows=150)
    assert first == surrogate_fidelity(score=score[turned], features=columns(x[turned]), rows=150)
    assert interaction(model=model, features=columns(x), rows=50) == interaction(
        model=model, features=columns(x[turned]), rows=50
    )


@pytest.mark.parametrize(
    ("score", "status"), [([1.0] * 9, "undefined"), ([1.0, 2.0], "insufficient"), ([], "insufficient")]
)
def test_what_cannot_be_reproduced_has_a_reason(score: list[float], status: str) -> None:
    with pytest.raises(Unmeasurable) as caught:
        surrogate_fidelity(score=np.array(score), features=Columns.of(a=np.arange(float(len(score)))))
    assert caught.value.status == status


class Forest(Formula):
    """A forest whose inside can be read."""

    format = "skops"

    def __init__(self, features: str, estimator: RandomForestRegressor) -> None:
        super().__init__(features, estimator.predict)
        self.estimator = estimator


def test_shapley_interactions_find_the_pair_and_need_trees() -> None:
    x = data()
    product = RandomForestRegressor(30, max_depth=6, random_state=0).fit(x, x[:, 0] * x[:, 2] + 0.1 * x[:, 1])
    made = interaction(model=Forest("abc", product), features=columns(x), kind="shapley")
    pairs = made.tables["pairs"]
    assert (pairs[0]["first"], pairs[0]["second"], len(pairs)) == ("a", "c", 3)
    assert 0.3 < made.value < 1
    stumps = RandomForestRegressor(30, max_depth=1, random_state=0).fit(x, x[:, 0] + x[:, 1])
    alone = interaction(model=Forest("abc", stumps), features=columns(x), kind="shapley", among=["a", "b"])
    assert alone.value == pytest.approx(0, abs=1e-6)
    with pytest.raises(Unmeasurable, match="need the model's trees"):
        interaction(model=Weighted({"a": 1.0, "b": 1.0, "c": 1.0}), features=columns(x), kind="shapley")
