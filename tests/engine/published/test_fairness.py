"""Group figures that regulators, courts and papers printed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.measures.fairness.adverse import adverse_impact
from apps.engine.measures.fairness.errors import error_rate_ratio, predictive_parity_ratio
from apps.engine.measures.fairness.indices import differential_fairness
from apps.engine.measures.fairness.ll144 import ll144_scoring, ll144_selection
from apps.engine.measures.fairness.rates import group_rates
from apps.engine.measures.fairness.selection import selection_rate_difference, selection_rate_ratio
from apps.engine.measures.fairness.tests_2x2 import run
from tests.engine.published.printed import cells, chosen, named, printed

QUESTIONS = "Questions and answers on the Uniform Guidelines (44 FR 11996, 1979)"
LL144 = "6 RCNY § 5-301(b), example"


@printed(
    "fairness.selection_rate_ratio", "fairness.adverse_impact", source=QUESTIONS,
    what="hiring rates of 60, 45, 48 and 51 %: ratios of 75, 80 and 85 %, adverse impact for the first alone",
    seen="rates, ratios and conclusion, in the answer as a university's repository of data ethics quotes it",
)  # fmt: skip
def test_the_guidelines_own_example():
    hired = chosen((600, 1000), (450, 1000), (480, 1000), (510, 1000))
    people = named("group", White=1000, Indian=1000, Hispanic=1000, Black=1000)
    found = selection_rate_ratio(selected=hired, protected=people)
    ratios = {g.group: g.ratio for g in found.groups}
    assert ratios == {"White": 1, "Indian": 0.75, "Hispanic": 0.8, "Black": 0.85}
    judged = adverse_impact(selected=hired, protected=people)
    assert {row["group"]: row["below_ratio"] for row in judged.tables["tests"]} == {
        "Indian": True, "Hispanic": False, "Black": False,
    }  # fmt: skip


RACES = {
    "Hispanic": (204, 408, 50, 0.97), "White": (412, 797, 52, 1.00), "Black": (170, 390, 44, 0.84),
    "Pacific": (52, 119, 44, 0.85), "Asian": (302, 616, 49, 0.95), "Native": (18, 41, 44, 0.85),
    "Several": (96, 213, 45, 0.87),
}  # fmt: skip


@printed(
    "fairness.ll144_selection",
    source=LL144,
    what="selection rates and impact ratios by sex and by race",
    seen="both tables, in the Notice of Adoption of Final Rule",
)
def test_impact_ratios_of_a_selecting_tool():
    by_sex = ll144_selection(
        selected=chosen((667, 1390), (555, 1181)), protected=named("sex", Male=1390, Female=1181)
    )
    assert round(by_sex.value, 3) == 0.979
    assert {g.group: round(100 * g.value) for g in by_sex.groups} == {"Male": 48, "Female": 47}
    by_race = ll144_selection(
        selected=chosen(*((k, n) for k, n, _, _ in RACES.values())),
        protected=named("race", **{name: row[1] for name, row in RACES.items()}),
        exclude_below_share=0.0,
    )
    for group in by_race.groups:
        _, n, rate, ratio = RACES[group.group]
        assert (group.n, round(100 * group.value), round(group.ratio, 2)) == (n, rate, ratio)


def test_the_native_american_category_is_under_two_per_cent_and_stays_in_the_table():
    found = ll144_selection(
        selected=chosen(*((k, n) for k, n, _, _ in RACES.values())),
        protected=named("race", **{name: row[1] for name, row in RACES.items()}),
    )
    assert round(found.value, 2) == 0.84
    assert next(g for g in found.groups if g.group == "Native").status == "insufficient"


SCORING_SEEN = "the scoring rates and ratios, in the Notice of Adoption of Final Rule"
SCORED = {
    "Hispanic": (18, 28, 1.00), "White": (15, 40, 0.58), "Black": (16, 32, 0.78),
    "Pacific": (5, 8, 0.97), "Asian": (10, 24, 0.65), "Native": (10, 16, 0.97), "Several": (10, 20, 0.78),
}  # fmt: skip


@printed(
    "fairness.ll144_scoring", source="6 RCNY § 5-301(c) and (d), example",
    what="scoring rates 54.3 and 44.7 % by sex, impact ratio 0.82; seven ratios by race",
    seen=SCORING_SEEN,
)  # fmt: skip
def test_impact_ratios_of_a_scoring_tool():
    """The share above the median of all 168: 50 of 92 men and 34 of 76 women."""
    by_sex = ll144_scoring(
        score=chosen((50, 92), (34, 76)) * 40.0 + 30, protected=named("sex", Male=92, Female=76)
    )
    assert {g.group: round(100 * g.value, 1) for g in by_sex.groups} == {"Male": 54.3, "Female": 44.7}
    assert round(by_sex.value, 2) == 0.82
    sizes = {name: n for name, (_, n, _) in SCORED.items()}
    above = chosen(*((k, n) for k, n, _ in SCORED.values()))
    by_race = ll144_scoring(score=above * 40.0 + 30, protected=named("race", **sizes))
    assert {g.group: round(g.ratio, 2) for g in by_race.groups} == {n: r for n, (_, _, r) in SCORED.items()}


COMPAS = {"black": (990, 805, 532, 1369), "white": (1139, 349, 461, 505)}
PROPUBLICA = (
    "Larson, Mattu, Kirchner, Angwin (2016), How we analyzed the COMPAS recidivism algorithm, ProPublica: "
    "two-way tables for black and white defendants"
)


@printed(
    "fairness.group_rates", "fairness.error_rate_ratio", "fairness.predictive_parity_ratio",
    source=PROPUBLICA,
    what="false-positive rates 44.85 and 23.45 %, false-negative 27.99 and 47.72 %, PPV 0.63 and 0.59, "
    "NPV 0.65 and 0.71",
    seen="counts and error rates of black defendants, in the analysis's output as Jones (2020), ProPublica's "
    "misleading Machine Bias, prints it; white error rates to one decimal, in Dressel, Farid (2018), table "
    "2; the rest recalled",
)  # fmt: skip
def test_compas():
    label, high = cells(list(COMPAS.values()))
    race = named("race", **{name: sum(four) for name, four in COMPAS.items()})
    rates = {g.group: g.rates for g in group_rates(predicted=high, label=label, protected=race).groups}
    printed_rates = {"fpr": (44.85, 23.45), "fnr": (27.99, 47.72)}
    for rate, (black, white) in printed_rates.items():
        assert (round(100 * rates["black"][rate], 2), round(100 * rates["white"][rate], 2)) == (black, white)
    assert [round(rates[r]["ppv"], 2) for r in COMPAS] == [0.63, 0.59]
    assert [round(rates[r]["npv"], 2) for r in COMPAS] == [0.65, 0.71]
    ratio = error_rate_ratio(predicted=high, label=label, protected=race)
    assert ratio.value == pytest.approx(23.45 / 44.85, abs=2e-4)
    parity = predictive_parity_ratio(predicted=high, label=label, protected=race)
    assert parity.value == pytest.approx((505 / 854) / (1369 / 2174))


@printed(
    "fairness.selection_rate_difference", "fairness.selection_rate_ratio",
    source="Statlog German credit data (Hofmann 1994), as counted in Kamiran, Calders (2012), "
    "Knowledge and Information Systems 33, 1-33: good risks 499 of 690 men, 201 of 310 women",
    what="discrimination 7.48 % by sex",
)  # fmt: skip
def test_german_credit():
    good, sex = chosen((499, 690), (201, 310)), named("sex", male=690, female=310)
    assert round(100 * selection_rate_difference(selected=good, protected=sex).value, 2) == 7.48
    assert round(selection_rate_ratio(selected=good, protected=sex).value, 4) == 0.8966


# Admissions to an invented university, the counts of the kidney-stone data: (admitted, applied).
FOULDS = {("A", "1"): (81, 87), ("A", "2"): (192, 263), ("B", "1"): (234, 270), ("B", "2"): (55, 80)}


@printed(
    "fairness.differential_fairness",
    source="Foulds, Islam, Keya, Pan (2020), An intersectional definition of fairness, ICDE, table of "
    "admissions by gender and race",
    what="ε 1.511 of the intersection, 0.2329 of gender, 0.8667 of race, without smoothing",
)  # fmt: skip
@pytest.mark.parametrize(
    ("attributes", "wanted"), [([["gender", "race"]], 1.511), (["gender"], 0.2329), (["race"], 0.8667)]
)
def test_differential_fairness_of_admissions(attributes, wanted):
    """With a hundred times the counts, where the smoothing no longer shows."""
    admitted = chosen(*((100 * k, 100 * n) for k, n in FOULDS.values()))
    rows = [key for key, (_, n) in FOULDS.items() for _ in range(100 * n)]
    people = Columns.of(gender=[g for g, _ in rows], race=[r for _, r in rows])
    found = differential_fairness(selected=admitted, protected=people, attributes=attributes)
    assert found.value == pytest.approx(wanted, abs=1.5e-3)


@printed("fairness.adverse_impact", source="Fisher (1935), The design of experiments, chapter II",
         what="3 of 4 cups right: 17 of 70 ways as good or better, 34 of 70 two-sided",
         seen="16 of 70 for three right and 1 of 70 for four, in course notes on the experiment")  # fmt: skip
def test_the_lady_tasting_tea():
    assert run("fisher", (3, 1, 1, 3))["p_value"] == pytest.approx(34 / 70)
    assert run("fisher", (4, 0, 0, 4))["p_value"] == pytest.approx(2 / 70)
    half_of_the_seen = 16 / 70 / 2
    assert run("lancaster_midp", (3, 1, 1, 3))["p_value"] == pytest.approx(34 / 70 - half_of_the_seen)


@printed("fairness.adverse_impact",
         source="Castaneda v. Partida, 430 U.S. 482 (1977), note 17: 339 of 870 grand jurors, "
         "79.1 % of the population",
         what="29 standard deviations",
         seen="339 of 870, 79.1 % and 29 standard deviations, in an online lesson on the case")  # fmt: skip
def test_standard_deviations_as_the_court_counts_them():
    """A z-test against a population so large that its rate is certain is the court's binomial one."""
    juror, population = (339, 870 - 339), (791_000_000, 209_000_000)
    z = run("z", (*juror, *population))["statistic"]
    assert round(abs(z)) == 29
    expected = 870 * 0.791
    by_hand = (expected - 339) / math.sqrt(870 * 0.791 * 0.209)
    assert abs(z) == pytest.approx(by_hand, rel=1e-3)
    assert np.sign(z) == -1
