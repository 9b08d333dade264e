"""Catalogue entries of `calibration`: the Brier score."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import SCORES

BINS = Arg(name="bins", type="integer", default=10, minimum=2, maximum=10_000, help="How many bins.")
BINNING = Arg(
    name="binning",
    type="string",
    default="width",
    choices=("width", "quantile", "unique"),
    help="Equal width on [0, 1], equal counts, or every distinct score.",
)
EDGES = (
    "No rows: insufficient. A missing or infinite score, or one outside 0 to 1: undefined with the count. "
    "One class is measured, with a note."
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="calibration.brier",
        function="calibration:brier",
        title="Brier score",
        unit="squared probability",
        range="[0, 1]",
        direction="lower",
        needs=("score", "label", "weight?", "count?"),
        definition=(
            "The mean of (score - outcome)²; parts: reliability - resolution + uncertainty, and "
            "within-bin terms."
        ),
        conventions=(
            "The score itself needs no bins. The parts use bins closed above; with the two within-bin "
            "terms they "
            "add up to the score exactly. Weights multiply rows."
        ),
        edge_cases=EDGES,
        interval="normal, on the standard error of the mean squared error, cut to [0, 1]; none for one row",
        cost="one pass; one sort for quantile bins",
        takes=SCORES,
        references=(
            "Brier (1950), Monthly Weather Review 78, 1-3",
            "Murphy (1973), Journal of Applied Meteorology 12, 595-600",
            "Stephenson, Coelho, Jolliffe (2008), Weather and Forecasting 23, 752-757",
        ),
        purpose="One figure for accuracy of probabilities: calibration and separation together.",
        mechanism="Averages the squared distance between probability and outcome.",
        signs_of_high_risk=(
            "A score near or above the uncertainty o (1 - o): no better than the base rate for everybody."
        ),
        strengths="Proper: nobody gains by stating another probability than the one believed.",
        limitations="Depends on the base rate, so it does not compare populations; small for rare outcomes.",
        args=(BINS, BINNING, CONFIDENCE),
        sentence="The Brier score is {value}.",
    ),
)
