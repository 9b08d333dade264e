"""Compiled walks over scores against their NumPy twins: the same whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine import kernels
from apps.engine.kernels.ranking import place_evenly
from apps.engine.measures import ranking
from apps.engine.measures.calibration import brier
from apps.engine.measures.calibration_tests import ece, hosmer_lemeshow
from apps.engine.measures.performance import auc, ks
from apps.engine.measures.runs import Runs, merged, runs_of
from apps.engine.resources import using

N = kernels.ENOUGH + 11


def scored(digits: int | None) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(digits or 17)
    label = source.random(N) < 0.2
    score = source.normal(label * 0.7, 1)
    return (score if digits is None else np.round(score, digits)), label


@pytest.mark.parametrize("digits", [None, 4, 1, 0])
def test_runs_and_walks_are_their_twins(digits):
    score, label = scored(digits)
    runs = runs_of(score, label)
    walked = ranking.walk(runs)
    sides = np.sort(score[~label]), np.sort(score[label])
    with using(compiled=False):
        twin = runs_of(score, label)
        assert ranking.walk(twin) == walked
    for one, other in zip(as_lists(runs), as_lists(twin), strict=True):
        assert one == other
    straight = ranking.walk_sides(*sides)
    assert (straight.pairs, straight.x_squares, straight.w_squares, straight.gap) == (
        walked.pairs, walked.x_squares, walked.w_squares, walked.gap,
    )  # fmt: skip


def as_lists(runs: Runs) -> list[list[float]]:
    return [part.tolist() for part in (runs.values, runs.negatives, runs.positives)]


@pytest.mark.parametrize("digits", [None, 2])
def test_checks_give_the_same_bytes_either_way(digits):
    score, label = scored(digits)
    found = [check(score=score, label=label) for check in (auc, ks)]
    with using(compiled=False):
        assert [check(score=score, label=label) for check in (auc, ks)] == found
    with using(threads=1):
        assert [check(score=score, label=label) for check in (auc, ks)] == found


def test_more_rows_than_words_hold_are_walked_over_in_full():
    source = np.random.default_rng(0)
    counts = source.integers(1, 1 << 33, (2, 50))
    runs = Runs(np.arange(50.0), *counts)
    found = ranking.walk(runs)
    below = [[sum(side[:k].tolist()) for k in range(50)] for side in counts]
    twice = [2 * below[0][k] + int(counts[0][k]) for k in range(50)]
    assert found.pairs == sum(int(counts[1][k]) * twice[k] for k in range(50))
    assert found.x_squares == sum(int(counts[1][k]) * twice[k] ** 2 for k in range(50))
    assert 0 <= ranking.rank_runs(runs).auc <= 1


def test_an_empty_class_makes_runs_too():
    runs = merged(np.array([1.0, 1.0]), np.empty(0))
    assert (runs.values.tolist(), runs.totals) == ([1.0], (2, 0))


@pytest.mark.parametrize("rule", ["width", "quantile"])
def test_calibration_gives_the_same_bytes_either_way(rule):
    score, label = scored(None)
    given = {"score": 1 / (1 + np.exp(-score)), "label": label, "binning": rule}
    found = [check(**given) for check in (brier, ece, hosmer_lemeshow)]
    with using(compiled=False):
        assert [check(**given) for check in (brier, ece, hosmer_lemeshow)] == found


@pytest.mark.parametrize("bins", [2, 3, 7, 10, 49, 255])
def test_even_places_are_a_search_among_the_edges(bins):
    edges = np.arange(1, bins) / bins
    score = np.concatenate((np.linspace(0, 1, 5000), edges, np.nextafter(edges, 0), np.nextafter(edges, 1)))
    codes = np.empty(len(score), dtype=np.uint8)
    place_evenly(score, edges, codes)
    assert codes.tolist() == np.searchsorted(edges, score, side="left").tolist()
