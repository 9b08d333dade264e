"""Catalogue entries of `fairness`: how errors differ between groups."""

from __future__ import annotations

from apps.engine.catalogue.common import (
    ADJUST,
    GROUP_CONVENTIONS,
    GROUP_EDGES,
    GROUP_WEIGHTS,
    GROUPS,
    PROPORTION,
)
from apps.engine.catalogue.fairness_rates import RATE_NAMES
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS

_NEEDS = ("predicted", "label", "protected", "weight?", "count?")
_POSITIVE = "Positive is the label value that the score predicts. "
_FOLDED = "A ratio above one counts as its inverse, so that 1 is equality whoever has the higher rate. "
_KATZ = "Wilson for rates; Katz log for ratios"
_COST = "one pass over the rows; everything else from counts"

CHECKS: tuple[Check, ...] = (
    Check(
        id="fairness.equalized_odds_difference",
        function="fairness.errors:equalized_odds_difference",
        title="Equalised odds: larger gap in true- or false-positive rate",
        unit="difference of rates",
        range="[0, 1]",
        direction="lower",
        needs=_NEEDS,
        definition="The larger of the largest |TPR - TPR of the reference| and the same for FPR.",
        conventions=_POSITIVE + "Each rate finds its own reference. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS,
        interval="Wilson for rates; Newcombe for differences",
        cost=_COST,
        takes=COUNTS,
        references=("Hardt, Price, Srebro (2016), NeurIPS 29",),
        purpose="Shows whether either kind of error falls on one group more.",
        mechanism="Compares both rates between groups and takes the larger gap.",
        signs_of_high_risk="A gap beyond the firm's bound; gaps of opposite sign in the two rates.",
        strengths="Unchanged by the choice of the positive class; accounts for outcomes.",
        limitations="Cannot hold together with calibration where base rates differ; needs outcomes of all.",
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The equalised-odds difference is {value}.",
    ),
    Check(
        id="fairness.equalized_odds_ratio",
        function="fairness.errors:equalized_odds_ratio",
        title="Equalised odds: lower ratio of true- or false-positive rates",
        unit="ratio",
        range="[0, 1]",
        direction="higher",
        needs=_NEEDS,
        definition="The lower of the lowest TPR / TPR of the reference and the same for FPR.",
        conventions=_POSITIVE + _FOLDED + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS + " A higher rate of zero: undefined.",
        interval=_KATZ,
        cost=_COST,
        takes=COUNTS,
        references=("Hardt, Price, Srebro (2016), NeurIPS 29",),
        purpose="The same comparison as a ratio, which counts where rates are low.",
        mechanism="Divides both rates between groups and takes the lower ratio.",
        signs_of_high_risk=(
            "A low ratio of false-positive rates: one group is wrongly flagged much more often."
        ),
        strengths="Shows gaps in rare errors.",
        limitations="Depends on which class is positive; unstable for very rare errors.",
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The equalised-odds ratio is {value}.",
    ),
    Check(
        id="fairness.error_rate_ratio",
        function="fairness.errors:error_rate_ratio",
        title="Lowest ratio of an error rate between groups",
        unit="ratio",
        range="[0, 1]",
        direction="higher",
        needs=_NEEDS,
        definition=(
            "The chosen rate of the lower group divided by that of the higher one; the lowest over groups."
        ),
        conventions=_POSITIVE + _FOLDED + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS + " A higher rate of zero: undefined.",
        interval=_KATZ,
        cost=_COST,
        takes=COUNTS,
        references=("Chouldechova (2017), Big Data 5, 153-163",),
        purpose="Shows whether one kind of error is commoner in one group.",
        mechanism="Counts the error among those at risk of it in each group.",
        signs_of_high_risk="A ratio below the firm's bound in the error that harms people.",
        strengths="One rate at a time, chosen for the harm it does.",
        limitations="Says nothing of the other kinds of error.",
        args=(
            Arg(name="rate", type="string", default="fpr", choices=RATE_NAMES, help="The rate compared."),
            *GROUPS,
            PROPORTION,
            ADJUST,
        ),
        sentence="The lowest ratio of error rates is {value}.",
    ),
    Check(
        id="fairness.predictive_parity_ratio",
        function="fairness.errors:predictive_parity_ratio",
        title="Lowest ratio of positive predictive values",
        unit="ratio",
        range="[0, 1]",
        direction="higher",
        needs=_NEEDS,
        definition=(
            "tp / (tp + fp) of the lower group divided by that of the higher one; the lowest over groups."
        ),
        conventions=_POSITIVE + _FOLDED + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS + " Nobody predicted positive in a compared group: undefined.",
        interval=_KATZ,
        cost=_COST,
        takes=COUNTS,
        references=("Chouldechova (2017), Big Data 5, 153-163",),
        purpose="Shows whether a positive prediction means the same in every group.",
        mechanism="Compares the share of true positives among the predicted ones.",
        signs_of_high_risk="A low ratio: a flag means less in one group.",
        strengths="Speaks of what a decision maker sees.",
        limitations="Cannot hold together with equal error rates where base rates differ.",
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The lowest predictive-parity ratio is {value}.",
    ),
)
