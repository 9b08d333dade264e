"""Rows that stand twice: within a data set, in training and test, and out of their time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Coded, Columns, IntArray
from apps.engine.errors import NoSuchColumn, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures.periods import in_time
from apps.engine.measures.row_codes import row_codes
from apps.engine.tally import summed
from apps.engine.values import Measured


def duplicates(
    *, columns: Columns, count: IntArray | None = None, key: Sequence[str] | None = None
) -> Measured:
    """The share of rows that repeat another row: 1 - distinct rows / rows.

    In [0, 1), lower is better. Of k equal rows, k - 1 count. The table ``copies`` says how many different
    rows stand how often.

    Parameters
    ----------
    columns : Columns
        Every column of the file.
    count : int array, optional
        How many equal rows each row stands for.
    key : list of str, optional
        Columns in which rows must agree to be equal; by default all. Missing values equal each other.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows.
    BadInput
        A column that the file lacks.

    Examples
    --------
    >>> found = duplicates(columns=Columns.of(a=[1.0, 1.0, 2.0, 1.0], b=["x", "x", "x", "y"]))
    >>> found.exact, found.tables["copies"]
    (Fraction(1, 4), [{'times': 1, 'different_rows': 2}, {'times': 2, 'different_rows': 1}])
    """
    names = _names(columns, key)
    codes = row_codes([columns], names)[0]
    counts = summed(codes, count, int(codes.max()) + 1)
    counts = counts[counts > 0]
    rows, different = int(counts.sum()), len(counts)
    share = Fraction(rows - different, rows)
    times, patterns = np.unique(counts, return_counts=True)
    return Measured(
        value=float(share),
        exact=share,
        n=rows,
        method="exact comparison of all rows",
        parameters={"columns_compared": len(names), "distinct_rows": different},
        tables={
            "copies": [
                {"times": int(t), "different_rows": int(p)} for t, p in zip(times, patterns, strict=True)
            ]
        },
    )


def train_test_overlap(
    *,
    features: Columns,
    reference_features: Columns,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    key: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The share of rows whose features stand in the reference (training) data too.

    In [0, 1], lower is better. Few or coarse features repeat by chance: the share of rows that repeat
    within the data set itself (`repeated_within`) says how far chance may go.

    Parameters
    ----------
    features, reference_features : Columns
        The model's inputs, now and in the reference data set.
    count, reference_count : int arrays, optional
        How many equal rows each row stands for.
    key : list of str, optional
        Features in which rows must agree; by default all.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows in one of the data sets, or no features.
    BadInput
        A feature that one of them lacks.

    References
    ----------
    Kaufman, Rosset, Perlich, Stitelman (2012), ACM TKDD 6(4), 15. Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> test, train = Columns.of(a=[1.0, 2.0, 3.0, 4.0]), Columns.of(a=[4.0, 5.0])
    >>> train_test_overlap(features=test, reference_features=train).exact
    Fraction(1, 4)
    """
    names = _names(features, key)
    _names(reference_features, names)
    now, then = row_codes([features, reference_features], names)
    rows, reference_rows = _rows(features, count), _rows(reference_features, reference_count)
    found = _rows_where(np.isin(now, then), count)
    share = Fraction(found, rows)
    return Measured(
        value=float(share),
        exact=share,
        n=rows,
        interval=wilson(found, rows, confidence),
        confidence=confidence,
        method="exact comparison of all rows; Wilson",
        parameters={
            "features_compared": len(names),
            "rows_found": found,
            "reference_rows": reference_rows,
            "reference_rows_found": _rows_where(np.isin(then, now), reference_count),
            "repeated_within": (rows - len(np.unique(now))) / rows,
        },
    )


def _rows(table: Columns, count: IntArray | None) -> int:
    return table.rows if count is None else int(count.sum())


def _rows_where(places: BoolArray, count: IntArray | None) -> int:
    return int(np.count_nonzero(places)) if count is None else int(count[places].sum())


def _names(columns: Columns, key: Sequence[str] | None) -> list[str]:
    if not columns.rows:
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    for name in key or ():
        if name not in columns:
            raise NoSuchColumn(f'The data have no column "{name}".')
    names = list(key or columns)
    if not names:
        raise Unmeasurable("There are no columns to compare.", status="insufficient")
    return names


def time_order(
    *,
    columns: Columns,
    reference_columns: Columns,
    period: Coded | None = None,
    reference_period: Coded | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    column: str | None = None,
    same_period: bool = False,
) -> Measured:
    """The share of rows that do not lie after the reference (training) data in time.

    In [0, 1], lower is better; 0 is an out-of-time test. A row without a period counts as not after.

    Parameters
    ----------
    period, reference_period : Coded, optional
        The manifest's period of each row.
    count, reference_count : int arrays, optional
        How many equal rows each row stands for.
    column : str, optional
        A column that holds the period or date in both data sets, in place of the manifest's.
    same_period : bool
        Whether a row of the reference's last period counts as after it.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no period. Undefined: periods without an order, or missing in the reference.

    Examples
    --------
    >>> test, train = Coded.of(["2025-03", "2025-04"]), Coded.of(["2025-01", "2025-03"])
    >>> table = Columns.of(a=[1.0, 2.0])
    >>> time_order(columns=table, reference_columns=table, period=test, reference_period=train).exact
    Fraction(1, 2)
    """
    now = _period(columns, period, column)
    then = _period(reference_columns, reference_period, column)
    missing = _rows_where(_missing(then), reference_count)
    if missing:
        raise Unmeasurable(
            f"The period is missing in {missing:,} of {_length(then, reference_count):,} rows of the "
            "reference data: its end is not known."
        )
    order = in_time([*now.levels, *then.levels])
    last = max(then.levels, key=order.index)
    late = {level for level in now.levels if level != MISSING and order.index(level) > order.index(last)}
    late |= {last} if same_period else set()
    early = ~np.array([level in late for level in now.levels], dtype=bool)[now.codes]
    rows, not_after = _length(now, count), _rows_where(early, count)
    share = Fraction(not_after, rows)
    unknown = _rows_where(_missing(now), count)
    known = [level for level in order if level in now.levels]
    return Measured(
        value=float(share),
        exact=share,
        n=rows,
        method="exact comparison of periods",
        parameters={
            "last_reference_period": last,
            "first_period": known[0] if known else None,
            "last_period": known[-1] if known else None,
            "rows_not_after": not_after,
        },
        notes=(f"The period is missing in {unknown:,} rows, which count as not after.",) if unknown else (),
    )


def _period(columns: Columns, period: Coded | None, column: str | None) -> Coded:
    if column is not None:
        if column not in columns:
            raise NoSuchColumn(f'The data have no column "{column}".')
        period = columns[column].coded()
    if period is None:
        raise Unmeasurable(
            "There is no period: the manifest names none for both data sets, and no column was given.",
            status="insufficient",
        )
    if not len(period):
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    return period


def _length(period: Coded, count: IntArray | None) -> int:
    return len(period) if count is None else int(count.sum())


def _missing(period: Coded) -> BoolArray:
    return np.array([level == MISSING for level in period.levels], dtype=bool)[period.codes]
