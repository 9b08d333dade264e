"""Neighbours, proxies and alternatives against scikit-learn, fairlearn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.alternatives import less_discriminatory_alternative
from apps.engine.measures.fairness.consistency import consistency
from apps.engine.measures.fairness.proxies import proxy_strength


def people(n: int = 400, seed: int = 0):
    source = np.random.default_rng(seed)
    group = source.random(n) < 0.4
    worthy = source.random(n) < 0.35 + 0.2 * group
    score = np.round(worthy + 0.6 * group + source.normal(0, 1, n), 2)
    return score, worthy, Columns.of(g=np.where(group, "a", "b").tolist())


# Consistency ------------------------------------------------------------------------------------------


def test_consistency_is_that_of_scikit_learns_neighbours():
    source = np.random.default_rng(3)
    x, chosen = source.normal(size=(300, 3)), source.random(300) < 0.5
    table = Columns.of(**{f"x{j}": x[:, j] for j in range(3)})
    scaled = x / x.std(axis=0)
    near = NearestNeighbors(n_neighbors=8).fit(scaled).kneighbors(scaled, return_distance=False)[:, 1:]
    wanted = 1 - np.abs(chosen - chosen[near].mean(axis=1)).mean()
    found = consistency(selected=chosen, features=table, neighbours=7)
    assert found.value == pytest.approx(wanted)


def test_ties_share_places_so_order_plays_no_part():
    source = np.random.default_rng(5)
    x, chosen = source.integers(0, 3, 200).astype(float), source.random(200) < 0.5
    levels = source.choice(["p", "q"], 200)
    first = consistency(selected=chosen, features=Columns.of(x=x, l=levels.tolist()))
    order = source.permutation(200)
    again = consistency(selected=chosen[order], features=Columns.of(x=x[order], l=levels[order].tolist()))
    assert (first.value, first.interval) == (again.value, again.interval)


def test_missing_values_and_categories_count_as_one_step():
    table = Columns.of(x=[0.0, 0.0, None, None], c=["u", "u", "v", "v"])
    chosen = np.array([True, True, False, False])
    assert consistency(selected=chosen, features=table, neighbours=1).value == 1.0
    assert consistency(selected=chosen, features=table, neighbours=3).value == pytest.approx(1 / 3)


def test_protected_features_are_left_out_and_too_few_rows_insufficient():
    table = Columns.of(x=[1.0, 2.0, 3.0], sex=["F", "M", "F"])
    chosen = np.array([True, False, True])
    found = consistency(selected=chosen, features=table, protected=table.only(["sex"]), neighbours=1)
    assert found.parameters["features_compared"] == ["x"]
    with pytest.raises(Unmeasurable, match="too few for 5 neighbours"):
        consistency(selected=chosen, features=table)
    with pytest.raises(BadInput, match='no feature "y"'):
        consistency(selected=chosen, features=table, over=["y"])


# Proxies ----------------------------------------------------------------------------------------------


def test_the_joint_prediction_is_scikit_learns_ridge_on_the_same_cells():
    source = np.random.default_rng(8)
    level, other = source.integers(0, 4, 600), source.integers(0, 3, 600)
    member = source.random(600) < 0.2 + 0.15 * level - 0.05 * other
    table = Columns.of(one=[f"l{v}" for v in level], two=[f"m{v}" for v in other])
    found = proxy_strength(features=table, protected=Columns.of(g=member.astype(str).tolist()))
    design = np.concatenate([np.eye(4)[level], np.eye(3)[other]], axis=1)
    model = Ridge(alpha=1.0).fit(design, member)
    apparent = roc_auc_score(member, model.predict(design).round(9))
    assert found.value == pytest.approx(apparent, abs=0.02)
    assert found.tables["features"][0]["feature"] == "one"


def test_unrelated_features_tell_nothing_and_both_groups_mirror():
    source = np.random.default_rng(4)
    table = Columns.of(x=source.normal(size=4000), y=source.normal(size=4000))
    sex = Columns.of(sex=source.choice(["F", "M"], 4000).tolist())
    found = proxy_strength(features=table, protected=sex)
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert found.groups[0].value == found.groups[1].value
    assert len(found.tables["features"]) == 2


def test_two_weak_features_tell_more_together():
    source = np.random.default_rng(6)
    member = source.random(3000) < 0.5
    noise = source.normal(size=(3000, 2))
    table = Columns.of(x=member + 1.5 * noise[:, 0], y=member + 1.5 * noise[:, 1])
    found = proxy_strength(features=table, protected=Columns.of(g=member.astype(str).tolist()))
    assert found.value > found.tables["features"][0]["auc"] + 0.03


def test_order_of_rows_changes_no_byte():
    source = np.random.default_rng(7)
    x, race = source.normal(size=500).round(1), source.choice(["a", "b", "c"], 500)
    order = source.permutation(500)
    found = [
        proxy_strength(features=Columns.of(x=x[o]), protected=Columns.of(race=race[o].tolist()))
        for o in (np.arange(500), order)
    ]
    assert found[0] == found[1]


def test_small_groups_are_shown_and_not_predicted():
    table = Columns.of(x=np.arange(100.0))
    found = proxy_strength(features=table, protected=Columns.of(g=["a"] * 50 + ["b"] * 45 + ["c"] * 5))
    assert [g.status for g in found.groups] == ["measured", "measured", "insufficient"]
    with pytest.raises(Unmeasurable, match="No group of g"):
        proxy_strength(features=table, protected=Columns.of(g=["a"] * 95 + ["b"] * 5))


# Alternatives -----------------------------------------------------------------------------------------


class Score(ClassifierMixin, BaseEstimator):
    """Hands the first column on as the score."""

    def fit(self, x, y):
        self.fitted_ = True
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, x):
        return x[:, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_rates_at_the_highest_accuracy_are_fairlearns(seed):
    score, worthy, protected = people(seed=seed)
    codes = protected["g"].coded().codes
    x = score[:, None]
    optimizer = ThresholdOptimizer(
        estimator=Score().fit(x, worthy),
        constraints="demographic_parity",
        predict_method="predict",
        grid_size=100_000,
        prefit=True,
    ).fit(x, worthy.astype(int), sensitive_features=codes)
    chance = optimizer._pmf_predict(x, sensitive_features=codes)[:, 1]
    wanted = np.where(worthy, chance, 1 - chance).mean()
    found = alternatives(score, worthy, protected, score > 0.8)
    equal = found.tables["frontier"][-1]
    assert (equal["at_least"], equal["ratio"]) == (1.0, pytest.approx(1.0))
    assert equal["accuracy"] == pytest.approx(wanted, abs=2e-5)
    assert equal["accuracy"] >= wanted - 1e-9


def alternatives(score, worthy, protected, chosen, **more):
    return less_discriminatory_alternative(
        score=score, label=worthy, deserving=worthy, selected=chosen, protected=protected, **more
    )


def test_no_pair_of_plain_cuts_beats_the_frontier():
    score, worthy, protected = people(120, seed=9)
    code = protected["g"].coded().codes
    found = alternatives(score, worthy, protected, score > 0.8)
    best = {row["at_least"]: row["accuracy"] for row in found.tables["frontier"]}
    cuts = np.unique(score)[::4]
    for one in cuts:
        for two in cuts:
            chosen = score >= np.where(code == 0, one, two)
            rates = [chosen[code == k].mean() for k in (0, 1)]
            ratio = min(rates) / max(rates)
            reached = max(r for r in best if r <= ratio + 1e-12)
            assert (chosen == worthy).mean() <= best[reached] + 1e-12


def test_the_gain_is_what_the_rule_in_the_table_gives():
    score, worthy, protected = people(seed=3)
    chosen = score > 0.8
    found = alternatives(score, worthy, protected, chosen, tolerance=0.02)
    code, expected = protected["g"].coded().codes, []
    for k, row in enumerate(found.tables["cuts"]):
        mine = score[code == k]
        some = 0 if row["probability"] is None else row["probability"]
        low = row["always_from"] if row["sometimes_from"] is None else row["sometimes_from"]
        always = (mine >= row["always_from"]).mean()
        expected.append(always + some * ((mine >= low).mean() - always))
    assert min(expected) / max(expected) == pytest.approx(found.parameters["alternative"]["ratio"])
    now = [chosen[code == k].mean() for k in (0, 1)]
    assert found.value == pytest.approx(min(expected) / max(expected) - min(now) / max(now))
    assert found.parameters["alternative"]["accuracy"] >= (chosen == worthy).mean() - 0.02 - 1e-9


def test_one_cut_for_everybody_by_trying_them_all():
    score, worthy, protected = people(seed=5)
    code, chosen = protected["g"].coded().codes, score > 0.8
    found = alternatives(score, worthy, protected, chosen, cuts="common")
    best = 0.0
    for cut in np.unique(score):
        rates = [(score[code == k] >= cut).mean() for k in (0, 1)]
        if ((score >= cut) == worthy).mean() >= (chosen == worthy).mean() - 0.01 - 1e-12:
            best = max(best, min(rates) / max(rates))
    now = [chosen[code == k].mean() for k in (0, 1)]
    assert found.value == pytest.approx(max(0.0, best - min(now) / max(now)))


def test_a_score_of_the_unfavourable_outcome_is_turned():
    score, worthy, protected = people(seed=2)
    up = alternatives(score, worthy, protected, score > 0.8)
    down = less_discriminatory_alternative(
        score=-score, label=~worthy, deserving=worthy, selected=score > 0.8, protected=protected
    )
    assert down.value == up.value
    assert down.tables["cuts"][0]["always_from"] == -up.tables["cuts"][0]["always_from"]
    assert down.tables["cuts"][0]["favoured"] == "at most"


def test_what_has_no_answer():
    score, worthy, protected = people()
    with pytest.raises(Unmeasurable, match="is selected now"):
        alternatives(score, worthy, protected, np.zeros(400, bool))
    with pytest.raises(BadInput, match="neither the positive one nor its opposite"):
        less_discriminatory_alternative(
            score=score, label=score > 1, deserving=worthy, selected=worthy, protected=protected
        )
    with pytest.raises(Unmeasurable, match="fewer than two groups"):
        alternatives(score, worthy, protected, worthy, min_group_size=300)
