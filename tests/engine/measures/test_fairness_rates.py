"""Group rates, ratios and differences against fairlearn, published counts and fractions worked by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import katz_log, newcombe, wilson
from apps.engine.measures.fairness.adverse import adverse_impact
from apps.engine.measures.fairness.rates import group_rates
from apps.engine.measures.fairness.selection import (
    equal_opportunity_difference,
    selection_rate_difference,
    selection_rate_ratio,
)


def people(seed: int = 0, n: int = 600) -> tuple[np.ndarray, np.ndarray, Columns]:
    source = np.random.default_rng(seed)
    sex = source.choice(["F", "M"], n)
    race = source.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    label = source.random(n) < 0.3 + 0.2 * (sex == "M")
    chosen = source.random(n) < 0.3 + 0.3 * label + 0.1 * (race == "a")
    return chosen, label, Columns.of(sex=sex.tolist(), race=race.tolist())


def counted(**groups: tuple[int, int]) -> tuple[np.ndarray, Columns]:
    """Rows from (selected, n) by group."""
    flags = [i < k for k, n in groups.values() for i in range(n)]
    names = [name for name, (_, n) in groups.items() for _ in range(n)]
    return np.array(flags), Columns.of(g=names)


@pytest.mark.parametrize("seed", range(3))
def test_ratio_and_difference_are_fairlearns(seed):
    chosen, _, protected = people(seed)
    kwargs = {"y_true": chosen, "y_pred": chosen, "sensitive_features": protected["race"].coded().codes}
    ratio = selection_rate_ratio(selected=chosen, protected=protected, attributes=["race"])
    gap = selection_rate_difference(selected=chosen, protected=protected, attributes=["race"])
    assert ratio.value == pytest.approx(fairlearn.demographic_parity_ratio(**kwargs), abs=1e-15)
    assert gap.value == pytest.approx(fairlearn.demographic_parity_difference(**kwargs), abs=1e-15)


def test_equal_opportunity_is_fairlearns_where_favourable_is_positive():
    chosen, label, protected = people()
    found = equal_opportunity_difference(
        selected=chosen, deserving=label, protected=protected, attributes=["sex"]
    )
    wanted = fairlearn.equal_opportunity_difference(
        label, chosen, sensitive_features=protected["sex"].coded().codes
    )
    assert found.value == pytest.approx(wanted, abs=1e-15)


def test_four_fifths_is_exactly_four_fifths():
    chosen, protected = counted(A=(4, 25), B=(5, 25))
    found = selection_rate_ratio(selected=chosen, protected=protected, min_group_size=1)
    assert found.exact == Fraction(4, 5)
    assert found.parameters["reference_groups"] == {"g": "B"}
    assert found.interval == katz_log(4, 25, 5, 25)
    assert found.groups[0].interval == wilson(4, 25)


def test_the_example_of_the_uniform_guidelines_questions_and_answers():
    """The agencies' questions and answers (1979): 60 %, 45 %, 48 %, 51 % make ratios of 75, 80 and 85 %."""
    chosen, protected = counted(White=(60, 100), Indian=(45, 100), Hispanic=(48, 100), Black=(51, 100))
    found = selection_rate_ratio(selected=chosen, protected=protected)
    ratios = {g.group: g.ratio for g in found.groups}
    assert ratios == {"Black": 0.85, "Hispanic": 0.8, "Indian": 0.75, "White": 1.0}
    assert found.exact == Fraction(3, 4)
    assert found.parameters["worst"] == {"attribute": "g", "group": "Indian"}


