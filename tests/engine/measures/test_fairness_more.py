"""Errors, scores, strata and indices against fairlearn, statsmodels and published tables."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import StratifiedTable

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.errors import (
    equalized_odds_difference,
    equalized_odds_ratio,
    error_rate_ratio,
    predictive_parity_ratio,
)
from apps.engine.measures.fairness.indices import (
    differential_fairness,
    generalized_entropy,
    prohibited_features,
)
from apps.engine.measures.fairness.ll144 import ll144_scoring, ll144_selection
from apps.engine.measures.fairness.mantel_haenszel import Stratified
from apps.engine.measures.fairness.representation import representation
from apps.engine.measures.fairness.scores import auc_gap, calibration_gap, standardized_mean_difference
from apps.engine.measures.fairness.stratified import conditional_adverse_impact


def people(seed: int = 0, n: int = 900) -> tuple[np.ndarray, np.ndarray, Columns]:
    source = np.random.default_rng(seed)
    race = source.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    label = source.random(n) < 0.4
    chosen = source.random(n) < 0.3 + 0.3 * label + 0.1 * (race == "a")
    return chosen, label, Columns.of(race=race.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_equalised_odds_are_fairlearns(seed):
    chosen, label, protected = people(seed)
    codes = protected["race"].coded().codes
    gap = equalized_odds_difference(predicted=chosen, label=label, protected=protected)
    ratio = equalized_odds_ratio(predicted=chosen, label=label, protected=protected)
    wanted = fairlearn.equalized_odds_difference(label, chosen, sensitive_features=codes)
    assert gap.value == pytest.approx(wanted, abs=1e-15)
    wanted = fairlearn.equalized_odds_ratio(label, chosen, sensitive_features=codes)
    assert ratio.value == pytest.approx(wanted, abs=1e-15)
    assert gap.interval[0] <= gap.value <= gap.interval[1]


def test_error_rate_ratio_of_propublica():
    """ProPublica (2016): false-positive rates of 44.85 % and 23.45 %, a ratio of 0.523."""
    published = {"black": (990, 805, 532, 1369), "white": (1139, 349, 461, 505)}
    label = np.concatenate([np.repeat([0, 0, 1, 1], cells) for cells in published.values()]) == 1
    high = np.concatenate([np.repeat([0, 1, 0, 1], cells) for cells in published.values()]) == 1
    race = Columns.of(race=[name for name, cells in published.items() for _ in range(sum(cells))])
    found = error_rate_ratio(predicted=high, label=label, protected=race)
    assert found.exact == Fraction(349, 1488) / Fraction(805, 1795)
    turned = error_rate_ratio(predicted=high, label=label, protected=race, reference="white")
    assert turned.exact == found.exact
    parity = predictive_parity_ratio(predicted=high, label=label, protected=race)
    assert parity.exact == Fraction(505, 854) / Fraction(1369, 2174)


def test_equalised_odds_without_a_class_are_undefined():
    chosen, label, protected = people()
    found = equalized_odds_difference(predicted=chosen, label=np.ones_like(label), protected=protected)
    assert found.status == "undefined"
    assert "tn+fp" in found.notes[0]


def test_standardised_mean_difference_by_hand():
    score = np.arange(80.0)
    protected = Columns.of(g=["a"] * 40 + ["b"] * 40)
    found = standardized_mean_difference(score=score, protected=protected)
    assert found.value == pytest.approx(40 / score.std(ddof=1))
    assert found.parameters["reference_groups"] == {"g": "b"}
    with pytest.raises(Unmeasurable, match="standard deviation is 0"):
        standardized_mean_difference(score=np.ones(80), protected=protected)


def test_calibration_and_auc_gaps_by_group():
    source = np.random.default_rng(3)
    score = source.random(400)
    label = source.random(400) < score
    protected = Columns.of(g=["a", "b"] * 200)
    a = np.arange(400) % 2 == 0
    gaps = [float((score[g] - label[g]).mean()) for g in (a, ~a)]
    found = calibration_gap(score=score, label=label, protected=protected, reference="a")
    assert found.value == pytest.approx(abs(gaps[0] - gaps[1]))
    areas = [roc_auc_score(label[g], score[g]) for g in (a, ~a)]
    assert auc_gap(score=score, label=label, protected=protected).value == pytest.approx(
        abs(areas[0] - areas[1])
    )


def test_auc_gap_with_one_class_in_a_group_is_insufficient():
    label = np.arange(80) < 20
    found = auc_gap(score=np.arange(80.0), label=label, protected=Columns.of(g=["a"] * 40 + ["b"] * 40))
    assert found.status == "insufficient"
    assert "g = b (40 rows)" in found.notes[0]


RABBITS = np.array(
    [[[0, 0], [6, 5]], [[3, 0], [3, 6]], [[6, 2], [0, 4]], [[5, 6], [1, 0]], [[2, 5], [0, 0]]]
).transpose(0, 2, 1)


def test_cochran_mantel_haenszel_of_penicillin_and_rabbits():
    """Agresti (1990), 231-237: with the correction 3.929 and p = 0.047."""
    statistic, p = Stratified(RABBITS).cmh(correction=True)
    assert (round(statistic, 3), round(p, 3)) == (3.929, 0.047)


BERKELEY = np.array(
    [
        [[512, 313], [89, 19]],
        [[353, 207], [17, 8]],
        [[120, 205], [202, 391]],
        [[138, 279], [131, 244]],
        [[53, 138], [94, 299]],
        [[22, 351], [24, 317]],
    ]
)


def test_stratified_tables_are_statsmodels():
    """Bickel, Hammel, O'Connell (1975): admissions by sex and department; common odds ratio 0.905."""
    ours, theirs = Stratified(BERKELEY), StratifiedTable([t.astype(float) for t in BERKELEY])
    assert ours.odds_ratio() == pytest.approx(theirs.oddsratio_pooled)
    assert round(ours.odds_ratio(), 3) == 0.905
    assert ours.log_error() == pytest.approx(theirs.logodds_pooled_se)
    assert ours.cmh()[0] == pytest.approx(theirs.test_null_odds().statistic)
    assert ours.cmh()[1] == pytest.approx(theirs.test_null_odds().pvalue)
    assert ours.breslow_day()[0] == pytest.approx(theirs.test_equal_odds(adjust=True).statistic)
    assert ours.breslow_day()[2] == pytest.approx(theirs.test_equal_odds(adjust=True).pvalue)


