"""Catalogue entries of `performance`: ranking, separation, confusion."""

from __future__ import annotations

from apps.engine.catalogue.common import AREA, CONFIDENCE, PROPORTION
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS, SCORES

_RANK_EDGES = (
    "One class, no rows or a constant score: insufficient. A missing or infinite score: undefined "
    "with the count."
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="performance.auc",
        function="performance:auc",
        title="Area under the ROC curve",
        unit="share of pairs",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "U / (N P): the share of pairs of a positive and a negative in which the positive scores higher."
        ),
        conventions=(
            "Ties count one half. Without differing weights the value is an exact fraction. Weights "
            "multiply pairs."
        ),
        edge_cases=_RANK_EDGES,
        interval=(
            "DeLong; auto takes the logit scale above 0.95, below 0.05 or under 50 rows in a class, delong "
            "and logit one scale always; at exactly 0 or 1 the exact binomial bound on disjoint pairs; none "
            "with one row in a class"
        ),
        cost="two sorts and a merge: n log n",
        takes=SCORES,
        references=(
            "DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845",
            "Sun, Xu (2014), IEEE Signal Processing Letters 21, 1389-1393",
            "Hanley, McNeil (1982), Radiology 143, 29-36",
        ),
        purpose="Shows whether the score orders people by risk at all.",
        mechanism="Sorts each class and counts, for each row, the other class's rows below it.",
        signs_of_high_risk=(
            "An interval that reaches 0.5; a large fall since development; a value near 1 (leakage)."
        ),
        strengths="Needs no threshold; unchanged by any monotone change of the score; exact error.",
        limitations=(
            "Says nothing of calibration or of the cut-off in use; blind to where on the curve errors fall."
        ),
        args=(CONFIDENCE, AREA),
        sentence="The AUC is {value}.",
    ),
    Check(
        id="performance.ks",
        function="performance:ks",
        title="Kolmogorov-Smirnov separation of the classes",
        unit="difference of shares",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "max over t of |F0(t) - F1(t)|, F0 and F1 the shares of negatives and positives scored at most t."
        ),
        conventions=(
            "Compared after all rows with the same score; the first place of the largest gap is reported. "
            "With weights the curves are shares of weight."
        ),
        edge_cases=_RANK_EDGES,
        interval=(
            "band: below, the gap less Smirnov's one-sided bound, which all cuts keep at once; above, the "
            "largest of Newcombe's limits over all cuts; it holds the truth at least as often as it says. Or "
            "newcombe at the cut found, the search for it not counted. With weights on Kish's effective sizes"
        ),
        cost="two sorts and a merge: n log n",
        takes=SCORES,
        references=(
            "Siddiqi (2006), Credit Risk Scorecards, ch. 6",
            "Newcombe (1998), Stat. Med. 17, 873-890",
            "Smirnov (1939), Bulletin Moscow University 2(2), 3-14",
            "Wei, Dudley (2012), Statistics and Probability Letters 82, 636-644",
        ),
        purpose="The largest separation that any single cut-off reaches.",
        mechanism="Walks the distinct scores upwards and compares both cumulative shares.",
        signs_of_high_risk="A fall since development; the largest gap far from the cut-off in use.",
        strengths="Simple, exact, known to every credit committee.",
        limitations=("One point of the curve; biased upwards in small samples; the interval allows for it."),
        args=(
            CONFIDENCE,
            Arg(
                name="interval",
                type="string",
                default="band",
                choices=("band", "newcombe"),
                help="Method of the interval.",
            ),
        ),
        sentence="The KS separation is {value}.",
    ),
    Check(
        id="performance.confusion",
        function="performance:confusion",
        title="Confusion matrix with every rate",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("predicted", "label", "weight?", "count?"),
        definition=(
            "The value is the accuracy (tp + tn) / n; tables hold all cells and all rates with intervals."
        ),
        conventions="Positive is the label value that the score predicts. Exact fractions of counts.",
        edge_cases=(
            "No rows: insufficient. A rate with denominator zero is null, with its counts. Weights that "
            "differ: rates of sums of weights, which parameters show; the counts stay rows."
        ),
        interval="Wilson; Clopper-Pearson or Jeffreys on request; with weights on Kish's effective size",
        cost="one pass over the rows",
        takes=COUNTS,
        references=("Fawcett (2006), Pattern Recognition Letters 27, 861-874",),
        purpose="Shows which errors the decision makes, and how many.",
        mechanism="Counts the four cells once and derives every rate from them.",
        signs_of_high_risk=(
            "Accuracy no better than the larger class's share; a sensitivity or precision near zero."
        ),
        strengths="Complete: every other rate can be worked out from it by hand.",
        limitations="Accuracy misleads where classes are unequal; look at the rates.",
        args=(CONFIDENCE, PROPORTION),
        sentence="The accuracy is {value}.",
    ),
)
