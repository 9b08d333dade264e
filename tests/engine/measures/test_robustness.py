"""Noise, directions, blanks, extremes, weak segments and second copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import fisher_exact, norm

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measures.robustness import monotonicity, perturbation_flip_rate
from apps.engine.measures.robustness_input import extreme_input, missing_input
from apps.engine.measures.robustness_segments import implementation_equivalence, weak_segments
from tests.engine.explain.test_tree_shap import table
from tests.engine.measures.test_explainability import columns as named
from tests.engine.measures.test_explainability import trained
from tests.engine.measures.test_explainability_shape import Formula

MODEL = Weighted({"a": 1.0})


def test_flips_happen_as_often_as_the_normal_law_says() -> None:
    x = np.linspace(-1, 1, 2000)
    made = perturbation_flip_rate(model=MODEL, features=Columns.of(a=x), threshold=0.0, noise=0.5, draws=50)
    expected = norm.cdf(-np.abs(x) / (0.5 * x.std())).mean()
    assert made.value == pytest.approx(expected, abs=0.01)
    assert made.interval is not None
    assert made.interval[0] < expected < made.interval[1]


def test_no_noise_turns_nothing_and_only_named_features_are_disturbed() -> None:
    rows = Columns.of(a=np.linspace(-1, 1, 50), b=np.linspace(1, -1, 50))
    model = Weighted({"a": 1.0, "b": 0.0})
    assert perturbation_flip_rate(model=model, features=rows, threshold=0.0, noise=0).value == 0.0
    made = perturbation_flip_rate(model=model, features=rows, threshold=0.0, noise=1.0, only=["b"])
    assert (made.value, [r["feature"] for r in made.tables["features"]]) == (0.0, ["b"])


def test_the_threshold_is_read_from_the_decisions() -> None:
    rows = Columns.of(a=[0.0, 1.0, 2.0, 3.0])
    made = perturbation_flip_rate(model=MODEL, features=rows, predicted=np.array([False, False, True, True]))
    assert made.parameters["threshold"] == 2.0
    for predicted, match in (
        ([True, False, True, True], "one threshold"),
        ([True] * 4, "same"),
        (None, "No thr"),
    ):
        with pytest.raises(Unmeasurable, match=match):
            perturbation_flip_rate(
                model=MODEL, features=rows, predicted=None if predicted is None else np.array(predicted)
            )


def test_a_bend_against_the_direction_is_found_in_the_rows_that_have_it() -> None:
    bent = Formula("ab", lambda m: np.where(m[:, 1] > 0, m[:, 0], -m[:, 0]))
    rows = Columns.of(a=[0.0, 1.0, 2.0, 3.0], b=[1.0, 1.0, 1.0, -1.0])
    made = monotonicity(model=bent, features=rows, increasing=["a"])
    assert made.value == 0.25
    assert made.tables["features"][0]["largest"] == 3.0
    assert monotonicity(model=bent, features=rows, decreasing=["a"]).value == 0.75
    assert monotonicity(model=bent, features=rows, increasing=["a"], tolerance=3.0).value == 0.0


def test_a_constrained_booster_keeps_its_direction(tmp_path: Path) -> None:
    import xgboost

    from apps.engine.artifacts import open_model
    from apps.engine.inputs import Artifact

    x, y = table(800, 5, holes=0.0)
    data = xgboost.DMatrix(x, y, feature_names=list("abcde"))
    settings = {"objective": "binary:logistic", "monotone_constraints": "(1,0,0,0,0)"}
    xgboost.train(settings, data, 20).save_model(tmp_path / "m.json")
    model = open_model(Artifact(tmp_path / "m.json", "xgboost", ""), tuple("abcde"))
    assert monotonicity(model=model, features=named(x), increasing=["a"], rows=200).value == 0.0
    assert monotonicity(model=model, features=named(x), increasing=["b"], rows=200).value > 0.5


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({}, "No direction"),
        ({"increasing": ["z"]}, '"z" is no feature'),
        ({"decreasing": ["t"]}, "no numbers"),
    ],
)
def test_directions_that_make_no_sense_are_bad_input(more: dict[str, list[str]], match: str) -> None:
    rows = Columns.of(a=[1.0, 2.0], t=["x", "y"])
    with pytest.raises(BadInput, match=match):
        monotonicity(model=Formula("at", lambda m: m[:, 0]), features=rows, **more)


def test_a_blank_that_gives_no_number_counts(tmp_path: Path) -> None:
    half = Formula("ab", lambda m: m[:, 0] + np.nan_to_num(m[:, 1]))
    made = missing_input(model=half, features=Columns.of(a=[1.0, 2.0], b=[1.0, 2.0]))
    assert (made.value, [r["outcome"] for r in made.tables["features"]]) == (0.5, ["not finite", "scored"])
    x, y = table(300, 5, holes=0.0)
    refused = missing_input(model=trained(tmp_path, "linear", x, y), features=named(x))
    assert (refused.value, refused.tables["features"][0]["outcome"]) == (1.0, "refused")
    assert missing_input(model=trained(tmp_path, "xgboost", x, y), features=named(x)).value == 0.0


def test_extremes_that_leave_the_unit_interval_count() -> None:
    rows = Columns.of(a=[0.25, 0.75])
    made = extreme_input(model=MODEL, features=rows)
    assert [r["value"] for r in made.tables["probes"]] == [-4.75, 5.75, -1e30, 1e30]
    assert made.value == 1.0
    squashed = Formula("a", lambda m: 1 / (1 + np.exp(-np.clip(m[:, 0], -50, 50))))
    assert extreme_input(model=squashed, features=rows).value == 0.0


def test_a_weak_segment_is_found_by_the_exact_test() -> None:
    r = np.random.default_rng(0)
    region = r.choice(["north", "south", "west"], 900)
    truth = r.random(900) < 0.5
    wrong = r.random(900) < np.where(region == "south", 0.4, 0.1)
    rows = Columns.of(region=list(region), age=r.normal(size=900))
    made = weak_segments(features=rows, label=truth, predicted=truth ^ wrong)
    first = made.tables["segments"][0]
    assert (made.value, first["segment"]) == (1.0, "south")
    inside = region == "south"
    counts = [
        [(wrong & inside).sum(), (~wrong & inside).sum()],
        [(wrong & ~inside).sum(), (~wrong & ~inside).sum()],
    ]
    assert first["p_value"] == pytest.approx(fisher_exact(counts, alternative="greater").pvalue)
    assert made.parameters["comparisons"] == 7


def test_missing_values_are_a_segment_and_small_ones_are_not_tested() -> None:
    age = [None] * 60 + [1.0] * 60 + [2.0] * 10
    wrong = np.arange(130) < 60
    made = weak_segments(features=Columns.of(age=age), label=wrong, predicted=~wrong & wrong)
    assert [r["segment"] for r in made.tables["segments"]] == ["(missing)", "1"]
    with pytest.raises(Unmeasurable, match="No segment has 50 rows") as caught:
        weak_segments(features=Columns.of(a=[1.0]), label=np.array([True]), predicted=np.array([True]))
    assert caught.value.status == "insufficient"


def test_chance_alone_is_rarely_called_weak() -> None:
    r = np.random.default_rng(7)
    found = 0
    for _ in range(60):
        rows = Columns.of(**{n: r.normal(size=400) for n in "abc"})
        truth = r.random(400) < 0.5
        found += weak_segments(features=rows, label=truth, predicted=truth ^ (r.random(400) < 0.2)).value > 0
    assert found <= 8  # 5 % of 60 is 3


def test_two_implementations_are_compared_row_by_row() -> None:
    score, column = np.array([0.1, 0.5, 0.9, np.nan]), np.array([0.1, 0.2, 0.9, np.nan])
    predicted = np.array([False, True, True, False])
    made = implementation_equivalence(score=score, score_column=column, predicted=predicted)
    assert made.value == pytest.approx(0.3)
    row = made.tables["differences"][0]
    assert (row["without_both"], row["turned_decisions"]) == (1, 1)
    assert row["share_beyond"] == pytest.approx(1 / 3)
    assert made.notes == ("1 of 4 rows have no finite score on either side and are not compared.",)


def test_a_row_that_one_implementation_alone_scores_is_no_equivalence() -> None:
    with pytest.raises(Unmeasurable, match="1 of 2 rows have a finite score from one implementation only"):
        implementation_equivalence(score=np.array([0.5, np.nan]), score_column=np.array([0.5, 0.3]))


def test_without_a_second_score_there_is_a_reason() -> None:
    with pytest.raises(Unmeasurable, match="no score column"):
        implementation_equivalence(score=np.array([0.5]), score_column=None)
    with pytest.raises(Unmeasurable, match="both"):
        implementation_equivalence(score=np.array([0.5]), score_column=np.array([np.nan]))


@pytest.mark.parametrize("check", [perturbation_flip_rate, monotonicity, missing_input, extreme_input])
def test_without_a_model_or_rows_there_is_a_reason(check: object) -> None:
    more = {"increasing": ["a"]} if check is monotonicity else {}
    with pytest.raises(Unmeasurable, match="no artifact"):
        check(model=None, features=Columns.of(a=[1.0]), **more)  # type: ignore[operator]
    with pytest.raises(Unmeasurable, match="no rows"):
        check(model=MODEL, features=Columns.of(a=[]), **more)  # type: ignore[operator]


def test_order_of_rows_leaves_no_trace(tmp_path: Path) -> None:
    x, y = table(400, 5)
    model = trained(tmp_path, "lightgbm", x, y)
    turned = np.random.default_rng(1).permutation(400)
    one, two = named(x), named(x[turned])
    for check, more in (
        (perturbation_flip_rate, {"threshold": 0.5, "rows": 100, "draws": 3}),
        (monotonicity, {"increasing": ["a"], "rows": 100}),
        (missing_input, {"rows": 100}),
        (extreme_input, {"rows": 100}),
    ):
        assert check(model=model, features=one, **more) == check(model=model, features=two, **more)