def berkeley() -> tuple[np.ndarray, Columns]:
    rows = [
        (admitted == 0, ("male", "female")[sex], "ABCDEF"[dept])
        for dept in range(6)
        for sex in range(2)
        for admitted in range(2)
        for _ in range(BERKELEY[dept, sex, admitted])
    ]
    chosen, sex, dept = zip(*rows, strict=True)
    return np.array(chosen), Columns.of(sex=list(sex), dept=list(dept))


def test_simpsons_paradox_is_shown():
    chosen, table = berkeley()
    found = conditional_adverse_impact(
        selected=chosen, protected=table.only(["sex"]), columns=table, strata=["dept"]
    )
    test = found.tables["tests"][0]
    assert found.value == pytest.approx(1 / StratifiedTable([t * 1.0 for t in BERKELEY]).oddsratio_pooled)
    assert test["crude_odds_ratio"] == pytest.approx(557 * 1493 / (1278 * 1198))
    assert test["simpson"] is True
    assert "Simpson" in found.notes[0]
    assert len(found.tables["strata"]) == 6
    assert found.interval[0] < 1 < found.interval[1]


def test_strata_that_do_not_exist_are_refused():
    chosen, table = berkeley()
    with pytest.raises(BadInput, match='no column "faculty"'):
        conditional_adverse_impact(
            selected=chosen, protected=table.only(["sex"]), columns=table, strata=["faculty"]
        )


