"""Catalogue entries of `performance`: more of how the score ranks."""

from __future__ import annotations

from apps.engine.catalogue.common import AREA, CONFIDENCE
from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.engine.catalogue.takes import SCORES

_EDGES = "One class, no rows or a constant score: insufficient. A score missing or infinite: undefined."
_COST = "sorts: n log n"
_BANDS = Arg(name="bands", type="integer", default=10, minimum=2, maximum=1000, help="Score bands wanted.")
_SIDDIQI = ("Siddiqi (2006), Credit Risk Scorecards, ch. 6 and 9",)

CHECKS: tuple[Check, ...] = (
    Check(
        id="performance.gini",
        function="performance_ranking:gini",
        title="Gini coefficient (accuracy ratio)",
        unit="index",
        range="[-1, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition="2 AUC - 1.",
        conventions="Ties count one half, as in performance.auc.",
        edge_cases="As performance.auc.",
        interval="that of the AUC, doubled less one",
        cost=_COST,
        takes=SCORES,
        references=("Engelmann, Hayden, Tasche (2003), Risk 16(1), 82-86",),
        purpose="The measure of ranking that credit risk uses.",
        mechanism="Rescales the AUC so that chance is 0.",
        signs_of_high_risk="Near 0; a large fall since development.",
        strengths="Known to every credit committee; carries the AUC's exact error.",
        limitations="Those of the AUC.",
        args=(CONFIDENCE, AREA),
        sentence="The Gini coefficient is {value}.",
    ),
    Check(
        id="performance.auc_versus",
        function="performance_ranking:auc_versus",
        title="AUC less that of another score",
        unit="difference of areas",
        range="[-1, 1]",
        direction="higher",
        needs=("score", "label", "columns", "weight?", "count?"),
        definition="AUC of the score - AUC of the column, on the same rows.",
        conventions="Paired unless asked otherwise: the covariance of the placements counts.",
        edge_cases=_EDGES,
        interval="DeLong, paired, with weights linearised; none with one row in a class",
        cost=_COST,
        takes=SCORES,
        references=("DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845",),
        purpose="Shows whether a version is better or worse than the one before, or than a challenger.",
        mechanism="Compares placements of both scores row by row.",
        signs_of_high_risk="An interval below 0: the other score ranks better.",
        strengths="Pairing makes small differences visible.",
        limitations="Says nothing of calibration; the same label must suit both scores.",
        args=(
            Arg(name="column", type="string", default=REQUIRED, help="The column with the other score."),
            Arg(name="paired", type="boolean", default=True, help="Whether the covariance counts."),
            CONFIDENCE,
        ),
        sentence="The AUC differs by {value}.",
    ),
    Check(
        id="performance.average_precision",
        function="performance_ranking:average_precision",
        title="Average precision",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "weight?", "count?", "seed"),
        definition="The sum of (R_k - R_{k-1}) P_k over distinct scores from the highest down.",
        conventions=(
            "Rows with the same score enter together; nothing is interpolated. Weights multiply rows."
        ),
        edge_cases=_EDGES,
        interval=(
            "bootstrap of counts in the distinct scores, at most 480 quantile cells; with weights drawn "
            "at Kish's effective size"
        ),
        cost=_COST,
        takes=SCORES,
        references=("Davis, Goadrich (2006), ICML, 233-240",),
        purpose="Ranking where positives are rare.",
        mechanism="Averages precision over all levels of recall.",
        signs_of_high_risk="Near the base rate: chance.",
        strengths="Looks at the top of the ranking, where decisions fall.",
        limitations="Changes with the base rate, so populations do not compare.",
        args=(CONFIDENCE,),
        sentence="The average precision is {value}.",
    ),
    Check(
        id="performance.lift_and_gain",
        function="performance_bands:lift_and_gain",
        title="Lift of the highest-scored share",
        unit="ratio",
        range="[0, inf)",
        direction="higher",
        needs=("score", "label", "weight?", "count?"),
        definition="Positive rate of the highest-scored share over the positive rate of all.",
        conventions=(
            "Rows tied with the cut are all in; the share really taken is reported. Weights multiply rows."
        ),
        edge_cases=_EDGES,
        interval=(
            "Wilson for the rate at the top, with weights on Kish's effective size; the base rate taken "
            "as given"
        ),
        cost=_COST,
        takes=SCORES,
        references=_SIDDIQI,
        purpose="Shows what looking at the top of the ranking buys.",
        mechanism="Cuts the ranking at a share and compares rates; the table has every band.",
        signs_of_high_risk="Near 1: the top is like everybody.",
        strengths="Speaks in people found per person looked at.",
        limitations="One cut; many ties make the share taken differ from the one asked for.",
        args=(
            Arg(name="top", type="number", default=0.1, minimum=0.0001, maximum=1, help="Share looked at."),
            _BANDS,
            CONFIDENCE,
        ),
        sentence="The lift is {value}.",
    ),
    Check(
        id="performance.rank_ordering",
        function="performance_bands:rank_ordering",
        title="Breaks in the rank order of score bands",
        unit="breaks",
        range="[0, inf)",
        direction="lower",
        needs=("score", "label", "weight?", "count?"),
        definition="The number of neighbouring bands whose positive rate falls as the score rises.",
        conventions=(
            "Bands of equal counts or weight, ties kept together; rates of counts are compared as integers."
        ),
        edge_cases=_EDGES,
        interval="none: the count is exact; each band's rate has Wilson's",
        cost=_COST,
        takes=SCORES,
        references=_SIDDIQI,
        purpose="Shows whether a higher score means a higher rate throughout.",
        mechanism="Compares the positive rate of each band with the next.",
        signs_of_high_risk="Breaks in the bands near the cut-off.",
        strengths="Finds a kink that one figure hides.",
        limitations="Thin bands break by chance; look at their intervals.",
        args=(_BANDS,),
        sentence="The rank order breaks {value} times.",
    ),
    Check(
        id="performance.concentration",
        function="performance_bands:concentration",
        title="Concentration of rows in score bands",
        unit="index",
        range="[0, 1]",
        direction="lower",
        needs=("score", "weight?", "count?", "seed"),
        definition="Herfindahl-Hirschman: the sum of squared shares of rows in score bands.",
        conventions=(
            "Bands of equal width from the lowest to the highest score, or one for every distinct score, of "
            "which there may be 10,000. With weights, shares of weight."
        ),
        edge_cases="No rows or a constant score: insufficient. A score missing or infinite: undefined.",
        interval=(
            "bootstrap of the counts, with weights at Kish's effective size; percentiles moved by twice "
            "the bias"
        ),
        cost=_COST,
        takes=SCORES,
        references=("Hirschman (1964), American Economic Review 54, 761",),
        purpose="Shows whether most people fall into one grade.",
        mechanism="Squares and adds the bands' shares.",
        signs_of_high_risk="A share of most rows in one band: the score distinguishes few.",
        strengths="Exact; independent of outcomes.",
        limitations="Depends on the bands.",
        args=(
            _BANDS,
            Arg(
                name="rule",
                type="string",
                default="width",
                choices=("width", "unique"),
                help="Equal width, or every distinct score.",
            ),
            CONFIDENCE,
        ),
        sentence="The concentration index is {value}.",
    ),
)
