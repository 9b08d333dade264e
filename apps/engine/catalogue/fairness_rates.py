"""Catalogue entries of `fairness`: who receives the favourable decision, and all rates by group."""

from __future__ import annotations

from apps.engine.catalogue.common import (
    ADJUST,
    GROUP_CONVENTIONS,
    GROUP_EDGES,
    GROUP_WEIGHTS,
    GROUPS,
    PROPORTION,
)
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import COUNTS

RATE_NAMES = (
    "selection_rate", "base_rate", "tpr", "tnr", "fpr", "fnr", "ppv", "npv", "fdr", "for", "accuracy",
)  # fmt: skip
_NEWCOMBE = "Wilson for rates; Newcombe for differences"
_KATZ = "Wilson for rates (Clopper-Pearson, Jeffreys on request); Katz log for ratios"
_COST = "one pass over the rows; everything else from counts"

CHECKS: tuple[Check, ...] = (
    Check(
        id="fairness.group_rates",
        function="fairness.rates:group_rates",
        title="Rates of the confusion matrix by group",
        unit="difference of rates",
        range="[0, 1]",
        direction="lower",
        needs=("predicted", "label", "protected", "weight?", "count?"),
        definition=(
            "Counts and every rate of each group; the value is the largest distance of one rate from the "
            "reference."
        ),
        conventions=(
            "Positive is the label value that the score predicts, so selection_rate is the share "
            "predicted positive. "
            "Disparities are ratios to the reference group's rates. " + GROUP_CONVENTIONS
        ),
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS + " Any other rate with denominator zero is null.",
        interval=_NEWCOMBE,
        cost=_COST,
        takes=COUNTS,
        references=("Mitchell et al. (2021), Annual Review of Statistics 8, 141-163",),
        purpose="The complete table behind every other group comparison.",
        mechanism="Counts tn, fp, fn, tp in each group and divides.",
        signs_of_high_risk="One kind of error much commoner in one group; groups too small to tell.",
        strengths="Exact; shows every rate, so no favourable definition can be picked afterwards.",
        limitations=(
            "Many rates cannot be equal at once where base rates differ; which one matters is a decision."
        ),
        args=(
            *GROUPS,
            Arg(
                name="rate",
                type="string",
                default="selection_rate",
                choices=RATE_NAMES,
                help="The rate that makes the value and picks the highest group.",
            ),
            PROPORTION,
        ),
        sentence="The largest gap between groups is {value}.",
    ),
    Check(
        id="fairness.selection_rate_ratio",
        function="fairness.selection:selection_rate_ratio",
        title="Lowest ratio of selection rates",
        unit="ratio",
        range="[0, inf)",
        direction="higher",
        needs=("selected", "protected", "weight?", "count?"),
        definition=(
            "(selected / n) of the group divided by (selected / n) of the reference; the lowest over groups."
        ),
        conventions="Selected means: received the decision that is good for the person. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS + " A reference rate of zero: undefined.",
        interval=_KATZ,
        cost=_COST,
        takes=COUNTS,
        references=(
            "29 CFR 1607.4(D)",
            "Katz, Baptista, Azen, Pike (1978), Biometrics 34, 469-474",
        ),
        purpose="Shows whether some group receives favourable decisions much less often.",
        mechanism="Divides each group's rate by the reference's, in integers.",
        signs_of_high_risk="A ratio below the firm's bound; an interval that reaches below it; small groups.",
        strengths="Exact at the boundary; needs no outcomes.",
        limitations=(
            "Blind to differences in merit; unstable where rates are low; no law but UGESP guidance names "
            "0.80."
        ),
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The lowest selection-rate ratio is {value}.",
    ),
    Check(
        id="fairness.selection_rate_difference",
        function="fairness.selection:selection_rate_difference",
        title="Largest difference of selection rates",
        unit="difference of rates",
        range="[0, 1]",
        direction="lower",
        needs=("selected", "protected", "weight?", "count?"),
        definition="|selected / n of the group - selected / n of the reference|; the largest over groups.",
        conventions="Selected means: received the decision that is good for the person. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS,
        interval=_NEWCOMBE,
        cost=_COST,
        takes=COUNTS,
        references=("Newcombe (1998), Statistics in Medicine 17, 873-890",),
        purpose="Shows the gap in favourable decisions in points, also where rates are low.",
        mechanism="Subtracts each group's rate from the reference's, in integers.",
        signs_of_high_risk="A gap beyond the firm's bound; an interval that reaches beyond it.",
        strengths="Defined also where a rate is zero; easy to say in people per hundred.",
        limitations="A gap of 2 points is much where 3 % are selected and little where 80 % are.",
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The largest difference of selection rates is {value}.",
    ),
    Check(
        id="fairness.equal_opportunity_difference",
        function="fairness.selection:equal_opportunity_difference",
        title="Gap in favourable decisions among the deserving",
        unit="difference of rates",
        range="[0, 1]",
        direction="lower",
        needs=("selected", "deserving", "protected", "weight?", "count?"),
        definition=(
            "|P(selected | deserving, group) - P(selected | deserving, reference)|; the largest over groups."
        ),
        conventions="Deserving means: the outcome is the favourable one. " + GROUP_CONVENTIONS,
        edge_cases=GROUP_EDGES + GROUP_WEIGHTS,
        interval=_NEWCOMBE,
        cost=_COST,
        takes=COUNTS,
        references=(
            "Hardt, Price, Srebro (2016), NeurIPS 29",
            "Newcombe (1998), Statistics in Medicine 17, 873-890",
        ),
        purpose="Shows whether people who would have done well are turned away more in one group.",
        mechanism="Compares selection rates within the rows whose outcome is favourable.",
        signs_of_high_risk="A gap beyond the firm's bound; few deserving rows in a group.",
        strengths="Accounts for outcomes; not driven by different base rates.",
        limitations="Needs outcomes of all, also of those refused; inherits bias in the outcome itself.",
        args=(*GROUPS, PROPORTION, ADJUST),
        sentence="The largest gap among the deserving is {value}.",
    ),
    Check(
        id="fairness.adverse_impact",
        function="fairness.adverse:adverse_impact",
        title="Adverse impact: ratio and significance",
        unit="0 pass, 1 review, 2 fail",
        range="{0, 1, 2}",
        direction="lower",
        needs=("selected", "protected", "weight?", "count?"),
        definition=(
            "2 where the ratio is low and the gap significant, 1 where one of the two holds, 0 where "
            "neither; the worst."
        ),
        conventions=(
            "A ratio of exactly the bound is not low; p below alpha is significant. Against overall the "
            "test takes the "
            "other groups. Fisher sums all tables no more likely than the one seen; Lancaster's mid-p "
            "takes off half "
            "of that table's probability. No continuity correction unless asked. " + GROUP_CONVENTIONS
        ),
        edge_cases=GROUP_EDGES
        + " A reference rate of zero: undefined. Everybody or nobody selected in both: p = 1. Weights that "
        "differ: undefined, for the tests count people.",
        interval="none for the outcome; Katz log for each ratio",
        cost=_COST,
        takes=COUNTS,
        references=(
            "29 CFR 1607.4(D)",
            "Lancaster (1961), JASA 56, 223-234",
            "Fisher (1935), J. Royal Statistical Society 98, 39-82",
        ),
        purpose="Practical and statistical significance together, as the uniform guidelines ask.",
        mechanism="Compares each ratio with the bound in integers and tests the 2 x 2 table.",
        signs_of_high_risk=(
            "2: a low ratio that chance does not explain. 1: look at numbers and at both tests."
        ),
        strengths="Neither small numbers nor huge samples decide alone.",
        limitations="Four fifths and 5 % are customs of US employment practice, not law elsewhere.",
        args=(
            *GROUPS,
            PROPORTION,
            ADJUST,
            Arg(name="ratio", type="number", default=0.8, minimum=0, maximum=1, help="A ratio below is low."),
            Arg(
                name="alpha",
                type="number",
                default=0.05,
                minimum=0,
                maximum=0.5,
                help="A p-value below is significant.",
            ),
            Arg(
                name="test",
                type="string",
                default="fisher",
                choices=("fisher", "z", "chi2", "lancaster_midp"),
                help="The significance test, two-sided.",
            ),
            Arg(
                name="correction", type="boolean", default=False, help="Continuity correction for z and chi2."
            ),
        ),
        sentence="The adverse-impact outcome is {value} (0 pass, 1 review, 2 fail).",
    ),
)
