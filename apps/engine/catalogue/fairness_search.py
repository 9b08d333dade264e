"""Catalogue entries of `fairness`: neighbours, proxies and alternatives."""

from __future__ import annotations

from apps.engine.catalogue.common import ATTRIBUTES, CONFIDENCE, MIN_GROUP_SHARE, MIN_GROUP_SIZE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import NEIGHBOURS, SCORES

OVER = Arg(
    name="over",
    type="strings",
    help="Features looked at. Default: all but the protected attributes.",
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="fairness.consistency",
        function="fairness.consistency:consistency",
        title="Agreement of decisions with those of the nearest people",
        unit="share",
        range="[0, 1]",
        direction="higher",
        needs=("selected", "features", "protected?", "weight?", "seed"),
        definition="1 - the mean of |d - mean of d over the k nearest others|, d the favourable decision.",
        conventions=(
            "Squared distance: over features, the squared difference in standard deviations, and 1 where a "
            "category differs or one value is missing. Nobody is their own neighbour; neighbours at the "
            "distance of "
            "the k-th share the places left. Protected attributes are left out unless named."
        ),
        edge_cases="At most k rows, or no features: insufficient. Rows that differ in weight: undefined.",
        interval="normal on the people judged, neighbours taken as given",
        cost="rows x pool x features; bounded by both",
        takes=NEIGHBOURS,
        references=("Zemel, Wu, Swersky, Pitassi, Dwork (2013), ICML, PMLR 28(3), 325-333",),
        purpose="Shows whether people alike in everything that may count get the same.",
        mechanism="Compares each decision with those of the nearest people.",
        signs_of_high_risk="A value that falls from one version to the next; a low one with a smooth score.",
        strengths="Needs no groups and no outcome.",
        limitations="Distance is a convention; decisions near a cut differ between neighbours by nature.",
        args=(
            Arg(
                name="neighbours",
                type="integer",
                default=5,
                minimum=1,
                maximum=1000,
                help="How many neighbours.",
            ),
            OVER,
            Arg(
                name="rows",
                type="integer",
                default=2000,
                minimum=2,
                maximum=100_000,
                help="Most people judged.",
            ),
            Arg(
                name="pool",
                type="integer",
                default=20_000,
                minimum=2,
                maximum=1_000_000,
                help="Most people among whom neighbours are sought.",
            ),
            CONFIDENCE,
        ),
        sentence="The agreement of decisions with those of the nearest people is {value}.",
    ),
    Check(
        id="fairness.proxy_strength",
        function="fairness.proxies:proxy_strength",
        title="How well the features predict a protected group",
        unit="share of pairs",
        range="[0, 1]",
        direction="lower",
        needs=("features", "protected", "seed"),
        definition="The largest AUC of a group against all others, predicted from all features together.",
        conventions=(
            "Ridge least squares on quantile bins, frequent levels and missing, each fold predicted without "
            "its own "
            "rows; equal rows share a fold. The table has every feature alone. Features that are protected "
            "attributes "
            "are left out unless named. Weights play no part: it is about what features tell of a row."
        ),
        edge_cases="No features, or no group of min_group_size rows with as many others: insufficient.",
        interval="DeLong on the predictions, the fits taken as given; the largest ends over groups",
        cost="a sort a feature; rows x cells squared",
        takes=NEIGHBOURS,
        references=(
            "Feldman, Friedler, Moeller, Scheidegger, Venkatasubramanian (2015), KDD, 259-268",
            "DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845",
        ),
        purpose="A model can use a protected attribute that it never sees.",
        mechanism="Tries to tell the group from the features, and says which of them tell most.",
        signs_of_high_risk="A value well above 0.5, and a foremost feature without a business reason.",
        strengths="Finds joint proxies, not only single ones; never judged on rows that it was fitted to.",
        limitations="Additive over features: a mere interaction is not found. Silent on what the model uses.",
        args=(
            ATTRIBUTES,
            OVER,
            Arg(
                name="bins",
                type="integer",
                default=10,
                minimum=2,
                maximum=100,
                help="Quantile bins of a number.",
            ),
            Arg(
                name="levels",
                type="integer",
                default=30,
                minimum=1,
                maximum=200,
                help="Most frequent levels kept apart.",
            ),
            Arg(name="folds", type="integer", default=5, minimum=2, maximum=20, help="Parts of the data."),
            Arg(
                name="ridge",
                type="number",
                default=1.0,
                minimum=0.000001,
                maximum=1e6,
                help="Penalty on squared coefficients.",
            ),
            Arg(
                name="rows",
                type="integer",
                default=20_000,
                minimum=100,
                maximum=1_000_000,
                help="Most rows used.",
            ),
            MIN_GROUP_SIZE,
            CONFIDENCE,
        ),
        sentence="The features predict a protected group with an AUC of {value}.",
    ),
    Check(
        id="fairness.less_discriminatory_alternative",
        function="fairness.alternatives:less_discriminatory_alternative",
        title="Selection-rate ratio that other cuts would gain",
        unit="ratio",
        range="[0, 1]",
        direction="lower",
        needs=("score", "label", "deserving", "selected", "protected", "weight?", "count?"),
        definition=(
            "The lowest selection-rate ratio of the best alternative that costs at most the tolerance in "
            "accuracy, less the ratio of the decisions as they are."
        ),
        conventions=(
            "Ratio: lowest over highest selection rate of the groups compared. Accuracy: the share whose "
            "decision is "
            "the one that the outcome deserves. group: cuts by group, mixed at random where the concave hull "
            "says so, "
            "which is the optimum over all such rules. common: one cut for everybody. The frontier has the "
            "highest "
            "accuracy that reaches at least each ratio."
        ),
        edge_cases=(
            "Fewer than two groups above the floors: insufficient. Nobody selected, or rows that differ in "
            "weight: undefined. No better "
            "alternative: 0."
        ),
        interval="none: the alternative is chosen on the rows that it is judged on; confirm it on others",
        cost="a sort a group",
        takes=SCORES,
        references=(
            "Hardt, Price, Srebro (2016), NeurIPS 29, 3315-3323",
            "Agarwal, Beygelzimer, Dudik, Langford, Wallach (2018), ICML, PMLR 80, 60-69",
            "12 CFR 1002.6(a), comment 6(a)-2",
        ),
        purpose="Shows whether the same score could have been used with less disparity.",
        mechanism="Looks at every cut of the score, and finds the fairest one that costs little accuracy.",
        signs_of_high_risk="A large gain at a small cost with a common cut.",
        strengths="Exact over all cuts; needs no new training.",
        limitations=(
            "Cuts by group use the attribute in the decision, which some laws forbid: take common there. "
            "Other features or another model may do better."
        ),
        args=(
            ATTRIBUTES,
            Arg(
                name="cuts",
                type="string",
                default="group",
                choices=("group", "common"),
                help="A cut for each group, or one for everybody.",
            ),
            Arg(
                name="tolerance",
                type="number",
                default=0.01,
                minimum=0,
                maximum=1,
                help="Accuracy that an alternative may cost.",
            ),
            Arg(
                name="step",
                type="number",
                default=0.05,
                minimum=0.001,
                maximum=1,
                help="Step of the ratios of the frontier.",
            ),
            MIN_GROUP_SIZE,
            MIN_GROUP_SHARE,
        ),
        sentence="Other cuts of the score would raise the selection-rate ratio by {value}.",
    ),
)
