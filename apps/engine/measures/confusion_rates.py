"""Rates of a confusion matrix: one place for what each is a share of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, normal, proportion, within
from apps.engine.numeric import (
    Ints,
    counts_or_none,
    how_many,
    same_length,
    share,
    total_of,
    weighted_counts,
    weights_or_none,
)

# Each rate: (cells of the numerator, cells of the denominator).
RATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "selection_rate": (("tp", "fp"), ("tn", "fp", "fn", "tp")),
    "base_rate": (("tp", "fn"), ("tn", "fp", "fn", "tp")),
    "tpr": (("tp",), ("tp", "fn")),
    "tnr": (("tn",), ("tn", "fp")),
    "fpr": (("fp",), ("tn", "fp")),
    "fnr": (("fn",), ("tp", "fn")),
    "ppv": (("tp",), ("tp", "fp")),
    "npv": (("tn",), ("tn", "fn")),
    "fdr": (("fp",), ("tp", "fp")),
    "for": (("fn",), ("tn", "fn")),
    "accuracy": (("tp", "tn"), ("tn", "fp", "fn", "tp")),
}


@dataclass(frozen=True, slots=True)
class Cells:
    """The four cells.

    Examples
    --------
    >>> Cells(tn=50, fp=10, fn=5, tp=35).fraction("tpr")
    Fraction(7, 8)
    """

    tn: int
    fp: int
    fn: int
    tp: int

    @classmethod
    def of(cls, predicted: BoolArray, label: BoolArray, count: Ints | None = None) -> Cells:
        """Count them."""
        both, total = how_many(predicted & label, count), total_of(count, len(label))
        chosen, positives = how_many(predicted, count), how_many(label, count)
        return cls(total - chosen - positives + both, chosen - both, positives - both, both)

    @property
    def n(self) -> int:
        """All rows."""
        return self.tn + self.fp + self.fn + self.tp

    def counts(self) -> dict[str, int]:
        """By name, in the order of the interface."""
        return {"tn": self.tn, "fp": self.fp, "fn": self.fn, "tp": self.tp}

    def parts(self, rate: str) -> tuple[int, int]:
        """Numerator and denominator of a rate."""
        counts = self.counts()
        top, bottom = RATES[rate]
        return sum(counts[c] for c in top), sum(counts[c] for c in bottom)

    def fraction(self, rate: str) -> Fraction | None:
        """A rate; None where its denominator is zero."""
        return share(*self.parts(rate))

    def value(self, rate: str) -> float | None:
        """A rate as a number; None where its denominator is zero."""
        found = self.fraction(rate)
        return None if found is None else float(found)

    def size(self, rate: str) -> float:
        """The rows a rate is a share of."""
        return self.parts(rate)[1]

    def rates(self) -> dict[str, float | None]:
        """All of them as numbers."""
        return {rate: self.value(rate) for rate in RATES}


@dataclass(frozen=True, slots=True)
class Masses:
    """Sums of weights in the four cells, of squared weights, and the rows.

    Examples
    --------
    >>> flags = np.array([True, True, False, False]), np.array([True, False, True, False])
    >>> found = Masses.of(*flags, np.array([3.0, 1.0, 2.0, 2.0]))
    >>> found.value("ppv"), round(found.size("ppv"), 6)
    (0.75, 1.6)
    """

    tn: float
    fp: float
    fn: float
    tp: float
    squares: FloatArray
    rows: Cells

    @classmethod
    def of(
        cls, predicted: BoolArray, label: BoolArray, weight: FloatArray, count: Ints | None = None
    ) -> Masses:
        """Add the weights up."""
        sums, squares = weighted_counts(label.astype(np.intp) * 2 + predicted, weight, 4, count)
        tn, fp, fn, tp = sums.tolist()
        return cls(tn, fp, fn, tp, squares, Cells.of(predicted, label, count))

    @property
    def n(self) -> int:
        """All rows."""
        return self.rows.n

    def counts(self) -> dict[str, int]:
        """Rows by cell."""
        return self.rows.counts()

    def sums(self) -> dict[str, float]:
        """Weight by cell."""
        return {"tn": self.tn, "fp": self.fp, "fn": self.fn, "tp": self.tp}

    def parts(self, rate: str) -> tuple[float, float]:
        """Numerator and denominator of a rate."""
        sums = self.sums()
        top, bottom = RATES[rate]
        return math.fsum(sums[c] for c in top), math.fsum(sums[c] for c in bottom)

    def value(self, rate: str) -> float | None:
        """A rate; None where no row of its denominator has weight."""
        top, bottom = self.parts(rate)
        return min(1.0, top / bottom) if bottom else None

    def size(self, rate: str) -> float:
        """Kish's effective size of the rows a rate is a share of; 0 where none has weight."""
        squares = dict(zip(self.sums(), self.squares.tolist(), strict=True))
        bottom = self.parts(rate)[1]
        return bottom * bottom / math.fsum(squares[c] for c in RATES[rate][1]) if bottom else 0.0

    def rates(self) -> dict[str, float | None]:
        """All of them as numbers."""
        return {rate: self.value(rate) for rate in RATES}

    def interval(self, value: float, gradient: Sequence[float], low: float, confidence: float) -> Pair | None:
        """The normal interval, within [low, 1], of a figure from its derivatives by the four sums.

        The variance is ``k / (k - 1) Σ w² g²``, g the derivative at a row's cell; None where it is 0.
        """
        parts = zip(self.squares.tolist(), gradient, strict=True)
        variance = math.fsum(square * slope * slope for square, slope in parts)
        if self.n < 2 or not variance > 0:
            return None
        return within(normal(value, math.sqrt(variance * self.n / (self.n - 1)), confidence), low, 1.0)


