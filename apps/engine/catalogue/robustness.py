"""Catalogue entries of the family `robustness`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import BY_COLUMN, SAMPLED, SCORES

_CONFIDENCE = Arg(
    name="confidence", type="number", default=0.95, minimum=0.5, maximum=0.9999, help="Of the interval."
)
_RUN = ("model?", "features?")

CHECKS: tuple[Check, ...] = (
    Check(
        id="robustness.perturbation_flip_rate",
        function="robustness:perturbation_flip_rate",
        title="Decisions that a little noise turns",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=(*_RUN, "predicted?", "seed"),
        definition="The share of rows times noisy copies whose decision (score >= threshold) changes.",
        conventions=(
            "Normal noise of a share of each column's standard deviation; categories switch to another "
            "row's with a probability; missing stays missing. The threshold is read from the decisions "
            "unless given."
        ),
        edge_cases=(
            "No model to run, nothing that varies, or no single threshold behind the decisions: undefined."
        ),
        interval="Percentile bootstrap over rows, each with all its copies",
        cost="(draws + features) × rows scores",
        takes=SAMPLED,
        references=("ISO/IEC TR 24029-1:2021, Assessment of the robustness of neural networks",),
        purpose="Shows how many decisions hang on differences as small as errors of measurement.",
        mechanism="Adds small noise to the inputs and counts decisions that turn.",
        signs_of_high_risk="Several percent at noise within the data's own error.",
        strengths="On the decision itself; names the features that turn it.",
        limitations="Noise is independent between features, which real errors may not be.",
        args=(
            Arg(name="threshold", type="number", help="Scores from here on predict the positive class."),
            Arg(name="noise", type="number", default=0.05, minimum=0, help="In standard deviations."),
            Arg(name="switch", type="number", default=0.05, minimum=0, maximum=1, help="Of a category."),
            Arg(name="only", type="strings", help="Disturb these features only."),
            Arg(name="rows", type="integer", default=2000, minimum=1, help="At most so many rows."),
            Arg(
                name="draws", type="integer", default=20, minimum=1, maximum=1000, help="Copies of each row."
            ),
            _CONFIDENCE,
        ),
        sentence="A little noise turns {value} of decisions.",
    ),
    Check(
        id="robustness.monotonicity",
        function="robustness:monotonicity",
        title="Rows that break a declared direction",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=(*_RUN, "seed"),
        definition="The share of rows whose score anywhere steps back while a declared feature rises.",
        conventions="The feature runs over its observed quantiles, the row's other features stay.",
        edge_cases="No direction declared, or of no numeric feature: an error. No model to run: undefined.",
        interval="Wilson, over rows",
        cost="declared features × grid × rows scores",
        takes=SAMPLED,
        references=("Sill (1998), Monotonic networks, NeurIPS 10",),
        purpose="Shows that the score moves the way the subject demands, for every person.",
        mechanism="Moves one feature at a time and looks for steps back.",
        signs_of_high_risk="Any row: more income must not raise the estimated risk.",
        strengths="Finds breaks that averages hide.",
        limitations="Looks at grid points only; a bend between them is not seen.",
        args=(
            Arg(name="increasing", type="strings", default=[], help="Features that must raise the score."),
            Arg(name="decreasing", type="strings", default=[], help="Features that must lower the score."),
            Arg(name="grid", type="integer", default=20, minimum=2, maximum=1000, help="Points per feature."),
            Arg(
                name="tolerance", type="number", default=0.0, minimum=0, help="Steps back that do not count."
            ),
            Arg(name="rows", type="integer", default=1000, minimum=1, help="At most so many rows."),
            _CONFIDENCE,
        ),
        sentence="{value} of rows break a declared direction.",
    ),
    Check(
        id="robustness.missing_input",
        function="robustness_input:missing_input",
        title="Features whose absence the model does not survive",
        unit="share of features",
        range="[0, 1]",
        direction="lower",
        needs=(*_RUN, "seed"),
        definition=(
            "The share of features that, missing in every row, give a refusal or a score that is not finite."
        ),
        conventions="Missing is NaN for numbers and the missing level for categories.",
        edge_cases="No model to run, or nothing but missing values: undefined.",
        interval="none: every feature is tried",
        cost="features × rows scores",
        takes=SAMPLED,
        references=("NIST AI 100-1 (2023), AI Risk Management Framework 1.0",),
        purpose="Shows what happens on the day a source fails.",
        mechanism="Blanks one feature at a time and scores.",
        signs_of_high_risk="A score that is not a number; scores that move far without any sign.",
        strengths="Direct; lists every feature with how far scores moved.",
        limitations="One feature at a time; a refusal may be the right answer, then allow it in the bound.",
        args=(Arg(name="rows", type="integer", default=500, minimum=1, help="At most so many rows."),),
        sentence="The model does not survive the absence of {value} of its features.",
    ),
    Check(
        id="robustness.extreme_input",
        function="robustness_input:extreme_input",
        title="Extreme inputs without a sane score",
        unit="share of probes",
        range="[0, 1]",
        direction="lower",
        needs=(*_RUN, "seed"),
        definition=(
            "The share of probes (each number far outside its range, and at ±1e30) that are refused, not "
            "finite, or outside [0, 1] where all other scores lie inside."
        ),
        conventions="Far outside: a number of ranges below the smallest and above the largest value.",
        edge_cases="No numeric feature, or no model to run: undefined.",
        interval="none: every probe is run",
        cost="4 × features × rows scores",
        takes=SAMPLED,
        references=("NIST AI 100-1 (2023), AI Risk Management Framework 1.0",),
        purpose="Shows that a wrong unit or a slipped digit does not give an impossible score.",
        mechanism="Sets one feature at a time far outside and scores.",
        signs_of_high_risk="Scores that are infinite, not a number, or no probability any more.",
        strengths="Needs no labels.",
        limitations=(
            "A finite score of nonsense input is still nonsense; range checks belong before the model."
        ),
        args=(
            Arg(name="beyond", type="number", default=10.0, minimum=0, help="Ranges outside."),
            Arg(name="rows", type="integer", default=500, minimum=1, help="At most so many rows."),
        ),
        sentence="{value} of extreme inputs give no sane score.",
    ),
    Check(
        id="robustness.weak_segments",
        function="robustness_segments:weak_segments",
        title="Segments with significantly more errors",
        unit="segments",
        range="[0, inf)",
        direction="lower",
        needs=("features", "label", "predicted", "weight?"),
        definition=(
            "The number of segments of one feature whose error rate is above the other rows' with a Holm-"
            "adjusted one-sided Fisher p-value below alpha."
        ),
        conventions=(
            "Segments: levels, quantile bins, missing values. Smaller ones than min_size are not tested."
        ),
        edge_cases="No segment large enough: insufficient. Rows that differ in weight: undefined.",
        interval="none: exact tests with the number of comparisons printed",
        cost="one pass per segment",
        takes=BY_COLUMN,
        references=(
            "Fisher (1935), The logic of inductive inference",
            "Holm (1979), A simple sequentially rejective multiple test procedure",
        ),
        purpose="Finds where a good average hides a bad part.",
        mechanism="Compares each segment's errors with those of all other rows, corrected for many looks.",
        signs_of_high_risk="A weak segment that is a market, a product or a group of people.",
        strengths="Exact; protected against chance findings; names segment and rates.",
        limitations="One feature at a time; crossed segments are not searched.",
        args=(
            Arg(name="bins", type="integer", default=4, minimum=2, maximum=100, help="Quantile bins."),
            Arg(name="min_size", type="integer", default=50, minimum=1, help="Smallest segment tested."),
            Arg(name="alpha", type="number", default=0.05, minimum=0, maximum=1, help="Level after Holm."),
        ),
        sentence="{value} segments have significantly more errors than the rest.",
    ),
    Check(
        id="robustness.implementation_equivalence",
        function="robustness_segments:implementation_equivalence",
        title="Largest difference between two implementations",
        unit="score",
        range="[0, inf)",
        direction="lower",
        needs=("score", "score_column?", "predicted?", "twin?"),
        definition="The largest |model's score - other score| over rows that have both.",
        conventions="Rows without a finite score on either side are counted and said, not compared.",
        edge_cases="No other scores, or a row one alone scores: undefined. None with both: insufficient.",
        interval="none: every row is compared",
        cost="one pass",
        takes=SCORES,
        references=("SR 26-2 and SR 11-7: implementation testing",),
        purpose="Proves that the model in production is the model that was validated.",
        mechanism="Scores the rows, and compares with scores that came along or that a service gives.",
        signs_of_high_risk="More than rounding; any turned decision.",
        strengths="Row by row; counts turned decisions where a threshold stands behind them.",
        limitations="Covers the rows at hand only.",
        args=(
            Arg(
                name="tolerance",
                type="number",
                default=1e-5,
                minimum=0,
                help="Differences beyond it are counted.",
            ),
            Arg(
                name="against",
                type="string",
                choices=("column", "endpoint"),
                default="column",
                help="The other implementation: the score column, or the service beside an artifact.",
            ),
        ),
        sentence="Two implementations differ by {value} at most.",
    ),
)
