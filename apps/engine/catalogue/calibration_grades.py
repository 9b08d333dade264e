"""Catalogue entries of `calibration`: rating grades."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import SCORES

GRADE = Arg(name="grade", type="string", help="The column of grades; by default the distinct scores.")
ADJUST = Arg(
    name="adjust",
    type="string",
    default="none",
    choices=("none", "holm"),
    help="With holm the p-values of the grades are adjusted.",
)

CHECKS: tuple[Check, ...] = (
    Check(
        id="calibration.grade_binomial",
        function="calibration_grades:grade_binomial",
        title="Smallest binomial p-value of a grade",
        unit="probability",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "columns", "weight?", "count?"),
        definition="The smallest P(X >= d) over grades, X ~ Binomial(n, PD); exact.",
        conventions=(
            "A grade's PD is its mean score; grades are the distinct scores unless a column is named. "
            "Defaults are taken as independent. One-sided: small where more defaults came than the PD "
            "allows."
        ),
        edge_cases=(
            "No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined. Weights that "
            "differ: refused. More than 1,000 grades: insufficient. No such column: refused."
        ),
        interval="none: a p-value",
        cost="one pass",
        takes=SCORES,
        references=("Basel Committee on Banking Supervision (2005), Working Paper 14",),
        purpose="Tests whether a grade's PD is too low.",
        mechanism="Compares defaults with the binomial law in each grade.",
        signs_of_high_risk="A small p-value in a large grade.",
        strengths="Exact, also for few defaults.",
        limitations="Independence makes it reject too often when defaults cluster.",
        args=(GRADE, ADJUST),
        sentence="The smallest binomial p-value is {value}.",
    ),
    Check(
        id="calibration.grade_jeffreys",
        function="calibration_grades:grade_jeffreys",
        title="Smallest Jeffreys p-value of a grade",
        unit="probability",
        range="[0, 1]",
        direction="higher",
        needs=("score", "label", "columns", "weight?", "count?"),
        definition="The smallest F_Beta(d + 1/2, n - d + 1/2)(PD) over grades.",
        conventions=(
            "A grade's PD is its mean score; grades are the distinct scores unless a column is named. "
            "Defaults are taken as independent. One-sided: small where the PD understates."
        ),
        edge_cases=(
            "No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined. Weights that "
            "differ: refused. More than 1,000 grades: insufficient. No such column: refused."
        ),
        interval="none: a p-value",
        cost="one pass",
        takes=SCORES,
        references=(
            "European Central Bank (2019), Instructions for reporting the validation results of internal "
            "models, 2.5.3",
        ),
        purpose="The supervisor's test of a grade's PD.",
        mechanism="The posterior probability, under Jeffreys' prior, that the true rate is at most the PD.",
        signs_of_high_risk="A small p-value in a large grade.",
        strengths="Defined for no defaults at all.",
        limitations="Independence makes it reject too often when defaults cluster.",
        args=(GRADE, ADJUST),
        sentence="The smallest Jeffreys p-value is {value}.",
    ),
    Check(
        id="calibration.traffic_light",
        function="calibration_grades:traffic_light",
        title="Worst traffic-light zone of a grade",
        unit="0 green, 1 yellow, 2 red",
        range="{0, 1, 2}",
        direction="lower",
        needs=("score", "label", "columns", "weight?", "count?"),
        definition=(
            "By P(X <= d), X ~ Binomial(n, PD): green below 95 %, yellow from 95 %, red from 99.99 %; the "
            "worst grade."
        ),
        conventions=(
            "A grade's PD is its mean score; grades are the distinct scores unless a column is named. "
            "Defaults are taken as independent. Green where no more defaults came than expected."
        ),
        edge_cases=(
            "No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined. Weights that "
            "differ: refused. More than 1,000 grades: insufficient. No such column: refused."
        ),
        interval="none: zones",
        cost="one pass",
        takes=SCORES,
        references=(
            "Basel Committee on Banking Supervision (1996), Supervisory framework for the use of backtesting",
        ),
        purpose="Three zones that a committee reads at a glance.",
        mechanism="The cumulative binomial probability of the defaults seen.",
        signs_of_high_risk="Red in any grade; yellow in several.",
        strengths="Simple and known.",
        limitations="Zones hide how far beyond the bound a grade is.",
        args=(GRADE,),
        sentence="The worst zone is {value} (0 green, 1 yellow, 2 red).",
    ),
    Check(
        id="calibration.low_default_pd",
        function="calibration_grades:low_default_pd",
        title="Largest shortfall below the most prudent PD",
        unit="probability",
        range="[0, 1]",
        direction="lower",
        needs=("score", "label", "columns", "weight?", "count?"),
        definition=(
            "max(0, bound - PD) over grades; the bound is the one-sided Clopper-Pearson limit of this and "
            "all worse grades together."
        ),
        conventions=(
            "A grade's PD is its mean score; grades are the distinct scores unless a column is named. "
            "Defaults are taken as independent. "
        ),
        edge_cases=(
            "No rows: insufficient. A score missing, infinite or outside 0 to 1: undefined. Weights that "
            "differ: refused. More than 1,000 grades: insufficient. No such column: refused. All default: "
            "the bound is 1."
        ),
        interval="none: a one-sided bound at the confidence asked for",
        cost="one pass",
        takes=SCORES,
        references=(
            "Pluto, Tasche (2005), Estimating probabilities of default for low default portfolios, section 3",
        ),
        purpose="Bounds PDs where defaults are few or none.",
        mechanism="Pools each grade with all worse ones and takes the upper limit.",
        signs_of_high_risk="A shortfall in the grades that hold most exposure.",
        strengths="Defined without a single default.",
        limitations="Most prudent by design; independence understates the bound.",
        args=(
            GRADE,
            Arg(
                name="confidence", type="number", default=0.75, minimum=0.5, maximum=0.9999, help="One-sided."
            ),
        ),
        sentence="The largest shortfall below the most prudent PD is {value}.",
    ),
)
