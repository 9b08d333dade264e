"""Stability of importance, and attribution on protected features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency, spearmanr

from apps.engine.columns import Coded, Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.measures.explainability import ranks
from apps.engine.measures.explainability_influence import (
    _cramer,
    importance_stability,
    protected_influence,
)
from tests.engine.explain.test_tree_shap import table
from tests.engine.measures.test_explainability import columns, trained

MODEL = Weighted({"a": 3.0, "b": 2.0, "c": 1.0})
RANDOM = np.random.default_rng(0)
ROWS = Columns.of(a=RANDOM.normal(size=300), b=RANDOM.normal(size=300), c=RANDOM.normal(size=300))


def test_a_clear_order_is_stable_and_a_reversed_one_is_not() -> None:
    assert importance_stability(model=MODEL, features=ROWS).value == pytest.approx(1.0, abs=0.01)
    reversed_order = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert importance_stability(model=MODEL, features=ROWS, previous=reversed_order).value == -1.0


def test_features_of_one_version_only_count_as_nothing_in_the_other() -> None:
    result = importance_stability(model=MODEL, features=ROWS, previous={"a": 3.0, "b": 2.0, "d": 1.0})
    mine, theirs = ([r[k] for r in result.tables["importances"]] for k in ("mean_abs", "previous"))
    assert theirs == [3.0, 2.0, 0.0, 1.0]
    assert result.value == pytest.approx(spearmanr(mine, theirs).statistic)


def test_ranks_agree_with_scipy() -> None:
    from scipy.stats import rankdata

    values = np.random.default_rng(1).integers(0, 9, 50).astype(float)
    assert ranks(values).tolist() == rankdata(values).tolist()


def test_noise_features_make_the_order_unstable(tmp_path: Path) -> None:
    x, y = table(600, 5, holes=0.0)
    result = importance_stability(
        model=trained(tmp_path, "lightgbm", x, y), features=columns(x), sample=30, draws=100
    )
    assert result.interval is not None
    assert -1 <= result.interval[0] < result.value < 1


@pytest.mark.parametrize("previous", [{}, {"a": "high"}, {"a": -1.0}])
def test_importances_that_are_no_numbers_are_bad_input(previous: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="previous must give a number"):
        importance_stability(model=MODEL, features=ROWS, previous=previous)


def test_one_feature_has_no_order() -> None:
    with pytest.raises(Unmeasurable, match="no order"):
        importance_stability(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0, 2.0]))


def people() -> tuple[Columns, Columns]:
    r = np.random.default_rng(2)
    sex = r.integers(0, 2, 400)
    features = Columns.of(
        height=sex * 2.0 + r.normal(size=400) * 0.3,
        income=r.normal(size=400),
        sex=[f"{s}" for s in sex],
    )
    return features.only(["height", "income"]), Columns.of(sex=[f"{s}" for s in sex])


def test_a_proxy_is_found_by_its_association_and_a_declared_one_by_its_name() -> None:
    features, protected = people()
    model = Weighted({"height": 1.0, "income": 1.0})
    found = protected_influence(model=model, features=features, protected=protected)
    rows = {r["feature"]: r for r in found.tables["features"]}
    assert rows["height"]["why"] == "associated with sex"
    assert (rows["income"]["counts"], found.value) == (False, rows["height"]["share"])
    declared = protected_influence(model=model, features=features, protected=protected, proxies=["income"])
    assert declared.value == pytest.approx(1.0)
    none = protected_influence(model=model, features=features, protected=protected, association=0.99)
    assert none.value == 0.0


def test_the_protected_attribute_itself_counts() -> None:
    rows = Columns.of(sex=[0.0, 1.0, 0.0, 1.0], b=[0.0, 0.0, 1.0, 1.0])
    result = protected_influence(
        model=Weighted({"sex": 1.0, "b": 1.0}), features=rows, protected=rows.only(["sex"])
    )
    assert result.value == pytest.approx(0.5)


def test_association_of_categories_is_cramers_v() -> None:
    r = np.random.default_rng(3)
    a, b = r.integers(0, 3, 500), r.integers(0, 2, 500)
    b = np.where(r.random(500) < 0.5, a % 2, b)
    counts = np.array([[((a == i) & (b == j)).sum() for j in range(2)] for i in range(3)])
    expected = np.sqrt(chi2_contingency(counts, correction=False).statistic / 500)
    assert _cramer(a, 3, b, 2) == pytest.approx(expected)
    assert _cramer(a, 3, np.zeros(500, int), 1) == 0.0


def test_without_attributes_or_with_an_unknown_proxy_there_is_a_reason() -> None:
    with pytest.raises(Unmeasurable, match="no protected attribute"):
        protected_influence(model=MODEL, features=ROWS, protected=Columns.of())
    with pytest.raises(BadInput, match='"z" is no feature'):
        protected_influence(model=MODEL, features=ROWS, protected=ROWS.only(["a"]), proxies=["z"])


def test_coding_of_the_attribute_leaves_no_trace() -> None:
    features, protected = people()
    model = Weighted({"height": 1.0, "income": 1.0})
    as_numbers = Columns.of(sex=[int(v) for v in _levels(protected["sex"].coded())])
    results = [
        protected_influence(model=model, features=features, protected=p) for p in (protected, as_numbers)
    ]
    assert results[0] == results[1]


def _levels(coded: Coded) -> list[str]:
    return [coded.levels[c] for c in coded.codes]
