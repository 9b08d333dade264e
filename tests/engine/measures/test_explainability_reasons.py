"""One decision explained, and the reasons of adverse decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measures.explainability_reasons import local, reason_code_stability, reason_codes
from tests.engine.explain.test_tree_shap import table
from tests.engine.measures.test_explainability import NAMES, columns, trained

MODEL = Weighted({"debt": 2.0, "arrears": 1.0, "savings": -1.0, "inquiries": 0.1, "age": 0.0})
ROWS = Columns.of(
    debt=[0.0, 0.0, 5.0, 0.0],
    arrears=[0.0, 0.0, 4.0, 6.0],
    savings=[2.0, 2.0, 0.0, 2.0],
    inquiries=[0.0, 0.0, 4.0, 0.0],
    age=[30.0, 40.0, 50.0, 60.0],
)
GRANTED = np.array([True, True, False, False])


def reasons(**more: object) -> list[tuple[str, ...]]:
    result = reason_codes(model=MODEL, features=ROWS, selected=GRANTED, **more)  # type: ignore[arg-type]
    return [
        tuple(str(v) for k, v in row.items() if k.startswith("reason_")) for row in result.tables["examples"]
    ]


def test_one_row_by_hand() -> None:
    result = local(model=MODEL, features=ROWS, row=2)
    found = {row["feature"]: row["contribution"] for row in result.tables["attributions"]}
    assert found == pytest.approx({"debt": 7.5, "arrears": 1.5, "savings": 1.5, "inquiries": 0.3, "age": 0.0})
    assert result.value == pytest.approx(14.4)
    assert result.parameters["base"] + sum(found.values()) == pytest.approx(14.4)


def test_a_row_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no row 4; the data set has rows 0 to 3"):
        local(model=MODEL, features=ROWS, row=4)


def test_reasons_are_the_features_that_hurt_most_in_order() -> None:
    assert reasons() == [("arrears",), ("debt", "arrears", "savings", "inquiries")]


def test_ties_are_broken_by_name_and_counted() -> None:
    result = reason_codes(model=MODEL, features=ROWS, selected=GRANTED)
    assert result.parameters["ties_broken"] == 1  # arrears and savings hurt alike
    assert [row["tie_broken"] for row in result.tables["examples"]] == [False, True]


def test_at_most_so_many_and_inquiries_as_one_more() -> None:
    assert reasons(most=2)[1] == ("debt", "arrears")
    assert reasons(most=2, inquiries="inquiries") == [("arrears",), ("debt", "arrears", "inquiries")]


def test_only_permitted_reasons_count() -> None:
    all_of_them = ["debt", "arrears", "savings", "inquiries"]
    for permitted, share in ((all_of_them, 1.0), (["arrears"], 0.5), (["debt"], 0.0)):
        result = reason_codes(model=MODEL, features=ROWS, selected=GRANTED, permitted=permitted)
        assert result.value == share
    assert reason_codes(model=MODEL, features=ROWS, selected=GRANTED).value == 1.0


def test_the_near_cutoff_baseline_compares_with_those_just_approved() -> None:
    rows = Columns.of(debt=[0.0, 1.0, 8.0, 9.0], age=[0.0, 0.0, 0.0, 0.0])
    model = Weighted({"debt": 1.0, "age": 1.0})
    granted = np.array([True, True, True, False])
    near = reason_codes(model=model, features=rows, selected=granted, baseline="near_cutoff", near=1)
    average = reason_codes(model=model, features=rows, selected=granted)
    assert near.parameters["cutoff"] == 8.0
    assert near.tables["examples"][0]["contribution_1"] == pytest.approx(1.0)  # 9 - 8
    assert average.tables["examples"][0]["contribution_1"] == pytest.approx(4.5)  # 9 - 4.5


def test_a_lower_score_hurts_where_those_refused_score_lower() -> None:
    rows = Columns.of(points=[10.0, 9.0, 1.0], age=[1.0, 1.0, 1.0])
    result = reason_codes(
        model=Weighted({"points": 1.0, "age": 1.0}), features=rows, selected=np.array([True, True, False])
    )
    assert result.parameters["hurts"] == "lower score"
    assert result.tables["examples"][0]["reason_1"] == "points"


@pytest.mark.parametrize(("granted", "match"), [([True] * 4, "no adverse"), ([False] * 4, "no favourable")])
def test_one_kind_of_decision_is_insufficient(granted: list[bool], match: str) -> None:
    with pytest.raises(Unmeasurable, match=match) as caught:
        reason_codes(model=MODEL, features=ROWS, selected=np.array(granted))
    assert caught.value.status == "insufficient"


@pytest.mark.parametrize("more", [{"permitted": ["dept"]}, {"inquiries": "dept"}])
def test_a_name_that_is_no_feature_is_bad_input(more: dict[str, object]) -> None:
    with pytest.raises(BadInput, match='"dept" is no feature'):
        reasons(**more)


def test_equal_scores_on_both_sides_hurt_nobody() -> None:
    rows = Columns.of(a=[1.0, 1.0])
    with pytest.raises(Unmeasurable, match="no side hurts"):
        reason_codes(model=Weighted({"a": 1.0}), features=rows, selected=np.array([True, False]))


def test_reasons_of_a_booster_are_the_same_in_any_order_of_rows(tmp_path: Path) -> None:
    x, y = table(500, 5, holes=0.1)
    model = trained(tmp_path, "xgboost", x, y)
    granted = model.score(columns(x)) < 0.5
    turned = np.random.default_rng(0).permutation(len(x))
    for check in (reason_codes, reason_code_stability):
        first = check(model=model, features=columns(x), selected=granted, rows=80, seed=3)
        again = check(model=model, features=columns(x[turned]), selected=granted[turned], rows=80, seed=3)
        assert first == again
    assert set(NAMES) >= {row["feature"] for row in reason_codes(
        model=model, features=columns(x), selected=granted).tables["reasons"]}  # fmt: skip


def test_stable_reasons_overlap_wholly_and_a_tiny_background_moves_them(tmp_path: Path) -> None:
    x, y = table(500, 5, holes=0.0)
    model = trained(tmp_path, "lightgbm", x, y)
    granted = model.score(columns(x)) < 0.5
    values = [
        reason_code_stability(
            model=model, features=columns(x), selected=granted, rows=60, background_rows=size, draws=10
        ).value
        for size in (500, 8)
    ]
    assert 0.9 < values[0] <= 1.0
    assert values[1] < values[0]
