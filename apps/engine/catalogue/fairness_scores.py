"""Catalogue entries of `fairness`: how scores differ between groups; New York City's rule."""

from __future__ import annotations

from apps.engine.catalogue.common import (
    ADJUST,
    ATTRIBUTES,
    CONFIDENCE,
    GROUP_CONVENTIONS,
    GROUP_EDGES,
    GROUPS,
    MIN_GROUP_SHARE,
    MIN_GROUP_SIZE,
)
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS, SCORES

_WELCH = "normal, on the sum of the two groups' squared standard errors"
_OTHERS = "; against overall on those of the group and of all others, times the others' share"
_WEIGHTED = " Weights: weighted figures, their variances linearised; floors count rows."
_OVERALL = Arg(
    name="reference",
    type="string",
    default="overall",
    help="What is compared with: overall, highest, largest, or a group's name.",
)
_LL144 = (
    "Each attribute alone and, where there are several, their intersection. People of unknown category are "
    "counted in a table and belong to no category. Categories under exclude_below_share stay in the table "
    "and out "
    "of the ratio. The reference is the highest rate."
)
_LL144_ARGS = (
    ATTRIBUTES,
    Arg(
        name="exclude_below_share",
        type="number",
        default=0.02,
        minimum=0,
        maximum=0.02,
        help="Categories with a smaller share of the data stay out of the ratio.",
    ),
    Arg(
        name="min_group_size",
        type="integer",
        default=1,
        minimum=1,
        help="The rule knows no least number of people; a firm may ask for one.",
    ),
    CONFIDENCE,
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="fairness.standardized_mean_difference",
        function="fairness.scores:standardized_mean_difference",
        title="Largest standardised difference of mean scores",
        unit="standard deviations",
        range="[0, inf)",
        direction="lower",
        needs=("score", "protected", "weight?", "count?"),
        definition=(
            "|mean score of the group - of the reference| / standard deviation of all scores; the largest."
        ),
        conventions="Standard deviation over all rows, divisor n - 1. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES
        + " All scores equal, or one not finite: undefined. A group of one row has no interval."
        + _WEIGHTED
        + " They count as rows in the standard deviation, whose divisor is their sum less 1.",
        interval=_WELCH + _OTHERS,
        cost="one pass, sums exact",
        takes=SCORES,
        references=("Cohen (1988), Statistical Power Analysis, ch. 2",),
        purpose="Shows a shift of whole score distributions, before any cut-off.",
        mechanism="Compares mean scores in units of the scores' spread.",
        signs_of_high_risk="Custom calls 0.2 small, 0.5 medium, 0.8 large; no law sets a bound.",
        strengths="Needs neither outcome nor cut-off.",
        limitations="Means only: groups may differ at the cut-off and not on average.",
        args=(*GROUPS, ADJUST),
        sentence="The largest standardised mean difference is {value}.",
    ),
    Check(
        id="fairness.calibration_gap",
        function="fairness.scores:calibration_gap",
        title="Largest gap between groups in calibration in the large",
        unit="probability",
        range="[0, 2]",
        direction="lower",
        needs=("score", "label", "protected", "weight?", "count?"),
        definition="|(mean score - outcome rate) of the group - of the reference|; the largest over groups.",
        conventions="The reference is everybody unless asked otherwise. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES
        + " A score outside 0 to 1: undefined. A group of one row has no interval."
        + _WEIGHTED,
        interval=_WELCH + _OTHERS,
        cost="one pass, sums exact",
        takes=SCORES,
        references=("Pleiss et al. (2017), NeurIPS 30",),
        purpose="Shows whether the score promises one group more or less than comes true.",
        mechanism="Averages score minus outcome in each group.",
        signs_of_high_risk="A group whose risk is overstated while another's is not.",
        strengths="Independent of any cut-off; speaks in points of probability.",
        limitations="Errors within a group can cancel; look at the reliability curve too.",
        args=(ATTRIBUTES, _OVERALL, MIN_GROUP_SIZE, MIN_GROUP_SHARE, CONFIDENCE, ADJUST),
        sentence="The largest calibration gap is {value}.",
    ),
    Check(
        id="fairness.auc_gap",
        function="fairness.scores:auc_gap",
        title="Largest gap between groups in area under the ROC curve",
        unit="difference of areas",
        range="[0, 1]",
        direction="lower",
        needs=("score", "label", "protected", "weight?", "count?"),
        definition="|AUC of the group - AUC of the reference|; the largest over groups.",
        conventions="Ties count one half. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES
        + " Fewer than two rows in a class of a compared group: insufficient."
        + _WEIGHTED,
        interval="DeLong, groups disjoint; against overall on the group's alone, which is too wide",
        cost="two sorts a group",
        takes=SCORES,
        references=("DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845",),
        purpose="Shows whether the model ranks people of one group worse.",
        mechanism="Computes each group's AUC on its own rows.",
        signs_of_high_risk=(
            "A group with an AUC near 0.5: its members are judged by a score that means little."
        ),
        strengths="Independent of cut-off and base rate.",
        limitations="Ranking across groups is not looked at.",
        args=(*GROUPS, ADJUST),
        sentence="The largest AUC gap is {value}.",
    ),
    Check(
        id="fairness.ll144_selection",
        function="fairness.ll144:ll144_selection",
        title="Lowest impact ratio of a selection tool (NYC Local Law 144)",
        unit="ratio",
        range="[0, 1]",
        direction="higher",
        needs=("selected", "protected", "weight?", "count?"),
        definition="Selection rate of a category divided by the highest selection rate; the lowest.",
        conventions=_LL144,
        edge_cases=(
            "Fewer than two categories: insufficient. Nobody selected, or weights that differ: undefined."
        ),
        interval="Katz log",
        cost="one pass over the rows",
        takes=COUNTS,
        references=("6 RCNY § 5-300, § 5-301(b), (d)",),
        purpose="The table that the city's rule asks a bias audit to publish.",
        mechanism="Selection rates by sex, race or ethnicity, and their intersection.",
        signs_of_high_risk="The rule sets no bound; 0.80 is a custom from other guidelines.",
        strengths="Follows the rule's words, with unknowns and exclusions shown.",
        limitations="Says nothing of merit or significance.",
        args=_LL144_ARGS,
        sentence="The lowest impact ratio is {value}.",
    ),
    Check(
        id="fairness.ll144_scoring",
        function="fairness.ll144:ll144_scoring",
        title="Lowest impact ratio of a scoring tool (NYC Local Law 144)",
        unit="ratio",
        range="[0, 1]",
        direction="higher",
        needs=("score", "protected", "weight?", "count?"),
        definition=(
            "Share of a category strictly above the full sample's median over the highest such share; the "
            "lowest."
        ),
        conventions="The median is that of all rows, people of unknown category among them. " + _LL144,
        edge_cases=(
            "Fewer than two categories: insufficient. Nobody above the median, a score not finite, or "
            "weights that differ: undefined."
        ),
        interval="Katz log, the median taken as given",
        cost="one pass and a median",
        takes=SCORES,
        references=("6 RCNY § 5-300, § 5-301(c), (d)",),
        purpose="The table that the city's rule asks a bias audit of a scoring tool to publish.",
        mechanism="Counts who scores above the median in each category.",
        signs_of_high_risk="The rule sets no bound; 0.80 is a custom from other guidelines.",
        strengths="Follows the rule's words; needs no cut-off.",
        limitations="Many scores equal to the median push rates below one half.",
        args=(
            ATTRIBUTES,
            Arg(
                name="higher_is_better",
                type="boolean",
                default=True,
                help="False where a low score is good for the person.",
            ),
            *_LL144_ARGS[1:],
        ),
        sentence="The lowest impact ratio is {value}.",
    ),
)