def test_propublica_compas_rates():
    """ProPublica (2016), all defendants: tn, fp, fn, tp as published."""
    published = {"black": (990, 805, 532, 1369), "white": (1139, 349, 461, 505)}
    label = np.concatenate([np.repeat([0, 0, 1, 1], cells) for cells in published.values()]) == 1
    high = np.concatenate([np.repeat([0, 1, 0, 1], cells) for cells in published.values()]) == 1
    race = [name for name, cells in published.items() for _ in range(sum(cells))]
    found = group_rates(predicted=high, label=label, protected=Columns.of(race=race), rate="fpr")
    black = found.groups[1]
    assert black.counts == {"tn": 990, "fp": 805, "fn": 532, "tp": 1369}
    assert [round(100 * g.rates["fpr"], 2) for g in found.groups[1:]] == [44.85, 23.45]
    assert [round(100 * g.rates["fnr"], 2) for g in found.groups[1:]] == [27.99, 47.72]
    assert found.exact == Fraction(805, 1795) - Fraction(349, 1488)
    assert black.disparities["fpr"] == 1.0


def test_group_rates_show_everybody_first_and_null_where_undefined():
    found = group_rates(
        predicted=np.array([True, False, True]),
        label=np.array([True, True, False]),
        protected=Columns.of(g=["a", "a", "b"]),
        min_group_size=1,
    )
    everybody, _, b = found.groups
    assert (everybody.attribute, everybody.group, everybody.n) == (None, "all", 3)
    assert b.rates["tpr"] is None
    assert b.rates["fpr"] == 1


def test_small_groups_are_shown_and_not_compared():
    chosen, protected = counted(A=(20, 40), B=(30, 40), C=(0, 5))
    found = selection_rate_ratio(selected=chosen, protected=protected)
    assert found.exact == Fraction(2, 3)
    assert [g.status for g in found.groups] == ["measured", "measured", "insufficient"]
    assert found.groups[2].counts == {"selected": 0}
    assert found.parameters["excluded"] == {"g": ["C"]}
    assert "C (5)" in found.notes[0]


def test_fewer_than_two_groups_is_insufficient_with_counts():
    chosen, protected = counted(A=(20, 40), B=(3, 5))
    found = selection_rate_ratio(selected=chosen, protected=protected)
    assert (found.status, found.value) == ("insufficient", None)
    assert "too small: B (5)" in found.notes[0]
    assert found.groups[1].counts == {"selected": 3}


def test_min_group_share_leaves_out_a_small_share():
    chosen, protected = counted(A=(50, 500), B=(50, 500), C=(0, 15))
    found = selection_rate_ratio(selected=chosen, protected=protected, min_group_size=1, min_group_share=0.02)
    assert found.value == 1
    assert "2% of all rows" in found.notes[0]


def test_missing_is_a_group():
    chosen = np.array([True] * 40 + [False] * 40)
    protected = Columns.of(g=["a"] * 40 + [None] * 40)
    found = selection_rate_ratio(selected=chosen, protected=protected)
    assert found.parameters["worst"] == {"attribute": "g", "group": "(missing)"}
    assert found.value == 0


def test_a_reference_rate_of_zero_is_undefined():
    chosen, protected = counted(A=(0, 40), B=(0, 40))
    found = selection_rate_ratio(selected=chosen, protected=protected)
    assert found.status == "undefined"
    assert "0 of 40" in found.notes[0]
    assert selection_rate_difference(selected=chosen, protected=protected).value == 0


def test_nobody_deserving_is_undefined():
    chosen, protected = counted(A=(20, 40), B=(30, 40))
    deserving = np.arange(80) < 40
    found = equal_opportunity_difference(selected=chosen, deserving=deserving, protected=protected)
    assert found.status == "undefined"
    assert "g = B" in found.notes[0]


@pytest.mark.parametrize(
    ("reference", "named", "value"),
    [
        ("highest", "B", Fraction(2, 3)),
        ("largest", "A", Fraction(1)),
        ("overall", "overall", Fraction(100, 111)),
        ("A", "A", Fraction(1)),
    ],
)
def test_the_reference_group_can_be_chosen(reference, named, value):
    chosen, protected = counted(A=(50, 100), B=(30, 40), C=(21, 42))
    found = selection_rate_ratio(selected=chosen, protected=protected, reference=reference)
    assert found.parameters["reference_groups"] == {"g": named}
    overall = Fraction(1, 2) / Fraction(101, 182)
    assert found.exact == (overall if reference == "overall" else value)


