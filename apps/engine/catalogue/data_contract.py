"""Catalogue entries of `data`: the contract."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import BY_COLUMN

CHECKS: tuple[Check, ...] = (
    Check(
        id="data.contract",
        function="data:contract",
        title="Terms of the data contract that do not hold",
        unit="breaches",
        range="[0, inf)",
        direction="lower",
        needs=("columns", "declared", "own?", "count?"),
        definition=(
            "The number of terms (type, min, max, values, max_missing_share, required, unique) that are "
            "broken."
        ),
        conventions=(
            "Terms stand under contract in the gate, in the data set's entry or in the manifest's spec; the "
            "nearer goes before, the last two column by column. Columns are required and may not "
            "have missing "
            "values unless the terms say so. Columns without terms are not looked at."
        ),
        edge_cases="No contract or no rows: insufficient. An unknown term, or a wrong value of one: refused.",
        interval="none: the count is exact",
        cost="one pass over each column agreed",
        takes=BY_COLUMN,
        references=("ISO/IEC 5259-2:2024, data quality measures",),
        purpose="Keeps data out that are not what was agreed, before any other number rests on them.",
        mechanism="Compares each column with its terms and names column, value and count.",
        signs_of_high_risk="Any breach in a column that the model uses.",
        strengths="Exact; names what is wrong in a sentence.",
        limitations="Checks what was agreed, and nothing else.",
        args=(
            Arg(
                name="contract",
                type="object",
                help="From column name to its terms; in place of the manifest's contract.",
            ),
        ),
        sentence="{value} terms of the data contract do not hold.",
    ),
)
