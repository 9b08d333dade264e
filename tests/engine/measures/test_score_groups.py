"""Figures of a score by group: against scikit-learn, the single checks, and the twin of the loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from apps.engine import kernels
from apps.engine.errors import Unmeasurable
from apps.engine.measures.calibration import brier
from apps.engine.measures.calibration_tests import ece
from apps.engine.measures.performance import auc, ks
from apps.engine.measures.score_groups import score_groups
from apps.engine.measures.stability import psi
from apps.engine.resources import using

GROUPS = 4


def people(n: int = 4000, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    source = np.random.default_rng(n)
    label = source.random(n) < 0.3
    score = 1 / (1 + np.exp(-source.normal(label * 1.1 - 0.8, 1)))
    return np.round(score, 2) if ties else score, label, source.integers(0, GROUPS, n).astype(np.int32)


@pytest.mark.parametrize("ties", [True, False])
def test_every_group_is_what_the_checks_say(ties):
    score, label, codes = people(ties=ties)
    by_group, overall = score_groups(score, label, codes, GROUPS)
    for k, found in [*enumerate(by_group), (-1, overall)]:
        rows = codes == k if k >= 0 else np.ones(len(codes), dtype=bool)
        given = {"score": score[rows], "label": label[rows]}
        area = auc(**given)
        assert (found.ranking.auc, found.auc_interval()) == (area.exact, area.interval)
        assert found.ks == ks(**given).exact
        assert found.brier == brier(**given).value
        assert found.ece == pytest.approx(ece(**given).value, abs=1e-14)
        assert found.mean_score == pytest.approx(score[rows].mean(), abs=1e-14)


def test_a_group_is_scikit_learns():
    score, label, codes = people()
    found = score_groups(score, label, codes, GROUPS)[0][2]
    rows = codes == 2
    false, true, _ = metrics.roc_curve(label[rows], score[rows], drop_intermediate=False)
    assert found.auc() == pytest.approx(metrics.roc_auc_score(label[rows], score[rows]), abs=1e-12)
    assert float(found.ks) == pytest.approx(np.abs(true - false).max(), abs=1e-12)
    assert found.brier == pytest.approx(metrics.brier_score_loss(label[rows], score[rows]), abs=1e-12)


def test_psi_is_the_checks():
    score, label, codes = people()
    edges = [0.2, 0.4, 0.6]
    before = np.random.default_rng(1).random(500)
    shares = np.diff([0, *np.searchsorted(np.sort(before), edges, side="right"), 500]) / 500
    found = score_groups(score, label, codes, GROUPS, reference_edges=edges, reference_shares=shares)[1]
    wanted = psi(score=score, reference_score=before, bins="edges", edges=edges)
    assert found.psi == pytest.approx(wanted.value, abs=1e-14)


def test_counted_rows_are_repeated_rows():
    score, label, codes = people(300, ties=True)
    times = np.random.default_rng(2).integers(1, 5, 300)
    repeated = score_groups(*(np.repeat(part, times) for part in (score, label, codes)), GROUPS)
    assert score_groups(score, label, codes, GROUPS, count=times) == repeated


@pytest.mark.slow
@pytest.mark.parametrize("ties", [True, False])
def test_the_compiled_loops_give_the_bytes_of_their_twin(ties):
    score, label, codes = people(kernels.ENOUGH + 7, ties=ties)
    edges = [0.1, 0.3]
    compiled = score_groups(score, label, codes, GROUPS, reference_edges=edges)
    with using(compiled=False):
        assert score_groups(score, label, codes, GROUPS, reference_edges=edges) == compiled
    with using(threads=1):
        assert score_groups(score, label, codes, GROUPS, reference_edges=edges) == compiled


def test_what_is_not_defined_is_none():
    codes = np.array([0, 0, 1, 1])
    by_group, overall = score_groups(
        np.array([0.1, 0.2, 3.0, 4.0]), np.array([True, True, False, True]), codes, 3, reference_edges=[9.0]
    )
    assert (by_group[0].auc(), by_group[0].ks, by_group[0].brier) == (None, None, None)
    assert (by_group[2].n, by_group[2].mean_score, overall.psi) == (0, None, None)
    assert by_group[1].auc() == 1


def test_a_score_that_is_not_finite_says_so():
    with pytest.raises(Unmeasurable, match="1 of 2 rows"):
        score_groups(np.array([0.1, np.nan]), np.array([True, False]), np.array([0, 1]), 2)
