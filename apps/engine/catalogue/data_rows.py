"""Catalogue entries of `data`: rows that stand twice, and rows out of their time."""

from __future__ import annotations

from apps.engine.catalogue.common import CONFIDENCE
from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import BY_COLUMN

_ISO = "ISO/IEC 5259-2:2024, data quality measures"

CHECKS: tuple[Check, ...] = (
    Check(
        id="data.duplicates",
        function="data_rows:duplicates",
        title="Share of rows that repeat another",
        unit="share",
        range="[0, 1)",
        direction="lower",
        needs=("columns", "count?"),
        definition="1 - different rows / rows: of k equal rows, k - 1 count.",
        conventions=(
            "Rows are compared value by value, not by a hash; missing values equal each other. By default "
            "every column counts, an identifier too, which hides duplicates: name the columns under key."
        ),
        edge_cases="No rows: insufficient. A column that the file lacks: refused by name.",
        interval="none: the count is exact",
        cost="a sort a column",
        takes=BY_COLUMN,
        references=(_ISO,),
        purpose="Repeated rows count twice in every other number and narrow its interval wrongly.",
        mechanism="Counts different rows.",
        signs_of_high_risk="More repeats than coarse features explain; an extract that was joined wrongly.",
        strengths="Exact, whatever the coding of the columns.",
        limitations="Nearly equal rows are different rows.",
        args=(
            Arg(
                name="key", type="strings", help="Columns in which rows must agree to be equal. Default: all."
            ),
        ),
        sentence="{value} of the rows repeat another.",
    ),
    Check(
        id="data.train_test_overlap",
        function="data_rows:train_test_overlap",
        title="Share of rows that stand in the training data",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=("features", "reference_features", "count?", "reference_count?"),
        definition="Rows whose features equal those of some row of the reference data set / rows.",
        conventions=(
            "Features are compared value by value; missing values equal each other. The reference is the "
            "development data set by default."
        ),
        edge_cases="No rows in one data set, or no features: insufficient. A feature missing: refused.",
        interval="Wilson, as if rows were drawn",
        cost="a sort a feature over both data sets",
        takes=BY_COLUMN,
        references=(
            "Kaufman, Rosset, Perlich, Stitelman (2012), ACM TKDD 6(4), 15",
            "Wilson (1927), JASA 22, 209-212",
        ),
        purpose="A model tested on rows that it was trained on looks better than it is.",
        mechanism="Looks every row up among the training rows.",
        signs_of_high_risk="A share well above repeated_within, the share that repeats by chance.",
        strengths="Exact; needs no identifier.",
        limitations="Finds equal features only: the same person a month later is another row.",
        args=(
            Arg(name="key", type="strings", help="Features in which rows must agree. Default: all."),
            CONFIDENCE,
        ),
        sentence="{value} of the rows stand in the training data too.",
    ),
    Check(
        id="data.time_order",
        function="data_rows:time_order",
        title="Share of rows that do not lie after the training data",
        unit="share",
        range="[0, 1]",
        direction="lower",
        needs=(
            "columns",
            "reference_columns",
            "period?",
            "reference_period?",
            "count?",
            "reference_count?",
        ),
        definition="Rows whose period is not later than the reference data set's last period / rows.",
        conventions=(
            "Periods are the manifest's or a column's: numbers, or years with a quarter, half, week, month "
            "or day. "
            "A row without a period counts as not after. The order of rows in the file plays no part."
        ),
        edge_cases=(
            "No period or no rows: insufficient. Periods without an order, or missing in the reference: "
            "undefined."
        ),
        interval="none: the count is exact",
        cost="one pass over the periods",
        takes=BY_COLUMN,
        references=("Kaufman, Rosset, Perlich, Stitelman (2012), ACM TKDD 6(4), 15",),
        purpose="Shows whether the test is out of time, as use will be.",
        mechanism="Compares each row's period with the last one trained on.",
        signs_of_high_risk="Any value above 0 where an out-of-time test is claimed.",
        strengths="Exact.",
        limitations="Says nothing of features that look into the future.",
        args=(
            Arg(name="column", type="string", help="Column that holds the period in both data sets."),
            Arg(
                name="same_period",
                type="boolean",
                default=False,
                help="Whether the reference's last period itself counts as after it.",
            ),
        ),
        sentence="{value} of the rows do not lie after the training data.",
    ),
)
