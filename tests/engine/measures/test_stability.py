"""Drift against hand-worked and simulated figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.stability import psi


def test_psi_by_hand():
    """Shares 0.5, 0.5 against 0.25, 0.75: -0.25 ln 0.5 + 0.25 ln 1.5 = 0.25 ln 3."""
    old, new = np.repeat([0.1, 0.2], 50), np.repeat([0.1, 0.2], [25, 75])
    found = psi(score=new, reference_score=old, bins="unique")
    assert found.value == pytest.approx(0.25 * math.log(3), abs=1e-15)
    assert [row["n"] for row in found.tables["bins"]] == [25, 75]


def test_psi_of_the_same_scores_is_zero():
    score = np.random.default_rng(0).random(1000)
    found = psi(score=score, reference_score=score)
    assert found.value == 0
    assert found.parameters["bins_made"] == 10
    assert {row["reference_n"] for row in found.tables["bins"]} == {100}


def test_psi_against_a_histogram_of_the_same_edges():
    source = np.random.default_rng(1)
    old, new = source.normal(0, 1, 3000), source.normal(0.3, 1.1, 2000)
    found = psi(score=new, reference_score=old)
    edges = [-np.inf, *found.parameters["edges_made"], np.inf]
    e, a = np.histogram(-old, [-x for x in edges[::-1]])[0], np.histogram(-new, [-x for x in edges[::-1]])[0]
    e, a = e / e.sum(), a / a.sum()
    assert found.value == pytest.approx(float(((a - e) * np.log(a / e)).sum()), abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]


def test_an_empty_bin_needs_a_floor():
    old, new = np.repeat([1.0, 2.0, 3.0], 40), np.repeat([1.0, 2.0], 60)
    with pytest.raises(Unmeasurable, match="declare a floor"):
        psi(score=new, reference_score=old, bins="unique")
    found = psi(score=new, reference_score=old, bins="unique", floor=1e-4)
    third = 1 / 3
    wanted = 2 * (0.5 - third) * math.log(0.5 / third) + (1e-4 - third) * math.log(1e-4 / third)
    assert found.value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ([1.0, 1.0], [1.0, 2.0], "one bin only"),
        ([1.0, 2.0], [], "no rows"),
        ([1.0, np.nan], [1.0], "reference score"),
    ],
)
def test_psi_says_why_it_has_no_number(old, new, words):
    with pytest.raises(Unmeasurable, match=words):
        psi(score=np.array(new), reference_score=np.array(old))


def test_edges_must_ascend():
    with pytest.raises(BadInput, match="ascending"):
        psi(score=np.array([1.0]), reference_score=np.array([1.0, 2.0]), bins="edges", edges=[2.0, 1.0])


def test_psi_does_not_depend_on_row_order():
    source = np.random.default_rng(2)
    old, new = source.random(500), source.random(400)
    first = psi(score=new, reference_score=old, seed=9)
    assert repr(first) == repr(psi(score=new[::-1], reference_score=np.sort(old), seed=9))
