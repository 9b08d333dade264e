"""Catalogue entries of `stability`: PSI of the score."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import SCORES

BINS_WANTED = Arg(
    name="bins_wanted",
    type="integer",
    default=10,
    minimum=2,
    maximum=10_000,
    help="Bins wanted by quantile and width.",
)
BIN_ARGS = (
    Arg(
        name="bins",
        type="bins",
        default="quantile",
        choices=("quantile", "width", "unique", "edges"),
        help="The bin rule, bins being cut from the reference; or the inner edges themselves, ascending.",
    ),
    BINS_WANTED,
    Arg(
        name="floor",
        type="number",
        minimum=0.000001,
        maximum=0.5,
        help="Least share of a bin, in place of a smaller one. Without it an empty bin has no number.",
    ),
)
BIN_CONVENTIONS = (
    "Natural logarithm. Bins come from the reference data set and are open below, closed above; quantile "
    "edges are the values at ranks ceil(j n / bins_wanted), and equal ones merge. With weights, shares and "
    "quantiles are those of the weight."
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="stability.psi",
        function="stability:psi",
        title="Population stability index of the score",
        unit="index",
        range="[0, inf)",
        direction="lower",
        needs=(
            "score",
            "reference_score",
            "weight?",
            "reference_weight?",
            "count?",
            "reference_count?",
            "seed",
        ),
        definition="The sum over bins of (a - e) ln(a / e), a the current share and e the reference's.",
        conventions=BIN_CONVENTIONS + " The edges made are in the parameters.",
        edge_cases=(
            "A bin empty on one side only, without a floor: undefined. One bin, or no rows: insufficient. "
            "A missing or infinite score, or more than 10,000 bins: undefined with the count."
        ),
        interval=(
            "bootstrap of both samples' bin counts, percentiles moved by twice the estimated bias and "
            "holding the value; with weights of Kish's effective sizes"
        ),
        cost="a partial sort of the reference and a count an edge",
        takes=SCORES,
        references=(
            "Siddiqi (2006), Credit Risk Scorecards, ch. 9",
            "Yurdakul, Naranjo (2020), Journal of Risk Model Validation 14(4), 89-100",
            "Kish (1965), Survey Sampling, ch. 8",
        ),
        purpose="Shows whether the people scored now resemble those the model was built on.",
        mechanism="Compares shares of the score's bins between the two data sets.",
        signs_of_high_risk=(
            "Custom calls 0.10 to 0.25 a shift worth a look and more a break; no law sets a bound."
        ),
        strengths="Symmetric, additive over bins, known everywhere.",
        limitations=(
            "Depends on the bins; grows with few rows even without a shift; says nothing of outcomes."
        ),
        args=(
            *BIN_ARGS,
            Arg(name="edges", type="numbers", help="Inner edges, ascending, for bins: edges."),
            CONFIDENCE,
        ),
        sentence="The PSI of the score is {value}.",
    ),
)
