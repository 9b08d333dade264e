"""Catalogue entries of `data`: the population stood for, and values far out."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.stability_psi import BINS_WANTED
from apps.engine.catalogue.stability_shifts import BINS
from apps.engine.catalogue.takes import BY_COLUMN

CHECKS: tuple[Check, ...] = (
    Check(
        id="data.representativeness",
        function="data_shape:representativeness",
        title="Largest distance of a column from the population",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=(
            "columns",
            "reference_columns?",
            "features?",
            "protected?",
            "weight?",
            "reference_weight?",
            "count?",
            "reference_count?",
            "seed",
        ),
        definition="Total variation, half the sum of |a - e| over levels or bins; the largest over columns.",
        conventions=(
            "e are the declared shares where there are any, otherwise those of the reference data set. "
            "Numbers are "
            "cut into bins of the reference; missing is a level where there is any. by_chance is "
            "the distance to expect of samples of this size without any difference. With weights the shares "
            "are those of the weight, and intervals and tests take Kish's effective sizes."
        ),
        edge_cases=(
            "No rows, no columns or no population: insufficient. Shares that do not sum to 1: refused. "
            "A level that the population lacks: p-value 0."
        ),
        interval="bootstrap of the counts, percentiles moved by the bias; the largest ends over columns",
        cost="a sort a column; draws of the bin counts",
        takes=BY_COLUMN,
        references=(
            "Gibbs, Su (2002), International Statistical Review 70, 419-435",
            "Regulation (EU) 2024/1689, Article 10(3)",
        ),
        purpose="Shows whether the data resemble the people that the model will be used for.",
        mechanism="The share of rows that would have to be others to have the population's shares.",
        signs_of_high_risk="A distance well above by_chance in a column that matters.",
        strengths="One figure for categories and numbers; needs no model.",
        limitations="Looks at one column at a time; as good as the population given.",
        args=(
            Arg(
                name="over",
                type="strings",
                help="Columns compared. Default: those of expected, or protected attributes and features.",
            ),
            Arg(name="expected", type="object", help="From column to level to its share of the population."),
            BINS,
            BINS_WANTED,
            Arg(
                name="adjust",
                type="string",
                default="none",
                choices=("none", "holm"),
                help="With holm the p-values of the columns are adjusted.",
            ),
            CONFIDENCE,
        ),
        sentence="The largest distance of a column from the population is {value}.",
    ),
    Check(
        id="data.outliers",
        function="data_outliers:outliers",
        title="Largest share of a feature's values far out",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=("features", "reference_features?", "count?", "reference_count?"),
        definition="Values outside the fences / values present; the largest over numeric features.",
        conventions=(
            "iqr: q1 - width (q3 - q1) to q3 + width (q3 - q1). mad: median +/- width x 1.4826 x the median "
            "distance "
            "from it. Quantiles interpolate linearly; a value on a fence is inside. Fences come from the "
            "reference "
            "data set where there is one."
        ),
        edge_cases=(
            "No rows or no numeric feature: insufficient. A feature without spread by the rule is named and "
            "not judged; "
            "none with spread, or fences beyond floating point: undefined. An infinite value lies outside."
        ),
        interval="Wilson, fences taken as given; the largest ends over features",
        cost="a partial sort a feature",
        takes=BY_COLUMN,
        references=(
            "Tukey (1977), Exploratory Data Analysis, ch. 2",
            "Leys, Ley, Klein, Bernard, Licata (2013), J. Exp. Social Psychology 49, 764-766",
        ),
        purpose="Finds values that the model has hardly seen, and mistakes of unit or coding.",
        mechanism="Draws fences around the reference's middle half and counts what lies beyond.",
        signs_of_high_risk="A share far above that of the training data.",
        strengths="The fences themselves are not moved by the outliers.",
        limitations="Long tails are no mistakes; features that are mostly one value have no fences.",
        args=(
            Arg(name="over", type="strings", help="Features looked at. Default: all numeric ones."),
            Arg(
                name="rule",
                type="string",
                default="iqr",
                choices=("iqr", "mad"),
                help="How the fences are drawn.",
            ),
            Arg(
                name="width",
                type="number",
                default=3.0,
                minimum=0.1,
                maximum=1000,
                help="Distance of the fences.",
            ),
            CONFIDENCE,
        ),
        sentence="The largest share of a feature's values far out is {value}.",
    ),
)
