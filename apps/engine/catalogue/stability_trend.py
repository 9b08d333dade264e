"""Catalogue entries of `stability`: any measure by period."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import SCORES

CHECKS: tuple[Check, ...] = (
    Check(
        id="stability.trend",
        function="stability_trend:trend",
        title="Largest worsening of a measure between periods",
        unit="unit of the measure",
        range="[0, inf)",
        direction="lower",
        needs=("roles", "period?", "count?", "seed"),
        definition=(
            "The largest fall of the measure against the baseline period where higher is better, the largest "
            "rise where lower is, the largest distance otherwise; 0 where no period is worse."
        ),
        conventions=(
            "The measure is another check, with its arguments, on the rows of each period. Periods are put "
            "in time: numbers, or years with a quarter, half, week, month or day. Rows without a period are "
            "counted and left out. Periods under min_rows are shown and not compared. Weights do what they "
            "do in the measure."
        ),
        edge_cases=(
            "No period column, or fewer than two periods of enough rows: insufficient. A compared period "
            "without a "
            "number: its status, with the reason. A check that needs a model or a second data set: refused."
        ),
        interval="MOVER of the two periods' intervals; the largest ends over periods; none without both",
        cost="that of the measure, once a period",
        takes=SCORES,
        references=(
            "Zou, Donner (2008), Statistics in Medicine 27, 1693-1702",
            "Mann (1945), Econometrica 13, 245-259",
            "Kendall (1975), Rank Correlation Methods, ch. 4",
        ),
        purpose="One number over all rows hides a model that decays.",
        mechanism="Measures every period alone and looks for the worst one.",
        signs_of_high_risk="A worsening whose interval leaves out 0, and a trend with a small p-value.",
        strengths="Works for most checks, with their own definitions and intervals.",
        limitations="The worst of many periods is worse by chance: see comparisons; labels may be immature.",
        args=(
            Arg(
                name="check",
                type="string",
                default="performance.auc",
                help="The check to measure by period.",
            ),
            Arg(name="arguments", type="object", help="Its arguments."),
            Arg(
                name="baseline",
                type="string",
                default="first",
                choices=("first", "best", "previous"),
                help="The period that each one is compared with.",
            ),
            Arg(
                name="min_rows",
                type="integer",
                default=30,
                minimum=1,
                help="Periods with fewer rows are shown and not compared.",
            ),
        ),
        sentence="The largest worsening between periods is {value}.",
    ),
)