def test_ll144_selection_counts_the_unknown_and_leaves_out_small_categories():
    sex = ["F"] * 100 + ["M"] * 100 + [None] * 5 + ["X"] * 2
    chosen = np.array([k % 4 == 0 for k in range(100)] + [k % 2 == 0 for k in range(100)] + [True] * 7)
    found = ll144_selection(selected=chosen, protected=Columns.of(sex=sex))
    assert found.exact == Fraction(1, 2)
    assert found.tables["unknown"] == [{"attribute": "sex", "unknown": 5, "n": 207}]
    assert {g.group: g.status for g in found.groups} == {
        "F": "measured", "M": "measured", "X": "insufficient",
    }  # fmt: skip


def test_ll144_adds_the_intersection():
    chosen, _, protected = people()
    both = Columns.of(
        race=protected["race"].values.levels and ["a", "b"] * 450, sex=["F", "F", "M", "M"] * 225
    )
    found = ll144_selection(selected=chosen, protected=both)
    assert {g.attribute for g in found.groups} == {"race", "sex", "race × sex"}


def test_ll144_scoring_uses_the_median_of_all_strictly():
    score = np.array([1.0, 2, 3, 3, 4, 5, 9])
    found = ll144_scoring(score=score, protected=Columns.of(sex=["F", "F", "F", "M", "M", "M", None]))
    assert found.parameters["median"] == 3
    assert [g.counts["above_median"] for g in found.groups] == [0, 2]
    low = ll144_scoring(
        score=score,
        protected=Columns.of(sex=["F", "F", "F", "M", "M", "M", None]),
        higher_is_better=False,
    )
    assert [g.counts["above_median"] for g in low.groups] == [2, 0]


def test_differential_fairness_by_hand():
    chosen = np.array([True] * 10 + [False] * 30 + [True] * 20 + [False] * 20)
    found = differential_fairness(selected=chosen, protected=Columns.of(g=["a"] * 40 + ["b"] * 40))
    assert found.value == pytest.approx(math.log(20.5 / 10.5))
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize(("alpha", "wanted"), [(2.0, None), (1.0, None), (0.5, None)])
def test_generalised_entropy_by_its_definition(alpha, wanted):
    chosen, label, protected = people()
    benefit = chosen.astype(float) - label + 1
    ratio = benefit / benefit.mean()
    if alpha == 1:
        wanted = np.mean([r * math.log(r) for r in ratio if r]) * np.mean(ratio > 0)
    else:
        wanted = (ratio**alpha - 1).mean() / (alpha * (alpha - 1))
    found = generalized_entropy(selected=chosen, deserving=label, protected=protected, alpha=alpha)
    assert found.value == pytest.approx(wanted)
    part = found.tables["parts"][0]
    assert 0 <= part["between"] < part["total"] == found.value


def test_generalised_entropy_says_why_it_has_no_number():
    none, all_ = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)
    with pytest.raises(Unmeasurable, match="mean is 0"):
        generalized_entropy(selected=none, deserving=all_)
    with pytest.raises(Unmeasurable, match="alpha"):
        generalized_entropy(selected=np.array([True, False]), deserving=np.array([False, True]), alpha=0)


def test_prohibited_features_are_named():
    features = Columns.of(income=[1.0], SEX=[2.0])
    found = prohibited_features(features=features, protected=Columns.of(sex=["F"]))
    assert found.value == 1
    assert '"SEX"' in found.notes[0]
    assert prohibited_features(features=features, prohibited=["race"]).value == 0
    with pytest.raises(Unmeasurable, match="Nothing is prohibited"):
        prohibited_features(features=features)


def test_representation_against_given_shares():
    protected = Columns.of(g=["a"] * 10 + ["b"] * 90)
    found = representation(protected=protected, expected={"g": {"a": 0.4, "b": 0.5, "c": 0.1}})
    assert {g.group: g.ratio for g in found.groups} == {"a": pytest.approx(0.25), "b": 1.8, "c": 0.0}
    assert found.parameters["worst"] == {"attribute": "g", "group": "c"}
    with pytest.raises(BadInput, match="sum to at most 1"):
        representation(protected=protected, expected={"g": {"a": 0.9, "b": 0.9}})
