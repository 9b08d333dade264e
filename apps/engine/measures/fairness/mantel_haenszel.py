"""2 x 2 tables in strata: Cochran-Mantel-Haenszel, the common odds ratio, Breslow-Day."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from apps.engine.columns import FloatArray
from apps.engine.numeric import Ints


@dataclass(frozen=True, slots=True)
class Stratified:
    """2 x 2 tables by stratum: rows (group, reference), columns (selected, not).

    Parameters
    ----------
    tables : int array (strata, 2, 2)
        ``tables[s] = [[a, b], [c, d]]``.
    """

    tables: Ints

    def _cells(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        t = self.tables.astype(np.float64)
        t = t[t.sum(axis=(1, 2)) > 1]
        return t[:, 0, 0], t[:, 0, 1], t[:, 1, 0], t[:, 1, 1], t.sum(axis=(1, 2))

    def cmh(self, *, correction: bool = False) -> tuple[float, float] | None:
        """The Cochran-Mantel-Haenszel statistic and its p-value (1 df); None where nothing varies.

        ``(|Σ (a - E a)| - ½?)² / Σ var a`` with the hypergeometric mean and variance of each stratum.
        """
        a, b, c, d, n = self._cells()
        expected = (a + b) * (a + c) / n
        variance = math.fsum((a + b) * (c + d) * (a + c) * (b + d) / (n * n * (n - 1)))
        if variance == 0:
            return None
        gap = abs(math.fsum(a - expected))
        gap = max(0.0, gap - 0.5) if correction else gap
        statistic = gap * gap / variance
        return statistic, float(chi2.sf(statistic, 1))

    def odds_ratio(self) -> float | None:
        """The Mantel-Haenszel common odds ratio ``Σ ad/n / Σ bc/n``; None where the divisor is zero."""
        a, b, c, d, n = self._cells()
        bottom = math.fsum(b * c / n)
        return math.fsum(a * d / n) / bottom if bottom else None

    def log_error(self) -> float | None:
        """The standard error of the log common odds ratio by Robins, Breslow and Greenland."""
        a, b, c, d, n = self._cells()
        r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
        total_r, total_s = math.fsum(r), math.fsum(s)
        if not total_r or not total_s:
            return None
        variance = (
            math.fsum(p * r) / (2 * total_r**2)
            + math.fsum(p * s + q * r) / (2 * total_r * total_s)
            + math.fsum(q * s) / (2 * total_s**2)
        )
        return math.sqrt(variance)

    def breslow_day(self) -> tuple[float, int, float] | None:
        """Homogeneity of the odds ratios: statistic with Tarone's adjustment, df, p-value.

        Strata in which a margin is empty say nothing of it and are left out.
        """
        odds = self.odds_ratio()
        t = self.tables
        used = t[(t.sum(axis=1) > 0).all(axis=1) & (t.sum(axis=2) > 0).all(axis=1)].astype(np.float64)
        if not odds or len(used) < 2:
            return None
        a, row, column, n = (
            used[:, 0, 0],
            used[:, 0].sum(axis=1),
            used[:, :, 0].sum(axis=1),
            used.sum(axis=(1, 2)),
        )
        fitted = _fitted(odds, row, column, n)
        variance = 1 / (
            1 / fitted + 1 / (row - fitted) + 1 / (column - fitted) + 1 / (n - row - column + fitted)
        )
        statistic = math.fsum((a - fitted) ** 2 / variance)
        statistic -= math.fsum(a - fitted) ** 2 / math.fsum(variance)
        df = len(used) - 1
        return statistic, df, float(chi2.sf(statistic, df))


def _fitted(odds: float, row: FloatArray, column: FloatArray, n: FloatArray) -> FloatArray:
    """The count of cell a in each stratum at the common odds ratio and the margins given."""
    if abs(odds - 1) < 1e-12:
        return row * column / n
    p, q, r = 1 - odds, n - row - column + odds * (row + column), -odds * row * column
    root = np.sqrt(q * q - 4 * p * r)
    fitted: FloatArray = -2 * r / (q + root)
    return fitted
