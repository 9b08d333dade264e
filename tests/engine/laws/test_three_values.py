"""Every check has a defined answer to hard input: a number, or why there is none, and nothing in between."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from apps.engine.errors import BadInput
from apps.engine.values import Measured
from tests.engine.laws.specimens import CHECKS, TIMED, Table, World, as_bytes, needs, people, reading

Change = Callable[[Table], Table]


def like(**columns: object) -> Change:
    """The table with whole columns replaced."""
    return lambda table: {**table, **{name: [v] * len(table["score"]) for name, v in columns.items()}}


def first(n: int) -> Change:
    """The first rows only."""
    return lambda table: {name: values[:n] for name, values in table.items()}


def spoilt(name: str, value: float | None) -> Change:
    """One value replaced."""
    return lambda table: {**table, name: [value, *table[name][1:]]}


def huge(table: Table) -> Table:
    """Numbers at the end of what floating point holds, and integers beyond it."""
    n = len(table["score"])
    ends = [1e308 * (-1) ** i for i in range(n)]
    return {**table, "income": ends, "debt": [float(2**63 + 4096 * i) for i in range(n)]}


CASES: dict[str, Change] = {
    "no rows": first(0),
    "one row": first(1),
    "four rows": first(4),
    "all positive": like(label=1),
    "all negative": like(label=0),
    "everybody selected": like(approved="yes"),
    "nobody selected": like(approved="no"),
    "one group": like(sex="F", race="a"),
    "no attribute known": like(sex=None, race=None),
    "constant score": like(score=0.3),
    "one score missing": spoilt("score", None),
    "one score infinite": spoilt("score", math.inf),
    "no score at all": like(score=None),
    "score beyond one": spoilt("score", 1.5),
    "score below zero": spoilt("score", -0.5),
    "all rows equal": lambda table: {name: [v[0]] * len(v) for name, v in table.items()},
    "features all missing": like(income=None, debt=None, age=None, region=None),
    "a feature infinite": spoilt("income", math.inf),
    "huge features": huge,
    "one period": like(period="2025-01"),
    "periods without order": like(period="then"),
    "no period": like(period=None),
}
# What a case touches; the others touch everything.
TOUCHED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("all positive", "all negative"), ("label", "deserving", "target", "roles")),
    **dict.fromkeys(("everybody selected", "nobody selected"), ("selected", "predicted", "roles")),
    **dict.fromkeys(("one group", "no attribute known"), ("protected", "roles", "columns")),
    **dict.fromkeys(
        ("constant score", "one score missing", "one score infinite", "no score at all", "score beyond one",
         "score below zero"),
        ("score", "roles", "score_column"),
    ),
    **dict.fromkeys(("features all missing", "a feature infinite", "huge features"), ("features", "columns")),
    **dict.fromkeys(("one period", "periods without order", "no period"), ("period", "columns")),
}  # fmt: skip
UNTIMED = [check_id for check_id in CHECKS if check_id not in TIMED]
SCORED = [c for c in reading("score") if c != "robustness.implementation_equivalence"]
# These state facts of a manifest, a file or a model and not of rows.
ROWLESS = {
    "documents.present", "security.artifact_scan", "security.digest", "security.sbom",
    "fairness.prohibited_features",
}  # fmt: skip
COMPARING = {
    "fairness.adverse_impact", "fairness.auc_gap", "fairness.calibration_gap",
    "fairness.conditional_adverse_impact", "fairness.differential_fairness",
    "fairness.equal_opportunity_difference", "fairness.equalized_odds_difference",
    "fairness.equalized_odds_ratio", "fairness.error_rate_ratio", "fairness.group_rates",
    "fairness.less_discriminatory_alternative", "fairness.ll144_scoring", "fairness.ll144_selection",
    "fairness.predictive_parity_ratio", "fairness.proxy_strength", "fairness.representation",
    "fairness.selection_rate_difference", "fairness.selection_rate_ratio",
    "fairness.standardized_mean_difference",
}  # fmt: skip
FLOORED = COMPARING - {"fairness.ll144_scoring", "fairness.ll144_selection", "fairness.representation"}
RANKING = {
    "fairness.auc_gap", "fairness.less_discriminatory_alternative", "fairness.ll144_scoring",
    "performance.auc", "performance.auc_versus", "performance.average_precision",
    "performance.concentration", "performance.gini", "performance.ks", "performance.lift_and_gain",
    "performance.rank_ordering", "calibration.slope", "stability.trend",
    "fairness.standardized_mean_difference", "explainability.surrogate_fidelity",
}  # fmt: skip
PROBABLE = {c for c in CHECKS if c.startswith("calibration.")} | {
    "performance.log_loss", "fairness.calibration_gap",
}  # fmt: skip
TWO_CLASSES = {
    "performance.auc", "performance.auc_versus", "performance.average_precision",
    "performance.balanced_accuracy", "performance.gini", "performance.ks", "performance.lift_and_gain",
    "performance.mcc", "performance.rank_ordering", "calibration.slope", "fairness.auc_gap",
    "fairness.equalized_odds_difference", "fairness.equalized_odds_ratio",
}  # fmt: skip
# Grades without a default, and differences that need no second class, are numbers in their own right.
ONE_CLASS_IS_USUAL = {
    "calibration.grade_binomial", "calibration.grade_jeffreys", "calibration.hosmer_lemeshow",
    "calibration.in_the_large", "calibration.low_default_pd", "calibration.reliability_curve",
    "calibration.spiegelhalter", "calibration.traffic_light", "fairness.calibration_gap",
    "fairness.equal_opportunity_difference", "fairness.generalized_entropy", "fairness.group_rates",
    "robustness.weak_segments",
}  # fmt: skip
# One row, no number: what these say of one row would pass for good news.
NOT_OF_ONE_ROW = {
    "calibration.hosmer_lemeshow", "calibration.reliability_curve", "calibration.spiegelhalter",
    "calibration.slope", "explainability.partial_dependence", "explainability.interaction",
    "explainability.reason_code_stability", "fairness.consistency", "fairness.generalized_entropy",
    "performance.auc", "performance.ks", "performance.r2", "performance.mcc", "stability.psi",
    "stability.trend",
} | (COMPARING - {"fairness.representation"})  # fmt: skip


def sentence(words: str) -> bool:
    """Whether it reads as one."""
    return len(words) > 10 and words.rstrip().endswith((".", "?"))


def answer(world: World, check_id: str, case: str) -> Measured | None:
    """What the check says of the case; None where it refuses the input in a sentence."""
    try:
        return world.but(table=CASES[case](world.table)).measured(check_id)
    except BadInput as refused:
        return None if sentence(str(refused)) else pytest.fail(f"no sentence: {refused}")


@pytest.mark.parametrize(
    ("check_id", "case"),
    [(c, case) for c in UNTIMED for case in CASES if needs(c) & set(TOUCHED.get(case, needs(c)))],
)
def test_a_number_or_why_there_is_none(check_id: str, case: str, world: World, known: Callable) -> None:
    known(check_id, f"{case}, answered")
    found = answer(world, check_id, case)
    if found is None:
        return
    as_bytes(found)
    assert found.status in {"measured", "insufficient", "undefined"}
    if found.status == "measured":
        assert found.value is not None
        assert math.isfinite(found.value)
    else:
        assert (found.value, found.exact) == (None, None)
        assert found.notes
        assert all(sentence(note) for note in found.notes)


def none_of(case: str, checks: object) -> list[object]:
    return [pytest.param(c, case, id=f"{c}-{case}") for c in sorted(checks)]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("check_id", "case"),
    [
        *none_of("no rows", set(UNTIMED) - ROWLESS),
        *none_of("one row", NOT_OF_ONE_ROW),
        *none_of("four rows", FLOORED),
        *none_of("one group", COMPARING),
        *none_of("no attribute known", COMPARING),
        *none_of("constant score", RANKING),
        *none_of("one score missing", SCORED),
        *none_of("one score infinite", SCORED),
        *none_of("no score at all", reading("score")),
        *none_of("score beyond one", PROBABLE),
        *none_of("score below zero", PROBABLE),
        *none_of("all positive", TWO_CLASSES),
        *none_of("all negative", TWO_CLASSES),
        *none_of(
            "features all missing",
            {
                "robustness.perturbation_flip_rate", "robustness.missing_input", "robustness.extreme_input",
                "explainability.reason_codes", "stability.ks_shift", "stability.wasserstein",
            },
        ),
        *none_of("all rows equal", {"explainability.partial_dependence", "explainability.reason_codes"}),
        *none_of("no period", {"stability.trend"}),
        *none_of("one period", {"stability.trend"}),
    ],
)  # fmt: skip
def test_never_a_number_that_looks_fine(check_id: str, case: str, world: World, known: Callable) -> None:
    known(check_id, case)
    found = answer(world, check_id, case)
    assert found is None or found.status != "measured", f"{check_id} says {found.value}"


@pytest.mark.parametrize("check_id", sorted(set(reading("label", "deserving")) - ONE_CLASS_IS_USUAL))
def test_one_class_is_said(check_id: str, world: World, known: Callable) -> None:
    known(check_id, "one class is said")
    for case in ("all positive", "all negative"):
        found = answer(world, check_id, case)
        assert found is not None
        words = " ".join(found.notes)
        assert found.status != "measured" or "All 240 labels" in words or "class" in words, case


def test_a_row_that_neither_copy_scores_is_said(world: World, known: Callable) -> None:
    known("robustness.implementation_equivalence", "one score missing")
    found = answer(world, "robustness.implementation_equivalence", "one score missing")
    assert found is not None
    assert found.status != "measured" or "1 of 240" in " ".join(found.notes)


def test_a_check_that_has_no_number_still_counts(world: World) -> None:
    """Statuses other than measured keep the rows they rest on, and the groups where there are any."""
    for check_id in sorted(COMPARING - {"fairness.proxy_strength"}):
        found = answer(world, check_id, "one group")
        assert found is not None
        assert found.n == len(people()["score"]), check_id
