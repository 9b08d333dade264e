"""Printed figures through the door that users take: a file, a manifest, and a check by its id."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.engine.measure import measure
from apps.engine.subject import load
from tests.engine.published.printed import printed
from tests.engine.subjects import write_subject

Table = Mapping[str, Sequence[Any]]
Asked = Callable[..., dict[str, Any]]
NONE = {"favourable": None, "score": None, "decision": None, "protected": None, "label": None}
DECIDED = {"decision": {"column": "chosen", "favourable": "yes"}, "protected": ["group"]}
FORECAST = {"label": {"column": "came", "positive": 1}, "score": {"column": "p"}}
PREDICTED = {
    "label": {"column": "came", "positive": 1},
    "decision": {"column": "said", "positive": 1},
    "favourable": 0,
}


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """What a check says of a table, and perhaps of one to compare it with."""

    def ask(check: str, table: Table, roles: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        then, features = more.pop("then", None), more.pop("features", None)
        tables = {"holdout": table} | ({"development": then} if then else {})
        spec = {"features": features} if features else {}
        path = write_subject(tmp_path, tables, roles={**NONE, **roles}, **spec)
        return measure(check, load(path), arguments=more).as_json()

    return ask


def people(**groups: tuple[int, int]) -> Table:
    """So many chosen of so many, group by group."""
    rows = [(name, "yes" if i < k else "no") for name, (k, n) in groups.items() for i in range(n)]
    return {"group": [g for g, _ in rows], "chosen": [c for _, c in rows]}


# Albumin, total protein, ten less the K-G score, and death within two months, of 43 women.
OVARIAN = """
3.0 5.8 10 0   3.2 6.3 5 1   3.9 6.8 3 1   2.8 4.8 6 0   3.2 5.8 3 1   0.9 4.0 5 0   2.5 5.7 8 0
1.6 5.6 5 1    3.8 5.7 5 1   3.7 6.7 6 1   3.2 5.4 4 1   3.8 6.6 6 1   4.1 6.6 5 1   3.6 5.7 5 1
4.3 7.0 4 1    3.6 6.7 4 0   2.3 4.4 6 1   4.2 7.6 4 0   4.0 6.6 6 0   3.5 5.8 6 1   3.8 6.8 7 1
3.0 4.7 8 0    4.5 7.4 5 1   3.7 7.4 5 1   3.1 6.6 6 1   4.1 8.2 6 1   4.3 7.0 5 1   4.3 6.5 4 1
3.2 5.1 5 1    2.6 4.7 6 1   3.3 6.8 6 0   1.7 4.0 7 0   3.7 6.1 5 1   3.3 6.3 7 1   4.2 7.7 6 1
3.5 6.2 5 1    2.9 5.7 9 0   2.1 4.8 7 1   2.8 6.2 8 0   4.0 7.0 7 1   3.3 5.7 6 1   3.7 6.9 5 1
3.6 6.6 5 1
"""


@printed(
    "performance.auc", "performance.auc_versus",
    source="DeLong, DeLong, Clarke-Pearson (1988), ovarian cancer, as SAS/STAT's LOGISTIC procedure analyses "
    "43 of the 49 women in its example of comparing ROC curves",
    what="areas 0.7366 (0.5549 to 0.9182), 0.6478 (0.4518 to 0.8439) and 0.7258 (0.5243 to "
    "0.9273); differences 0.0108 (-0.1761 to 0.1976, p = 0.9102) and -0.0780 "
    "(-0.2830 to 0.1271, p = 0.4561)",
    seen="the 43 rows, in the manual's example; areas, intervals and p-values recalled",
)  # fmt: skip
def test_three_scores_for_ovarian_cancer(asked: Asked) -> None:
    figures = OVARIAN.split()
    albumin, protein, points, died = (figures[i::4] for i in range(4))
    score = [10 - int(k) for k in points]
    table = {"albumin": albumin, "protein": protein, "kg": score, "came": died}
    areas = {
        "albumin": (0.7366, 0.5549, 0.9182),
        "protein": (0.6478, 0.4518, 0.8439),
        "kg": (0.7258, 0.5243, 0.9273),
    }
    for name, area in areas.items():
        roles = {"label": FORECAST["label"], "score": {"column": name}}
        answer = asked("performance.auc", table, roles, interval="delong")
        assert tuple(round(figure, 4) for figure in (answer["value"], *answer["interval"])) == area
    for name, printed_row in {
        "albumin": (0.0108, -0.1761, 0.1976, 0.9102),
        "protein": (-0.0780, -0.2830, 0.1271, 0.4561),
    }.items():
        roles = {"label": FORECAST["label"], "score": {"column": name}}
        answer = asked("performance.auc_versus", table, roles, column="kg")
        row = (answer["value"], *answer["interval"], answer["tables"]["test"][0]["p_value"])
        assert tuple(round(figure, 4) for figure in row) == printed_row


@printed(
    "fairness.selection_rate_ratio", "fairness.adverse_impact",
    source="Connecticut v. Teal, 457 U.S. 440 (1982): 26 of 48 black and 206 of 259 white candidates passed",
    what="a rate of 54.17 %, 68 % of that of white candidates",
    seen="the counts and 54.17 %, in the oral argument; 68 %, in the syllabus",
)  # fmt: skip
def test_the_examination_of_connecticut_v_teal(asked: Asked) -> None:
    table = people(black=(26, 48), white=(206, 259))
    found = asked("fairness.selection_rate_ratio", table, DECIDED)
    assert {g["group"]: round(100 * g["value"], 2) for g in found["groups"]}["black"] == 54.17
    assert round(100 * found["value"]) == 68
    assert asked("fairness.adverse_impact", table, DECIDED)["parameters"]["outcome"] == "fail"


@printed(
    "fairness.selection_rate_ratio", "fairness.selection_rate_difference",
    source="Connecticut v. Teal, 457 U.S. 440 (1982): promoted in the end, 11 of 48 and 35 of 259",
    what="22.9 and 13.5 %",
    seen="both shares, in the syllabus; the counts recalled",
)  # fmt: skip
def test_the_bottom_line_of_connecticut_v_teal(asked: Asked) -> None:
    found = asked("fairness.selection_rate_ratio", people(black=(11, 48), white=(35, 259)), DECIDED)
    assert {g["group"]: round(100 * g["value"], 1) for g in found["groups"]} == {"black": 22.9, "white": 13.5}
    assert found["parameters"]["reference_groups"] == {"group": "black"}


@printed(
    "fairness.selection_rate_ratio", "fairness.selection_rate_difference",
    source="Boston mortgage applications (Munnell et al. 1996), as in Stock, Watson, Introduction to "
    "econometrics: 96 of 339 black and 189 of 2,041 white applicants denied",
    what="28.3 and 9.3 % denied",
)  # fmt: skip
def test_mortgages_in_boston(asked: Asked) -> None:
    found = asked(
        "fairness.selection_rate_difference", people(black=(339 - 96, 339), white=(2041 - 189, 2041)), DECIDED
    )
    denied = {g["group"]: round(100 * (1 - g["value"]), 1) for g in found["groups"]}
    assert denied == {"black": 28.3, "white": 9.3}


@printed(
    "fairness.selection_rate_ratio", "fairness.selection_rate_difference", "fairness.group_rates",
    source="fairlearn's manual, example of MetricFrame",
    what="selection rates 0.8 and 0.4, difference 0.4, ratio 0.5; accuracies 0.8 and 0.6",
    seen="the docstring of version 0.15.0",
)  # fmt: skip
def test_ten_rows_of_fairlearns_manual(asked: Asked) -> None:
    table = {
        "came": [1, 1, 1, 1, 1, 0, 0, 1, 1, 0],
        "said": [0, 1, 1, 1, 1, 0, 0, 0, 1, 1],
        "sex": ["Female"] * 5 + ["Male"] * 5,
    }
    roles = {
        **PREDICTED,
        "favourable": 1,
        "decision": {"column": "said", "favourable": 1},
        "protected": ["sex"],
    }
    assert asked("fairness.selection_rate_difference", table, roles, min_group_size=1)["value"] == 0.4
    assert asked("fairness.selection_rate_ratio", table, roles, min_group_size=1)["value"] == 0.5
    found = asked("fairness.group_rates", table, roles, min_group_size=1)["groups"]
    rates = {g["group"]: (g["rates"]["accuracy"], g["rates"]["selection_rate"]) for g in found}
    assert (rates["Female"], rates["Male"]) == ((0.8, 0.8), (0.6, 0.4))


@printed("calibration.brier", source="scikit-learn's manual, example of brier_score_loss", what="0.0375",
         seen="the docstring of version 1.9.1")  # fmt: skip
@printed(
    "calibration.reliability_curve", source="scikit-learn's manual, example of calibration_curve",
    what="outcome rates 0, 0.5 and 1 at mean scores 0.2, 0.525 and 0.85",
    seen="the docstring of version 1.9.1",
)  # fmt: skip
def test_forecasts_of_scikit_learns_manual(asked: Asked) -> None:
    four = {"came": [0, 1, 1, 0], "p": [0.1, 0.9, 0.8, 0.3]}
    assert asked("calibration.brier", four, FORECAST)["value"] == pytest.approx(0.0375, abs=1e-15)
    nine = {"came": [0, 0, 0, 0, 1, 1, 1, 1, 1], "p": [0.1, 0.2, 0.3, 0.4, 0.65, 0.7, 0.8, 0.9, 1.0]}
    curve = asked("calibration.reliability_curve", nine, FORECAST, bins=3, binning="width")["tables"]["curve"]
    assert [row["rate"] for row in curve] == [0, 0.5, 1]
    assert [row["mean_score"] for row in curve] == pytest.approx([0.2, 0.525, 0.85])


@printed("performance.balanced_accuracy", source="scikit-learn's manual, example of balanced_accuracy_score",
         what="0.625", seen="the docstring of version 1.9.1")  # fmt: skip
@printed("performance.confusion", source="scikit-learn's manual, example of confusion_matrix",
         what="0 true negatives, 2 false positives, 1 false negative and 1 true positive",
         seen="the docstring of version 1.9.1")  # fmt: skip
def test_decisions_of_scikit_learns_manual(asked: Asked) -> None:
    six = {"came": [0, 1, 0, 0, 1, 0], "said": [0, 1, 0, 0, 0, 1]}
    assert asked("performance.balanced_accuracy", six, PREDICTED)["value"] == 0.625
    four = {"came": [0, 1, 0, 1], "said": [1, 1, 1, 0]}
    counts = asked("performance.confusion", four, PREDICTED)["groups"][0]["counts"]
    assert counts == {"tn": 0, "fp": 2, "fn": 1, "tp": 1}


@printed("calibration.grade_binomial", source="scipy's manual, example of binomtest: 3 of 15 cars at 10 %",
         what="p = 0.18406106910639114", seen="the docstring of version 1.17.1")  # fmt: skip
@printed("performance.accuracy", source="scipy's manual, example of BinomTestResult.proportion_ci: 7 of 50",
         what="Clopper-Pearson 0.05819170033997342 to 0.26739600249700846",
         seen="the docstring of version 1.17.1")  # fmt: skip
def test_binomials_of_scipys_manual(asked: Asked) -> None:
    cars = {"came": [1] * 3 + [0] * 12, "p": [0.1] * 15}
    assert asked("calibration.grade_binomial", cars, FORECAST)["value"] == pytest.approx(0.18406106910639114)
    right = {"came": [1] * 7 + [0] * 43, "said": [1] * 50}
    found = asked("performance.accuracy", right, PREDICTED, interval="clopper_pearson")["interval"]
    assert found == pytest.approx([0.05819170033997342, 0.26739600249700846], abs=1e-12)


@printed("stability.wasserstein", source="scipy's manual, examples of wasserstein_distance",
         what="5.0, and 0.25 with repeated values", seen="the docstring of version 1.17.1")  # fmt: skip
@printed("stability.chi_square_shift", source="scipy's manual, example of chi2_contingency",
         what="2.7777777777777777 on 2 df, p = 0.24935220877729619",
         seen="the docstring of version 1.17.1")  # fmt: skip
def test_shifts_of_scipys_manual(asked: Asked) -> None:
    for now, then, wanted in (([0, 1, 3], [5, 6, 8], 5.0), ([0, 0, 0, 1], [0, 0, 1, 1], 0.25)):
        found = asked("stability.wasserstein", {"x": now}, {}, then={"x": then}, features=["x"])
        assert found["tables"]["features"][0]["distance"] == wanted
    first, second = ([c for c, n in zip("abc", row, strict=True) for _ in range(n)] for row in TWO_ROWS)
    row = asked("stability.chi_square_shift", {"x": first}, {}, then={"x": second}, features=["x"])
    test = row["tables"]["features"][0]
    assert (test["statistic"], test["p_value"]) == pytest.approx((2.7777777777777777, 0.24935220877729619))
    assert test["df"] == 2


TWO_ROWS = ((10, 10, 20), (20, 20, 20))


@printed("fairness.adverse_impact", source="scipy's manual, example of fisher_exact: 8 of 10 against 1 of 6",
         what="p = 0.034965034965034975", seen="the docstring of version 1.17.1")  # fmt: skip
@printed(
    "fairness.adverse_impact",
    source="Fisher (1962), criminal twins: 2 of 17 dizygotic and 10 of 13 monozygotic ones convicted",
    what="p = 0.0005367, two-sided",
    seen="the counts, in R's example of fisher.test; the p-value recalled",
)  # fmt: skip
@pytest.mark.parametrize(
    ("first", "second", "p_value"), [((8, 10), (1, 6), 0.034965), ((10, 13), (2, 17), 0.0005367)]
)
def test_fishers_test_in_small_tables(
    asked: Asked, first: tuple[int, int], second: tuple[int, int], p_value: float
) -> None:
    found = asked("fairness.adverse_impact", people(a=first, b=second), DECIDED, min_group_size=1)
    assert found["tables"]["tests"][0]["p_value"] == pytest.approx(p_value, rel=1e-4)


# Doses of caffeine by 50 mg, 30 volunteers each: how many had an A.
GRADES = (10, 13, 17, 15, 10, 5, 4, 3, 3, 1, 0)


@printed(
    "calibration.hosmer_lemeshow",
    source="Wikipedia, Hosmer-Lemeshow test: 330 volunteers, caffeine and a test of memory",
    what="17.46 on 11 - 2 = 9 df, p = 0.042, dose by dose",
    seen="the counts, in the article; statistic and p-value recalled",
)  # fmt: skip
def test_caffeine_and_memory(asked: Asked) -> None:
    """The scores are those of the logistic curve fitted to the eleven doses."""
    expected = [1 / (1 + math.exp(0.00644164 * 50 * dose - 0.23846943)) for dose in range(11)]
    table = {
        "p": [p for p in expected for _ in range(30)],
        "came": [int(i < graded) for graded in GRADES for i in range(30)],
    }
    found = asked("calibration.hosmer_lemeshow", table, FORECAST, binning="unique", sample="fitted")
    test = found["tables"]["test"][0]
    assert (round(test["statistic"], 2), test["df"], round(test["p_value"], 3)) == (17.46, 9, 0.042)


@printed(
    "calibration.ece", source="a calculator's example of Guo et al. (2017): ten forecasts in five bins",
    what="0.1640, largest 0.4500; bins of 1, 4 and 5 forecasts with gaps of 0.45, 0.1675 and 0.104",
    seen="the bins and both figures, at induwara.lk",
)  # fmt: skip
def test_ten_forecasts_in_five_bins(asked: Asked) -> None:
    table = {
        "p": [0.55] + [0.6675] * 4 + [0.896] * 5,
        "came": [1, 1, 1, 0, 0, 1, 1, 1, 1, 1],
    }
    assert asked("calibration.ece", table, FORECAST, bins=5)["value"] == pytest.approx(0.164)
    assert asked("calibration.ece", table, FORECAST, bins=5, norm="max")["value"] == pytest.approx(0.45)
