"""Catalogue entries of `fairness`: strata, indices, inputs and representation."""

from __future__ import annotations

from apps.engine.catalogue.common import (
    ADJUST,
    ATTRIBUTES,
    CONFIDENCE,
    GROUP_CONVENTIONS,
    GROUPS,
    MIN_GROUP_SHARE,
    MIN_GROUP_SIZE,
)
from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.engine.catalogue.takes import COUNTS, NOTHING

_COST = "one pass over the rows; everything else from counts"

CHECKS: tuple[Check, ...] = (
    Check(
        id="fairness.conditional_adverse_impact",
        function="fairness.stratified:conditional_adverse_impact",
        title="Lowest common odds ratio of selection within strata",
        unit="odds ratio",
        range="[0, inf)",
        direction="higher",
        needs=("selected", "protected", "columns", "weight?", "count?"),
        definition=(
            "Mantel-Haenszel: the sum over strata of ad / n over that of bc / n; the lowest over groups."
        ),
        conventions=(
            "a, b are the group's selected and not, c, d the reference's. The reference is the group with "
            "the highest "
            "crude rate. Breslow-Day has Tarone's adjustment; strata with an empty margin are left out of "
            "it. No "
            "continuity correction unless asked. " + GROUP_CONVENTIONS
        ),
        edge_cases=(
            "Fewer than two groups above the floors: insufficient. No rows or no protected attribute: "
            "insufficient. No stratum in which the odds compare: undefined. Weights that differ: undefined."
        ),
        interval="Robins, Breslow and Greenland, on the log scale; the lowest ends over groups",
        cost=_COST,
        takes=COUNTS,
        references=(
            "Mantel, Haenszel (1959), JNCI 22, 719-748",
            "Robins, Breslow, Greenland (1986), Biometrics 42, 311-323",
            "Breslow, Day (1980), IARC Scientific Publications 32",
            "Tarone (1985), Biometrika 72, 91-95",
        ),
        purpose="Compares like with like: people in the same stratum, such as a product or a region.",
        mechanism="Pools the 2 x 2 tables of all strata and tests whether the odds are equal throughout.",
        signs_of_high_risk=(
            "An odds ratio below 1 with a small p-value; a gap that appears only within strata."
        ),
        strengths="Finds and shows Simpson's paradox; exact counts by stratum.",
        limitations=(
            "One ratio for all strata misleads where they differ (Breslow-Day); strata may carry bias."
        ),
        args=(
            Arg(name="strata", type="strings", default=REQUIRED, help="Columns to compare within."),
            *GROUPS,
            Arg(
                name="correction",
                type="boolean",
                default=False,
                help="Continuity correction of the Cochran-Mantel-Haenszel statistic.",
            ),
            ADJUST,
        ),
        sentence="The lowest common odds ratio is {value}.",
    ),
    Check(
        id="fairness.differential_fairness",
        function="fairness.indices:differential_fairness",
        title="Differential fairness",
        unit="log ratio",
        range="[0, inf)",
        direction="lower",
        needs=("selected", "protected", "weight?", "count?", "seed"),
        definition="The largest |ln(P_i(y) / P_j(y))| over groups i, j and both outcomes y.",
        conventions=(
            "P = (k + 1/2) / (n + 1). By default the groups are the intersection of all protected "
            "attributes. Groups "
            "under a floor are shown and not compared."
        ),
        edge_cases=(
            "Fewer than two groups above the floors: insufficient. A draw in which a compared group has no "
            "rows is undefined; above 1 % of them there is no interval. Weights: k and n are sums of weight."
        ),
        interval=(
            "bootstrap of the cell counts, moved by the bias: a maximum is only raised by resampling; with "
            "weights of cells at Kish's effective size"
        ),
        cost=_COST,
        takes=COUNTS,
        references=("Foulds, Islam, Keya, Pan (2020), ICDE, 1918-1921",),
        purpose="One bound for all intersections at once.",
        mechanism="Compares smoothed rates of both outcomes between all pairs of groups.",
        signs_of_high_risk="A value above ln 1.25 = 0.22 is a ratio below four fifths in some outcome.",
        strengths="Covers intersections; smoothing keeps small groups from an infinite ratio.",
        limitations="A maximum over groups: biased upwards where groups are many and small.",
        args=(ATTRIBUTES, MIN_GROUP_SIZE, MIN_GROUP_SHARE, CONFIDENCE),
        sentence="The differential-fairness bound is {value}.",
    ),
    Check(
        id="fairness.generalized_entropy",
        function="fairness.indices:generalized_entropy",
        title="Generalised entropy of benefits",
        unit="index",
        range="[0, inf)",
        direction="lower",
        needs=("selected", "deserving", "protected?", "weight?", "count?", "seed"),
        definition="The sum of ((b / mean)^alpha - 1) / (n alpha (alpha - 1)), b = selected - deserving + 1.",
        conventions=(
            "alpha 1 is Theil's index, alpha 0 the mean log deviation. Between: everybody has the group's "
            "mean."
        ),
        edge_cases=(
            "No rows: insufficient. Mean benefit 0, or alpha at most 0 with a benefit of 0: undefined. "
            "Weights: shares of weight."
        ),
        interval="bootstrap of the counts of the three benefits; with weights at Kish's effective size",
        cost=_COST,
        takes=COUNTS,
        references=("Speicher et al. (2018), KDD, 2239-2248", "Shorrocks (1980), Econometrica 48, 613-625"),
        purpose="How unequally errors share benefits among people, and how much of it lies between groups.",
        mechanism="Gives each person 0, 1 or 2 and measures the inequality.",
        signs_of_high_risk="A large part between groups.",
        strengths="Splits exactly into between and within groups.",
        limitations="Benefits 0, 1, 2 are a convention; no accepted bound.",
        args=(
            Arg(name="alpha", type="number", default=2.0, minimum=-10, maximum=10, help="Weight on the top."),
            ATTRIBUTES,
            CONFIDENCE,
        ),
        sentence="The generalised entropy is {value}.",
    ),
    Check(
        id="fairness.prohibited_features",
        function="fairness.indices:prohibited_features",
        title="Inputs of the model that may not be used",
        unit="features",
        range="[0, inf)",
        direction="lower",
        needs=("features", "protected?"),
        definition="The number of the model's inputs whose name is prohibited.",
        conventions=(
            "Names are compared without case, hyphens, underscores and blanks. Default: the protected "
            "attributes."
        ),
        edge_cases="Nothing prohibited, or no inputs: insufficient.",
        interval="none: the count is exact",
        cost="negligible",
        takes=NOTHING,
        references=("12 CFR 1002.4(a), 1002.6(b)",),
        purpose="Keeps prohibited bases out of the model's inputs.",
        mechanism="Compares names.",
        signs_of_high_risk="Any value above 0.",
        strengths="Exact and immediate.",
        limitations="Finds names, not proxies; see fairness.proxy_strength.",
        args=(
            Arg(
                name="prohibited",
                type="strings",
                help="Names that may not be used; default: the protected attributes.",
            ),
        ),
        sentence="{value} inputs of the model may not be used.",
    ),
    Check(
        id="fairness.representation",
        function="fairness.representation:representation",
        title="Lowest share of a group over its expected share",
        unit="ratio",
        range="[0, inf)",
        direction="higher",
        needs=("protected", "weight?", "count?"),
        definition="(rows of the group / all rows) / expected share; the lowest over groups.",
        conventions="Without expected shares every group but (missing) is expected to have an equal share.",
        edge_cases=(
            "No rows: insufficient. A group expected and absent: 0. Shares not above 0: refused. Weights: "
            "shares of weight."
        ),
        interval="Wilson, over the expected share; with weights on Kish's effective size",
        cost="one pass over the rows",
        takes=COUNTS,
        references=("Wilson (1927), JASA 22, 209-212",),
        purpose="Shows who is missing from the data that every other number rests on.",
        mechanism="Compares shares of rows with the shares of the population served.",
        signs_of_high_risk=(
            "A group far below its share: its rates are uncertain and the model learnt little of it."
        ),
        strengths="Independent of model and outcome.",
        limitations="As good as the expected shares.",
        args=(
            Arg(name="expected", type="object", help="From attribute to group to expected share."),
            ATTRIBUTES,
            CONFIDENCE,
        ),
        sentence="The lowest representation ratio is {value}.",
    ),
)
