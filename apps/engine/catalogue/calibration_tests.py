"""Catalogue entries of `calibration`: tests and errors over bins."""

from __future__ import annotations

from apps.engine.catalogue.calibration_brier import BINNING, BINS
from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import SCORES

QUANTILES = Arg(
    name="binning",
    type="string",
    default="quantile",
    choices=("quantile", "width", "unique"),
    help="Equal counts, equal width on [0, 1], or every distinct score.",
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="calibration.ece",
        function="calibration_tests:ece",
        title="Expected calibration error",
        unit="probability",
        range="[0, 1]",
        direction="lower",
        needs=("score", "label", "weight?", "count?", "seed"),
        definition=(
            "The distance of mean score and outcome rate over bins: mean (l1), root mean square (l2) or "
            "largest (max)."
        ),
        conventions="Bins are closed above. Empty bins count nothing. Weights multiply rows.",
        edge_cases=("No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined."),
        interval=(
            "bootstrap of (bin, outcome) counts, with weights at Kish's effective size: below, the error "
            "less how far draws lie from the sample; above, raised by how far they fall below their mean"
        ),
        cost="one pass and a sort",
        takes=SCORES,
        references=(
            "Naeini, Cooper, Hauskrecht (2015), AAAI, 2901-2907",
            "Kumar, Liang, Ma (2019), NeurIPS 32",
        ),
        purpose="One figure for how far probabilities are from frequencies.",
        mechanism="Bins the scores and averages the gaps.",
        signs_of_high_risk="A value beyond the firm's bound; one bin with a large gap where decisions fall.",
        strengths="In points of probability; shows each bin.",
        limitations=(
            "Depends on the bins; biased upwards in small samples; errors within a bin cancel. The "
            "interval of max is too short where a bin has a handful of rows."
        ),
        args=(
            BINS,
            BINNING,
            Arg(name="norm", type="string", default="l1", choices=("l1", "l2", "max"), help="How bins join."),
            CONFIDENCE,
        ),
        sentence="The expected calibration error is {value}.",
    ),
    Check(
        id="calibration.reliability_curve",
        function="calibration_tests:reliability_curve",
        title="Share of rows in bins that are calibrated",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "Share of rows in bins whose mean score lies within the interval of the bin's outcome rate."
        ),
        conventions="Bins are closed above; the table has the curve. Weights multiply rows.",
        edge_cases=(
            "No rows or one row: insufficient. A score missing, infinite or outside 0 to 1: undefined."
        ),
        interval="Wilson for each bin's rate, with weights on Kish's effective size; none for the share",
        cost="one pass and a sort",
        takes=SCORES,
        references=("Murphy, Winkler (1977), Applied Statistics 26, 41-47",),
        purpose="Draws the reliability curve and counts where it holds.",
        mechanism="Compares each bin's mean score with the interval of its rate.",
        signs_of_high_risk="Bins outside on the same side: the score over- or understates.",
        strengths="Shows where the score is wrong, not only how much.",
        limitations="Wide intervals in small bins let much pass.",
        args=(BINS, QUANTILES, CONFIDENCE),
        sentence="A share of {value} of the rows lies in calibrated bins.",
    ),
    Check(
        id="calibration.in_the_large",
        function="calibration_tests:in_the_large",
        title="Mean score less outcome rate",
        unit="probability",
        range="[-1, 1]",
        direction="nearest",
        needs=("score", "label", "weight?", "count?"),
        definition="The mean of score - outcome.",
        conventions="Above 0 the risk is overstated. Weights multiply rows.",
        edge_cases=("No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined."),
        interval=(
            "normal, on the standard error of the differences, with weights linearised; none for one row"
        ),
        cost="one pass, sums exact",
        takes=SCORES,
        references=("Van Calster et al. (2019), BMC Medicine 17, 230",),
        purpose="Shows whether the score is right on average.",
        mechanism="Averages score minus outcome; tests it against the variance the scores imply.",
        signs_of_high_risk="An interval that excludes 0: the level is wrong.",
        strengths="Simple and exact.",
        limitations="Errors of opposite sign cancel.",
        args=(CONFIDENCE,),
        sentence="The mean score less the outcome rate is {value}.",
    ),
    Check(
        id="calibration.slope",
        function="calibration_tests:slope",
        title="Calibration slope",
        unit="slope",
        range="(-inf, inf)",
        direction="nearest",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "The coefficient of logit(score) in a logistic regression of the outcome with an intercept."
        ),
        conventions=(
            "1 is best; below 1 the scores are too extreme, above 1 too timid. Maximum likelihood by "
            "Newton's method."
        ),
        edge_cases=(
            "No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined. "
            "One class or a constant score: insufficient. Scores of 0 or 1, or separated "
            "classes: undefined."
        ),
        interval="Wald; with weights on the robust (sandwich) standard error",
        cost="a regression on the distinct scores",
        takes=SCORES,
        references=(
            "Cox (1958), Biometrika 45, 562-565",
            "Van Calster et al. (2019), BMC Medicine 17, 230",
        ),
        purpose="Shows whether scores are too extreme, the mark of overfitting.",
        mechanism="Regresses the outcome on the score's logit.",
        signs_of_high_risk="A slope well below 1.",
        strengths="One figure with a clear meaning.",
        limitations="Assumes a straight line on the logit scale.",
        args=(CONFIDENCE,),
        sentence="The calibration slope is {value}.",
    ),
    Check(
        id="calibration.hosmer_lemeshow",
        function="calibration_tests:hosmer_lemeshow",
        title="Hosmer-Lemeshow p-value",
        unit="probability",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "P(chi-square >= sum (o - e)² / (e (1 - e / n))) over bins, e the sum of the bin's scores."
        ),
        conventions=(
            "Degrees of freedom: the number of bins G for scores given from outside, G - 2 for the sample "
            "the model was fitted on."
        ),
        edge_cases=(
            "No rows or one row: insufficient. A score missing, infinite or outside 0 to 1: undefined. "
            "Weights that differ: refused. A bin with all scores 0 or 1: undefined."
        ),
        interval="none: a p-value",
        cost="one pass and a sort",
        takes=SCORES,
        references=("Hosmer, Lemeshow (1980), Communications in Statistics A 9, 1043-1069",),
        purpose="Tests whether binned outcomes fit the scores.",
        mechanism="Pearson's chi-square over bins.",
        signs_of_high_risk="A small p-value with bins off in the same direction.",
        strengths="Known everywhere.",
        limitations="Depends on the bins; rejects everything in large samples and nothing in small ones.",
        args=(
            BINS,
            QUANTILES,
            Arg(
                name="sample",
                type="string",
                default="external",
                choices=("external", "fitted"),
                help="Decides the degrees of freedom.",
            ),
        ),
        sentence="The Hosmer-Lemeshow p-value is {value}.",
    ),
    Check(
        id="calibration.spiegelhalter",
        function="calibration_tests:spiegelhalter",
        title="Spiegelhalter p-value",
        unit="probability",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition="Two-sided normal p-value of Z = sum (y - s)(1 - 2 s) / sqrt(sum (1 - 2 s)² s (1 - s)).",
        conventions="No bins. With weights Z is a weighted sum over its own standard deviation.",
        edge_cases=(
            "No rows or one row: insufficient. A score missing, infinite or outside 0 to 1: undefined. "
            "All scores 0, 1/2 or 1: undefined."
        ),
        interval="none: a p-value",
        cost="one pass, sums exact",
        takes=SCORES,
        references=("Spiegelhalter (1986), Statistics in Medicine 5, 421-433",),
        purpose="Tests calibration without bins.",
        mechanism="Compares the Brier score with what the scores themselves imply.",
        signs_of_high_risk="A small p-value.",
        strengths="Needs no bins.",
        limitations="Misses errors that leave the Brier score as expected.",
        sentence="The Spiegelhalter p-value is {value}.",
    ),
)
