"""Judged answers: the share that passes, its interval over cases, repeats and judges."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures.generative import pass_rate


def judged(passes: list[list[int]], *, judges: int = 1, **columns: Any) -> Columns:
    """A row for each case, repeat and judge; `passes[case][repeat]`."""
    rows = [(c, r, j, p) for c, of in enumerate(passes) for r, p in enumerate(of) for j in range(judges)]
    made = {
        "case_id": [f"c{c}" for c, *_ in rows],
        "repeat": [r for _, r, *_ in rows],
        "judge_id": [f"judge-{j}" for *_, j, _ in rows],
        "prompt_digest": [f"sha256:{c}" for c, *_ in rows],
        "passed": ["yes" if p else "no" for *_, p in rows],
        **columns,
    }
    return Columns.of(**made)


# Four cases in three repeats: 3, 3, 2 and 1 passes. p = 9/12 = 3/4. The sum of (k - p m)² is
# 9/16 + 9/16 + 1/16 + 25/16 = 44/16; the variance 4/3 · 44/16 / 144 = 11/432; the effective size
# (3/16) / (11/432) = 81/11.
FOUR = [[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]]


def test_the_share_and_its_effective_size_as_worked_by_hand():
    found = pass_rate(columns=judged(FOUR))
    assert found.exact == Fraction(3, 4)
    assert found.parameters["effective_size"] == pytest.approx(81 / 11, abs=1e-12)
    assert found.interval == wilson(0.75 * 81 / 11, 81 / 11)
    assert found.parameters["spread"] == 0.5  # the repeats pass 4, 3 and 2 of 4
    assert [row["share"] for row in found.tables["repeats"]] == [1.0, 0.75, 0.5]


def test_repeats_of_one_case_are_no_new_cases():
    """Where repeats never differ there are as many answers as cases, less one for the mean."""
    alike = [[c % 2] * 5 for c in range(20)]
    assert pass_rate(columns=judged(alike)).parameters["effective_size"] == pytest.approx(19)
    single = pass_rate(columns=judged([[c % 2] for c in range(20)]), min_repeats=1)
    assert pass_rate(columns=judged(alike)).interval == pytest.approx(single.interval)


def test_all_that_pass_count_as_many_as_there_are_cases():
    found = pass_rate(columns=judged([[1, 1, 1]] * 30))
    assert (found.value, found.parameters["effective_size"]) == (1.0, 30.0)
    assert found.interval[0] < 0.9


def test_judges_that_agree_and_judges_that_do_not():
    assert pass_rate(columns=judged(FOUR, judges=2)).parameters["agreement"] == 1.0
    assert pass_rate(columns=judged(FOUR)).parameters["agreement"] is None
    table = judged([[1, 1, 1], [0, 0, 0]], judges=2, passed=["yes", "no"] * 3 + ["no"] * 6)
    assert pass_rate(columns=table).parameters["agreement"] == 0.5


@pytest.mark.parametrize(
    ("passes", "more", "status", "said"),
    [
        (FOUR, {"bound": 0.75}, "insufficient", "from 0.5 to 1, on both sides of 0.75"),
        (FOUR, {"min_repeats": 4}, "insufficient", 'tried in fewer than 4 repeats, such as "c0" in 3'),
        ([[1, 1, 1]], {}, "insufficient", "one case only"),
        ([], {}, "insufficient", "no rows"),
    ],
)
def test_what_is_no_evidence_has_no_number(passes, more, status, said):
    with pytest.raises(Unmeasurable, match=said) as refused:
        pass_rate(columns=judged(passes), **more)
    assert refused.value.status == status


@pytest.mark.parametrize("bound", [0.5, 1.0 + 1e-9, 0.2])
def test_a_bound_beside_all_repeats_leaves_the_number(bound):
    assert pass_rate(columns=judged(FOUR), bound=bound).value == 0.75


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("passed", ["yes", None, "yes"] * 4, 'The outcome \\("passed"\\) is missing in 4 of 12 rows'),
        ("judge_id", [None] * 12, 'The judge \\("judge_id"\\) is missing in 12 of 12 rows'),
        ("prompt_digest", [str(i) for i in range(12)], "4 cases were asked with more than one prompt"),
    ],
)
def test_answers_without_their_origin_have_no_number(column, values, said):
    with pytest.raises(Unmeasurable, match=said):
        pass_rate(columns=judged(FOUR, **{column: values}))


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(BadInput, match='no column "verdict"'):
        pass_rate(columns=judged(FOUR), passed="verdict")


def test_counted_rows_are_the_rows_written_out():
    table, times = judged(FOUR), np.arange(1, 13)
    written = {
        name: [v for v, t in zip(_texts(table, name), times, strict=True) for _ in range(t)] for name in table
    }
    assert pass_rate(columns=table, count=times) == pass_rate(columns=Columns.of(**written))


def _texts(table: Columns, name: str) -> list[str]:
    coded = table[name].coded()
    return [coded.levels[code] for code in coded.codes]
