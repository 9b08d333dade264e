"""Rates of a confusion matrix: one place for what each is a share of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray
from apps.engine.intervals import Pair, proportion
from apps.engine.numeric import share

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
    def of(cls, predicted: BoolArray, label: BoolArray) -> Cells:
        """Count them."""
        counted = np.bincount(label.astype(np.intp) * 2 + predicted, minlength=4)
        return cls(*(int(c) for c in counted))

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

    def rates(self) -> dict[str, float | None]:
        """All of them as numbers."""
        found = {rate: self.fraction(rate) for rate in RATES}
        return {rate: None if f is None else float(f) for rate, f in found.items()}


def interval_of(cells: Cells, rate: str, confidence: float, method: str) -> Pair | None:
    """The interval of one rate; None where it is undefined."""
    top, bottom = cells.parts(rate)
    return proportion(top, bottom, confidence, method) if bottom else None


def table(cells: Cells, confidence: float, method: str) -> Sequence[dict[str, Any]]:
    """One row a rate: numerator, denominator, value, interval."""
    return [_row(cells, rate, confidence, method) for rate in RATES]


def _row(cells: Cells, rate: str, confidence: float, method: str) -> dict[str, Any]:
    top, bottom = cells.parts(rate)
    low, high = interval_of(cells, rate, confidence, method) or (None, None)
    value = top / bottom if bottom else None
    return {"rate": rate, "numerator": top, "denominator": bottom, "value": value, "low": low, "high": high}


def balanced_accuracy(cells: Cells) -> Fraction | None:
    """The mean of sensitivity and specificity; None with one class."""
    tpr, tnr = cells.fraction("tpr"), cells.fraction("tnr")
    return None if tpr is None or tnr is None else (tpr + tnr) / 2


def f_beta(cells: Cells, beta: float) -> float | None:
    """``(1 + β²) tp / ((1 + β²) tp + β² fn + fp)``; None where nothing is positive or predicted so."""
    weight = beta * beta
    bottom = (1 + weight) * cells.tp + weight * cells.fn + cells.fp
    return (1 + weight) * cells.tp / bottom if bottom else None


def mcc(cells: Cells) -> float | None:
    """Matthews' correlation; None where a margin is empty.

    Examples
    --------
    >>> mcc(Cells(tn=2, fp=0, fn=0, tp=3))
    1.0
    """
    c = cells
    margins = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return (c.tp * c.tn - c.fp * c.fn) / math.sqrt(margins) if margins else None


def summary(cells: Cells) -> Sequence[dict[str, Any]]:
    """The figures that join several rates."""
    balanced = balanced_accuracy(cells)
    return [
        {"measure": "balanced_accuracy", "value": None if balanced is None else float(balanced)},
        {"measure": "f1", "value": f_beta(cells, 1.0)},
        {"measure": "mcc", "value": mcc(cells)},
    ]
