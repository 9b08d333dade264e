from __future__ import annotations

import numpy as np
import pytest

from apps.engine.columns import Columns, FloatArray
from apps.engine.explain.examples import Weighted
from apps.engine.measures.explainability import additivity, explained, global_importance


class Counting(Weighted):
    """Counts how many rows it was asked to score."""

    scored = 0

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        self.scored += len(matrix)
        return super().score_matrix(matrix)


@pytest.fixture
def rows() -> Columns:
    rng = np.random.default_rng(5)
    return Columns.of(a=rng.normal(size=40).tolist(), b=rng.normal(size=40).tolist())


def test_two_checks_of_one_run_share_an_explanation(rows: Columns):
    model = Counting({"a": 1.0, "b": 2.0})
    first = global_importance(model=model, features=rows, draws=10)
    paid = model.scored
    second = additivity(model=model, features=rows)
    assert paid > 0
    assert model.scored == paid
    fresh = Weighted({"a": 1.0, "b": 2.0})
    assert additivity(model=fresh, features=rows) == second
    assert global_importance(model=fresh, features=rows, draws=10) == first


@pytest.mark.parametrize("change", [{"seed": 1}, {"rows": 7}, {"background_rows": 9}, {"space": "score"}])
def test_another_question_is_explained_anew(rows: Columns, change: dict[str, object]):
    model = Counting({"a": 1.0, "b": 2.0})
    explained(model=model, features=rows)
    paid = model.scored
    explained(model=model, features=rows, **change)
    assert model.scored > paid


def test_other_rows_are_explained_anew(rows: Columns):
    model = Counting({"a": 1.0, "b": 2.0})
    others = Columns.of(a=[0.0, 1.0], b=[1.0, 5.0])
    assert len(explained(model=model, features=rows)[0].rows) == 40
    assert len(explained(model=model, features=others)[0].rows) == 2


def test_changing_the_answer_does_not_change_what_is_kept(rows: Columns):
    model = Weighted({"a": 1.0, "b": 2.0})
    explained(model=model, features=rows)[1]["space"] = "changed"
    assert explained(model=model, features=rows)[1]["space"] != "changed"