def test_a_reference_that_does_not_occur_is_insufficient():
    chosen, protected = counted(A=(20, 40), B=(30, 40))
    found = selection_rate_ratio(selected=chosen, protected=protected, reference="Z")
    assert found.status == "insufficient"
    assert 'group "Z" does not occur' in found.notes[0]


def test_intersections_and_several_attributes_take_the_worst():
    chosen, _, protected = people()
    each = [
        selection_rate_ratio(selected=chosen, protected=protected, attributes=[a], min_group_size=1)
        for a in ("sex", "race", ["sex", "race"])
    ]
    both = selection_rate_ratio(
        selected=chosen, protected=protected, attributes=["sex", "race", ["sex", "race"]], min_group_size=1
    )
    assert both.exact == min(one.exact for one in each)
    assert each[2].groups[0].attribute == "sex × race"
    assert {g.group for g in each[2].groups} >= {"F × a", "M × c"}


def test_the_interval_covers_the_group_that_may_be_worse():
    chosen, protected = counted(A=(820, 1000), B=(16, 30), C=(940, 1000), D=(500, 1000))
    found = selection_rate_ratio(selected=chosen, protected=protected, min_group_size=30)
    intervals = [g.ratio_interval for g in found.groups if g.ratio_interval]
    assert found.interval == (min(low for low, _ in intervals), min(high for _, high in intervals))


def test_holm_widens_the_intervals():
    chosen, protected = counted(A=(50, 100), B=(60, 100), C=(70, 100))
    plain = selection_rate_ratio(selected=chosen, protected=protected)
    adjusted = selection_rate_ratio(selected=chosen, protected=protected, adjust="holm")
    assert adjusted.parameters["comparisons"] == 2
    assert adjusted.interval[0] < plain.interval[0]
    assert adjusted.exact == plain.exact


def test_a_difference_has_newcombes_interval():
    chosen, protected = counted(A=(56, 70), B=(48, 80))
    found = selection_rate_difference(selected=chosen, protected=protected)
    assert found.exact == Fraction(1, 5)
    assert found.interval == newcombe(56, 70, 48, 80)


def test_unknown_attributes_and_weights_are_refused():
    chosen, protected = counted(A=(20, 40), B=(30, 40))
    with pytest.raises(BadInput, match='no protected attribute "h"'):
        selection_rate_ratio(selected=chosen, protected=protected, attributes=["h"])
    with pytest.raises(Unmeasurable, match="takes no weights"):
        adverse_impact(selected=chosen, protected=protected, weight=np.arange(80.0) + 1)
    with pytest.raises(Unmeasurable, match="no protected attribute"):
        selection_rate_ratio(selected=chosen, protected=Columns.of())


groups_of_rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", None, "c"]), st.booleans(), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=50, deadline=None)
@given(groups_of_rows, st.randoms())
def test_row_order_changes_no_byte(rows, shuffle):
    moved = list(rows)
    shuffle.shuffle(moved)
    assert repr(rates_of(rows)) == repr(rates_of(moved))


@settings(max_examples=50, deadline=None)
@given(groups_of_rows)
def test_renaming_groups_changes_names_only(rows):
    renamed = [({"a": "1", "b": "2", "c": "3"}.get(g), p, y) for g, p, y in rows]
    first, second = rates_of(rows), rates_of(renamed)
    assert (first.value, first.interval) == (second.value, second.interval)
    assert [g.counts for g in first.groups] == [g.counts for g in second.groups]


def rates_of(rows):
    return group_rates(
        predicted=np.array([p for _, p, _ in rows]),
        label=np.array([y for _, _, y in rows]),
        protected=Columns.of(g=[g if g is not None else "" for g, _, _ in rows]),
        min_group_size=1,
    )
