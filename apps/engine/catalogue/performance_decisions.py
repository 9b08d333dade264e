"""Catalogue entries of `performance`: single figures of the decision."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE, PROPORTION
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS

_FAWCETT = ("Fawcett (2006), Pattern Recognition Letters 27, 861-874",)
_COST = "one pass over the rows"
_CONVENTIONS = (
    "Positive is the label value that the score predicts. Exact fractions of counts; with weights, ratios of "
    "their sums."
)
_EDGES = "No rows: insufficient. Denominator zero: undefined. One class is said in a note."
_WILSON = "Wilson; Clopper-Pearson or Jeffreys on request; with weights on Kish's effective size"
_BOOTSTRAP = (
    "bootstrap of the four cells; with weights normal on the linearised figure, none where that has no "
    "variance"
)


def _rate(  # one text differs from rate to rate, the rest is shared
    name: str, title: str, definition: str, purpose: str, signs: str, limitations: str
) -> Check:
    return Check(
        id=f"performance.{name}",
        function=f"performance_decisions:{name}",
        title=title,
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("predicted", "label", "weight?", "count?"),
        definition=definition,
        conventions=_CONVENTIONS,
        edge_cases=_EDGES,
        interval=_WILSON,
        cost=_COST,
        takes=COUNTS,
        references=_FAWCETT,
        purpose=purpose,
        mechanism="Counts the cells of the confusion matrix and divides.",
        signs_of_high_risk=signs,
        strengths="Exact, and read by everybody in the same way.",
        limitations=limitations,
        args=(CONFIDENCE, PROPORTION),
        sentence=title + " is {value}.",
    )


CHECKS: tuple[Check, ...] = (
    _rate(
        "accuracy",
        "Accuracy",
        "(tp + tn) / n: the share of right decisions.",
        "Shows how often the decision is right.",
        "No better than the larger class's share.",
        "Misleads where classes are unequal.",
    ),
    _rate(
        "precision",
        "Precision",
        "tp / (tp + fp): the share of predicted positives that are positive.",
        "Shows how far a positive prediction can be trusted.",
        "Near the base rate: a prediction that says nothing.",
        "Changes with the base rate; blind to positives that are missed.",
    ),
    _rate(
        "recall",
        "Recall (sensitivity)",
        "tp / (tp + fn): the share of positives that are predicted so.",
        "Shows how many of those who matter are found.",
        "A low share where missing one is costly.",
        "Can be bought with false alarms; look at precision too.",
    ),
    _rate(
        "specificity",
        "Specificity",
        "tn / (tn + fp): the share of negatives that are predicted so.",
        "Shows how many of the others are left alone.",
        "A low share where a false alarm harms people.",
        "Can be bought with missed positives.",
    ),
    _rate(
        "negative_predictive_value",
        "Negative predictive value",
        "tn / (tn + fn): the share of predicted negatives that are negative.",
        "Shows how far a negative prediction can be trusted.",
        "Near the share of negatives: a prediction that says nothing.",
        "Changes with the base rate.",
    ),
    Check(
        id="performance.balanced_accuracy",
        function="performance_decisions:balanced_accuracy",
        title="Balanced accuracy",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("predicted", "label", "weight?", "count?", "seed"),
        definition="(recall + specificity) / 2.",
        conventions=_CONVENTIONS,
        edge_cases="No rows or one class: insufficient.",
        interval=_BOOTSTRAP,
        cost=_COST,
        takes=COUNTS,
        references=("Brodersen et al. (2010), ICPR, 3121-3124",),
        purpose="Accuracy that unequal classes do not inflate.",
        mechanism="Averages the share found right in each class.",
        signs_of_high_risk="Near 0.5: chance.",
        strengths="Both classes count the same.",
        limitations="Weighs both errors equally, whatever they cost.",
        args=(CONFIDENCE,),
        sentence="The balanced accuracy is {value}.",
    ),
    Check(
        id="performance.f_beta",
        function="performance_decisions:f_beta",
        title="F-beta",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("predicted", "label", "weight?", "count?", "seed"),
        definition="(1 + b²) tp / ((1 + b²) tp + b² fn + fp).",
        conventions="beta 1 weighs recall and precision equally. " + _CONVENTIONS,
        edge_cases=(
            "No rows: insufficient. No row positive or predicted so: undefined. One class is said in a note."
        ),
        interval=_BOOTSTRAP,
        cost=_COST,
        takes=COUNTS,
        references=("van Rijsbergen (1979), Information Retrieval, ch. 7",),
        purpose="One figure for finding positives and being right about them.",
        mechanism="The harmonic mean of precision and recall, recall weighted by beta.",
        signs_of_high_risk="A large fall since development.",
        strengths="Punishes a model that neglects either.",
        limitations="Ignores true negatives; changes with the base rate.",
        args=(
            Arg(name="beta", type="number", default=1.0, minimum=0.01, maximum=100, help="Weight of recall."),
            CONFIDENCE,
        ),
        sentence="F-beta is {value}.",
    ),
    Check(
        id="performance.mcc",
        function="performance_decisions:mcc",
        title="Matthews' correlation",
        unit="correlation",
        range="[-1, 1]",
        direction="higher",
        needs=("predicted", "label", "weight?", "count?", "seed"),
        definition="(tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)).",
        conventions=_CONVENTIONS,
        edge_cases=("No rows or one class: insufficient. All predicted alike: undefined."),
        interval=_BOOTSTRAP,
        cost=_COST,
        takes=COUNTS,
        references=("Matthews (1975), Biochimica et Biophysica Acta 405, 442-451",),
        purpose="One figure that is high only where all four cells are good.",
        mechanism="The correlation of two yes-or-no variables.",
        signs_of_high_risk="Near 0: chance.",
        strengths="Fair to both classes, whatever their sizes.",
        limitations="Hard to translate into people or money.",
        args=(CONFIDENCE,),
        sentence="Matthews' correlation is {value}.",
    ),
)
