"""Catalogue entries of `stability`: shifts of features."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.stability_psi import BIN_CONVENTIONS, BINS_WANTED
from apps.engine.catalogue.takes import BY_COLUMN

COLUMNS = Arg(name="columns", type="strings", help="Features looked at; by default all that fit.")
ADJUST = Arg(
    name="adjust",
    type="string",
    default="none",
    choices=("none", "holm"),
    help="With holm the p-values of the features are adjusted.",
)
BINS = Arg(
    name="bins",
    type="bins",
    default="quantile",
    choices=("quantile", "width", "unique"),
    help="The bin rule for numbers, bins being cut from the reference; or the inner edges, ascending.",
)
_NEEDS = (
    "features",
    "reference_features",
    "weight?",
    "reference_weight?",
    "count?",
    "reference_count?",
)
FLOOR = Arg(
    name="floor",
    type="number",
    default=1e-4,
    minimum=0.000001,
    maximum=0.5,
    help="Least share of a bin, in place of a smaller one.",
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="stability.csi",
        function="stability_shifts:csi",
        title="Largest population stability index of a feature",
        unit="index",
        range="[0, inf)",
        direction="lower",
        needs=_NEEDS,
        definition="The sum over bins of (a - e) ln(a / e), for each feature; the largest.",
        conventions=BIN_CONVENTIONS
        + " Levels of a category are bins; missing is a bin where either data set has any. "
        "Shares are floored.",
        edge_cases="No rows in either data set: insufficient. A feature that one of them lacks: refused.",
        interval="none: a figure for each feature",
        cost="a partial sort a column",
        takes=BY_COLUMN,
        references=("Siddiqi (2006), Credit Risk Scorecards, ch. 9",),
        purpose="Shows which input moved.",
        mechanism="Compares shares of each feature's bins between the data sets.",
        signs_of_high_risk=(
            "Custom calls 0.10 to 0.25 a shift worth a look and more a break; no law sets a bound."
        ),
        strengths="One figure for numbers and categories alike.",
        limitations="Depends on the bins and, for new levels, on the floor.",
        args=(COLUMNS, BINS, BINS_WANTED, FLOOR),
        sentence="The largest stability index of a feature is {value}.",
    ),
    Check(
        id="stability.ks_shift",
        function="stability_shifts:ks_shift",
        title="Largest Kolmogorov-Smirnov distance of a feature",
        unit="distance",
        range="[0, 1]",
        direction="lower",
        needs=_NEEDS,
        definition="max |F - G| of each numeric feature; the largest.",
        conventions=(
            "Missing values are left out and counted. P-values are exact up to 20,000 effective rows, "
            "above it the Kolmogorov limit with Stephens' correction. With weights the shares are those of "
            "the weight, and the p-value takes Kish's effective sizes."
        ),
        edge_cases=(
            "No rows in either data set: insufficient. A feature that one of them lacks: refused. No "
            "numeric feature: insufficient."
        ),
        interval="none: a figure for each feature",
        cost="a sort a column, which the other shifts share",
        takes=BY_COLUMN,
        references=("Stephens (1970), J. Royal Statistical Society B 32, 115-122",),
        purpose="Shows the largest change of a numeric input, without bins.",
        mechanism="Compares cumulative shares at every value.",
        signs_of_high_risk=(
            "A large distance; with many rows any distance is significant, so look at its size."
        ),
        strengths="Exact; no bins.",
        limitations="Weak in the tails.",
        args=(COLUMNS, ADJUST),
        sentence="The largest KS distance of a feature is {value}.",
    ),
    Check(
        id="stability.wasserstein",
        function="stability_shifts:wasserstein",
        title="Largest standardised Wasserstein distance of a feature",
        unit="standard deviations",
        range="[0, inf)",
        direction="lower",
        needs=_NEEDS,
        definition="The integral of |F - G| over the standard deviation of the reference; the largest.",
        conventions=(
            "Divisor n - 1. Missing and infinite values are left out and counted. With weights the shares "
            "are those of the weight; for the divisor whole weights count rows, others are scaled to sum to "
            "the rows."
        ),
        edge_cases=(
            "No rows in either data set: insufficient. A feature that one of them lacks: refused. No "
            "numeric feature: insufficient. A constant reference feature that moved, or values too large to "
            "be summed: undefined."
        ),
        interval="none: a figure for each feature",
        cost="a sort a column, which the other shifts share",
        takes=BY_COLUMN,
        references=("Ramdas, Garcia, Cuturi (2017), Entropy 19(2), 47",),
        purpose="Shows how far a numeric input moved.",
        mechanism="The least average distance that values must travel.",
        signs_of_high_risk="A distance of a tenth of a standard deviation or more in an important feature.",
        strengths="Sees how far, not only how many.",
        limitations="Ruled by outliers.",
        args=(COLUMNS,),
        sentence="The largest Wasserstein distance of a feature is {value} standard deviations.",
    ),
    Check(
        id="stability.chi_square_shift",
        function="stability_shifts:chi_square_shift",
        title="Largest shift of a categorical feature (Cramér's V)",
        unit="index",
        range="[0, 1]",
        direction="lower",
        needs=_NEEDS,
        definition=(
            "sqrt(chi-square / n) of the table data set x level; the largest over categorical features."
        ),
        conventions="Missing is a level. No continuity correction. Expected counts below 5 are counted.",
        edge_cases=(
            "No rows in either data set: insufficient. A feature that one of them lacks: refused. No "
            "categorical feature: insufficient. Weights that differ: undefined, as the test rests on counts."
        ),
        interval="none: a figure for each feature",
        cost="one pass a column",
        takes=BY_COLUMN,
        references=("Cramér (1946), Mathematical Methods of Statistics, ch. 21",),
        purpose="Shows which categorical input moved.",
        mechanism="Pearson's chi-square, scaled by the rows.",
        signs_of_high_risk="A new level that holds many rows.",
        strengths="Size and significance side by side.",
        limitations="Rare levels make the p-value rough.",
        args=(COLUMNS, ADJUST),
        sentence="The largest Cramér's V of a feature is {value}.",
    ),
    Check(
        id="stability.missing_rate_shift",
        function="stability_shifts:missing_rate_shift",
        title="Largest change of a feature's missing share",
        unit="difference of shares",
        range="[0, 1]",
        direction="lower",
        needs=_NEEDS,
        definition="|share missing now - share missing in the reference|; the largest.",
        conventions="Empty, null and NaN are missing. With weights the shares are those of the weight.",
        edge_cases="No rows in either data set: insufficient. A feature that one of them lacks: refused.",
        interval="none: the shares are exact",
        cost="one pass a column",
        takes=BY_COLUMN,
        references=("ISO/IEC 5259-2:2024, data quality measures",),
        purpose="Finds a source that stopped delivering.",
        mechanism="Counts missing values in both data sets.",
        signs_of_high_risk="A jump in a feature that the model leans on.",
        strengths="Exact and simple.",
        limitations="Values replaced by a constant are not missing.",
        args=(COLUMNS,),
        sentence="The largest change of a missing share is {value}.",
    ),
)