def cells_of(
    predicted: BoolArray, label: BoolArray, weight: FloatArray | None = None, count: Ints | None = None
) -> Cells | Masses:
    """The four cells: counts of rows, or sums of weights where these differ.

    Raises
    ------
    Unmeasurable
        Insufficient: there are no rows. Undefined: weights that cannot be used.
    """
    if same_length(predicted=predicted, label=label, weight=weight) == 0:
        raise Unmeasurable("There are no rows.", status="insufficient")
    times = counts_or_none(count, len(label))
    weights = weights_or_none(weight, times)
    if weights is None:
        return Cells.of(predicted, label, times)
    return Masses.of(predicted, label, weights, times)


def interval_of(cells: Cells | Masses, rate: str, confidence: float, method: str) -> Pair | None:
    """The interval of one rate; None where it is undefined."""
    value, size = cells.value(rate), cells.size(rate)
    if value is None:
        return None
    top = cells.parts(rate)[0] if isinstance(cells, Cells) else value * size
    return proportion(top, size, confidence, method)


def table(cells: Cells | Masses, confidence: float, method: str) -> Sequence[dict[str, Any]]:
    """One row a rate: numerator, denominator, value, interval."""
    return [_row(cells, rate, confidence, method) for rate in RATES]


def _row(cells: Cells | Masses, rate: str, confidence: float, method: str) -> dict[str, Any]:
    top, bottom = cells.parts(rate)
    low, high = interval_of(cells, rate, confidence, method) or (None, None)
    return {
        "rate": rate,
        "numerator": top,
        "denominator": bottom,
        "value": cells.value(rate),
        "low": low,
        "high": high,
    }


def balanced_accuracy(cells: Cells) -> Fraction | None:
    """The mean of sensitivity and specificity; None with one class."""
    tpr, tnr = cells.fraction("tpr"), cells.fraction("tnr")
    return None if tpr is None or tnr is None else (tpr + tnr) / 2


def mean_of_both(cells: Masses) -> float | None:
    """As `balanced_accuracy`, of sums of weights."""
    tpr, tnr = cells.value("tpr"), cells.value("tnr")
    return None if tpr is None or tnr is None else (tpr + tnr) / 2


def f_beta(cells: Cells | Masses, beta: float) -> float | None:
    """``(1 + β²) tp / ((1 + β²) tp + β² fn + fp)``; None where nothing is positive or predicted so."""
    weight = beta * beta
    bottom = (1 + weight) * cells.tp + weight * cells.fn + cells.fp
    return (1 + weight) * cells.tp / bottom if bottom else None


def mcc(cells: Cells | Masses) -> float | None:
    """Matthews' correlation; None where a margin is empty.

    Examples
    --------
    >>> mcc(Cells(tn=2, fp=0, fn=0, tp=3))
    1.0
    """
    c = cells
    margins = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return (c.tp * c.tn - c.fp * c.fn) / math.sqrt(margins) if margins else None


def balanced_slopes(cells: Masses) -> tuple[float, ...]:
    """The derivatives of balanced accuracy by tn, fp, fn and tp."""
    positives, negatives = cells.tp + cells.fn, cells.tn + cells.fp
    tpr, tnr = cells.tp / positives, cells.tn / negatives
    return (1 - tnr) / negatives / 2, -tnr / negatives / 2, -tpr / positives / 2, (1 - tpr) / positives / 2


def f_beta_slopes(cells: Masses, beta: float) -> tuple[float, ...]:
    """The derivatives of F-beta by tn, fp, fn and tp."""
    weight, value = beta * beta, f_beta(cells, beta) or 0.0
    bottom = (1 + weight) * cells.tp + weight * cells.fn + cells.fp
    return 0.0, -value / bottom, -weight * value / bottom, (1 + weight) * (1 - value) / bottom


def mcc_slopes(cells: Masses) -> tuple[float, ...]:
    """The derivatives of Matthews' correlation by tn, fp, fn and tp; all margins must have weight."""
    c, value = cells, mcc(cells) or 0.0
    chosen, positives, negatives, others = c.tp + c.fp, c.tp + c.fn, c.tn + c.fp, c.tn + c.fn
    root = math.sqrt(chosen * positives * negatives * others)
    return (
        c.tp / root - value / 2 * (1 / negatives + 1 / others),
        -c.fn / root - value / 2 * (1 / negatives + 1 / chosen),
        -c.fp / root - value / 2 * (1 / positives + 1 / others),
        c.tn / root - value / 2 * (1 / positives + 1 / chosen),
    )


def summary(cells: Cells | Masses) -> Sequence[dict[str, Any]]:
    """The figures that join several rates."""
    balanced = balanced_accuracy(cells) if isinstance(cells, Cells) else mean_of_both(cells)
    return [
        {"measure": "balanced_accuracy", "value": None if balanced is None else float(balanced)},
        {"measure": "f1", "value": f_beta(cells, 1.0)},
        {"measure": "mcc", "value": mcc(cells)},
    ]


def one_class(cells: Cells | Masses) -> tuple[str, ...]:
    """The sentence that says so where all labels are of one class."""
    counts = cells.counts()
    positives = counts["tp"] + counts["fn"]
    if 0 < positives < cells.n:
        return ()
    which = "positive" if positives else "negative"
    return (f"All {cells.n:,} labels are {which}: the rates of the other class are undefined.",)
