"""Tests of a 2 x 2 table: whether the gap between two selection rates is more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scipy.special import gammaln
from scipy.stats import chi2, fisher_exact, norm

Table = tuple[int, int, int, int]
TESTS = ("fisher", "z", "chi2", "lancaster_midp")


def run(test: str, table: Table, *, correction: bool = False) -> dict[str, Any]:
    """The test of that name on (a, b, c, d): selected and not, in the group and in the reference.

    Returns
    -------
    dict
        ``test``, ``statistic``, ``df``, ``p_value`` (two-sided); null where a margin is empty.

    Examples
    --------
    >>> round(run("fisher", (3, 1, 1, 3))["p_value"], 4)
    0.4857
    >>> round(run("lancaster_midp", (3, 1, 1, 3))["p_value"], 4)
    0.3714
    """
    a, b, c, d = table
    if 0 in (a + b, c + d):
        return {"test": test, "statistic": None, "df": None, "p_value": None}
    if 0 in (a + c, b + d):
        return {"test": test, "statistic": 0.0, "df": None, "p_value": 1.0}
    return _BY_NAME[test](table, correction)


def _fisher(table: Table, _correction: bool) -> dict[str, Any]:
    """Exact, two-sided by probability: all tables no more likely than the one seen."""
    a, b, c, d = table
    p = float(fisher_exact([[a, b], [c, d]]).pvalue)
    odds = a * d / (b * c) if b * c else None
    return {"test": "fisher", "statistic": odds, "df": None, "p_value": min(1.0, p)}


def _midp(table: Table, _correction: bool) -> dict[str, Any]:
    """Lancaster's mid-p: Fisher's p less half the probability of the table seen."""
    found = _fisher(table, False)
    p = max(0.0, found["p_value"] - 0.5 * math.exp(_log_probability(table)))
    return {**found, "test": "lancaster_midp", "p_value": p}


def _log_probability(table: Table) -> float:
    """Hypergeometric log probability of a table with its margins."""
    a, b, c, d = table

    def logs(*counts: int) -> float:
        return math.fsum(float(gammaln(k + 1)) for k in counts)

    return logs(a + b, c + d, a + c, b + d) - logs(a, b, c, d, a + b + c + d)


def _z(table: Table, correction: bool) -> dict[str, Any]:
    """Two proportions, pooled variance; the correction is Yates'."""
    a, b, c, d = table
    n, m = a + b, c + d
    pooled = (a + c) / (n + m)
    gap = abs(a / n - c / m)
    if correction:
        gap = max(0.0, gap - 0.5 * (1 / n + 1 / m))
    z = math.copysign(gap / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)), a * m - c * n)
    return {"test": "z", "statistic": z, "df": None, "p_value": float(2 * norm.sf(abs(z)))}


def _chi2(table: Table, correction: bool) -> dict[str, Any]:
    """Pearson's chi-square, one degree of freedom."""
    statistic = _z(table, correction)["statistic"] ** 2
    return {"test": "chi2", "statistic": statistic, "df": 1, "p_value": float(chi2.sf(statistic, 1))}


_BY_NAME: dict[str, Callable[[Table, bool], dict[str, Any]]] = {
    "fisher": _fisher,
    "z": _z,
    "chi2": _chi2,
    "lancaster_midp": _midp,
}
