"""Evaluation results of systems that write: judged answers, clustered by case, repeated to show chance."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, Coded, Columns, IntArray
from apps.engine.errors import NoSuchColumn, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.tally import summed
from apps.engine.values import Measured

PASSING = ("1", "true", "yes", "pass", "passed")


def pass_rate(
    *,
    columns: Columns,
    count: IntArray | None = None,
    passed: str = "passed",
    passing: Sequence[str] = PASSING,
    case: str = "case_id",
    repeat: str = "repeat",
    judge: str = "judge_id",
    prompt: str = "prompt_digest",
    min_repeats: int = 3,
    bound: float | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The share of judged answers that pass, with an interval over cases and the spread between repeats.

    In [0, 1], higher is better. With k passes of m rows in each of C cases, N rows and the share p, the
    variance is C / (C - 1) times the sum of (k - p m)², over N²; the effective size p (1 - p) / variance is
    at most N, and C where every row passes or none does.

    Parameters
    ----------
    columns : Columns
        Every column of the file: a row is one answer, judged once.
    count : int array, optional
        How many equal rows each row stands for.
    passed, case, repeat, judge, prompt : str
        Columns of the outcome, the case, the repeat, the judge's id and the prompt's digest.
    passing : list of str
        Values of the outcome that mean a pass, in any case of letters.
    min_repeats : int
        Repeats in which every case must have been tried.
    bound : float, optional
        The floor of the gate.

    Returns
    -------
    Measured
        Tables ``repeats``, ``judges`` (each with its share) and ``prompts``; parameters `spread` (largest
        less smallest share of a repeat) and `agreement` (of answers judged by several judges, the share on
        which all agree; None where there is one judge).

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, one case, missing values, too few repeats, or repeats on both sides of the
        bound. Undefined: a case asked with more than one prompt.
    BadInput
        A column that the file lacks.

    Examples
    --------
    >>> rows = [(c, r, "F" if c == r == 1 else "yes") for c in (1, 2) for r in (1, 2, 3)]
    >>> found = pass_rate(columns=Columns.of(
    ...     case_id=[c for c, _, _ in rows], repeat=[r for _, r, _ in rows], passed=[p for _, _, p in rows],
    ...     judge_id=["j"] * 6, prompt_digest=["d"] * 6))
    >>> found.exact, found.parameters["spread"]
    (Fraction(5, 6), 0.5)
    """
    roles = {"outcome": passed, "case": case, "repeat": repeat, "judge": judge, "prompt": prompt}
    coded = {role: _coded(columns, name, role) for role, name in roles.items()}
    times = np.ones(len(coded["case"]), dtype=np.int64) if count is None else count.astype(np.int64)
    rows = int(times.sum())
    _whole(coded, roles, times, rows)
    good = np.isin(coded["outcome"].codes, _passing(coded["outcome"], passing))
    cases, runs = coded["case"], coded["repeat"]
    _repeated(cases, runs, times, min_repeats)
    _asked_alike(cases, coded["prompt"], times)
    share = Fraction(int(times[good].sum()), rows)
    by_repeat = _shares(runs, good, times)
    _on_one_side(by_repeat, bound)
    size = _effective(cases, good, times, share)
    spread = by_repeat[-1]["exact"] - by_repeat[0]["exact"]
    return Measured(
        value=float(share),
        exact=share,
        n=rows,
        interval=wilson(float(share) * size, size, confidence),
        confidence=confidence,
        method="Wilson at the effective size of a sample clustered by case",
        parameters={
            "cases": len(_present(cases, times)),
            "repeats": len(by_repeat),
            "judges": len(_present(coded["judge"], times)),
            "effective_size": size,
            "spread": float(spread),
            "agreement": _agreement(coded, good, times),
        },
        tables={
            "repeats": _told(by_repeat, "repeat"),
            "judges": _told(_shares(coded["judge"], good, times), "judge"),
            "prompts": _told(_shares(coded["prompt"], good, times), "prompt"),
        },
        notes=("The results were handed in: who judged them and with which prompts is what the file says.",),
    )


def _coded(columns: Columns, name: str, role: str) -> Coded:
    if name not in columns:
        raise NoSuchColumn(f'The data have no column "{name}", which would be the {role} of each answer.')
    return columns[name].coded()


def _present(coded: Coded, times: IntArray) -> list[int]:
    """The codes that some row has."""
    return [int(code) for code in np.unique(coded.codes[times > 0])]


def _whole(coded: dict[str, Coded], roles: dict[str, str], times: IntArray, rows: int) -> None:
    """Refuse a table without rows, with one case, or in which anything is missing."""
    if not rows:
        raise Unmeasurable("There are no rows.", status="insufficient")
    for role, column in coded.items():
        if MISSING in column.levels:
            gone = int(times[column.codes == column.levels.index(MISSING)].sum())
            if gone:
                told = f'The {role} ("{roles[role]}") is missing in {gone:,} of {rows:,} rows.'
                raise Unmeasurable(told, status="insufficient")
    if len(_present(coded["case"], times)) < 2:
        raise Unmeasurable("There is one case only: nothing can be said of others.", status="insufficient")


def _passing(outcome: Coded, passing: Sequence[str]) -> list[int]:
    wanted = {value.casefold() for value in passing}
    return [code for code, level in enumerate(outcome.levels) if level.casefold() in wanted]


def _repeated(cases: Coded, runs: Coded, times: IntArray, least: int) -> None:
    """Refuse where a case was tried in too few repeats."""
    pairs = np.unique(np.stack([cases.codes[times > 0], runs.codes[times > 0]]), axis=1)
    tried = np.bincount(pairs[0], minlength=len(cases.levels))
    few = [code for code in _present(cases, times) if tried[code] < least]
    if few:
        worst = min(few, key=lambda code: (tried[code], cases.levels[code]))
        raise Unmeasurable(
            f"{len(few):,} case{'' if len(few) == 1 else 's'} were tried in fewer than {least} repeats, such "
            f'as "{cases.levels[worst][:60]}" in {tried[worst]}.',
            status="insufficient",
        )


def _asked_alike(cases: Coded, prompts: Coded, times: IntArray) -> None:
    """Refuse where repeats of a case are not the same question."""
    pairs = np.unique(np.stack([cases.codes[times > 0], prompts.codes[times > 0]]), axis=1)
    asked = np.bincount(pairs[0], minlength=len(cases.levels))
    if (many := np.flatnonzero(asked > 1)).size:
        first = min(cases.levels[code] for code in many)
        told = f'{many.size:,} cases were asked with more than one prompt, such as "{first[:60]}".'
        raise Unmeasurable(told, status="undefined")


def _shares(coded: Coded, good: np.ndarray[Any, Any], times: IntArray) -> list[dict[str, Any]]:
    """Passes and rows of each level, the smallest share first."""
    every = summed(coded.codes, times, len(coded.levels))
    passes = summed(coded.codes[good], times[good], len(coded.levels))
    found = [
        {"level": coded.levels[c], "rows": int(every[c]), "passed": int(passes[c])}
        for c in _present(coded, times)
    ]
    exact: list[dict[str, Any]] = [{**row, "exact": _ratio(row)} for row in found]
    return sorted(exact, key=lambda row: (row["exact"], row["level"]))


def _ratio(row: dict[str, Any]) -> Fraction:
    return Fraction(int(row["passed"]), int(row["rows"]))


def _told(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: str(row["level"]))
    return [
        {name: row["level"], "rows": row["rows"], "passed": row["passed"], "share": float(row["exact"])}
        for row in ordered
    ]


def _on_one_side(by_repeat: list[dict[str, Any]], bound: float | None) -> None:
    """Refuse where it depends on the repeat whether the floor is reached."""
    if bound is None:
        return
    floor, least, most = Fraction(str(bound)), by_repeat[0]["exact"], by_repeat[-1]["exact"]
    if least < floor <= most:
        raise Unmeasurable(
            f"The shares of the repeats run from {float(least):.4g} to {float(most):.4g}, on both sides of "
            f"{bound:g}: whether it is reached is chance.",
            status="insufficient",
        )


def _effective(cases: Coded, good: np.ndarray[Any, Any], times: IntArray, share: Fraction) -> float:
    """The number of independent answers that would be known as well."""
    every = summed(cases.codes, times, len(cases.levels))
    passes = summed(cases.codes[good], times[good], len(cases.levels))
    there = every > 0
    m, k = every[there].astype(object), passes[there].astype(object)
    clusters, rows = len(m), int(sum(m))
    squares = sum(k * k) - 2 * share * sum(k * m) + share * share * sum(m * m)
    variance = Fraction(clusters, clusters - 1) * Fraction(squares) / rows**2
    if share in (0, 1):
        return float(clusters)
    return float(rows) if not variance else float(min(share * (1 - share) / variance, Fraction(rows)))


def _agreement(coded: dict[str, Coded], good: np.ndarray[Any, Any], times: IntArray) -> float | None:
    """Of answers judged by several judges, the share on which all of them say the same."""
    here = times > 0
    answers = np.stack([coded["case"].codes[here], coded["repeat"].codes[here]])
    which = np.unique(answers, axis=1, return_inverse=True)[1].ravel()
    judged = np.unique(np.stack([which, coded["judge"].codes[here]]), axis=1)[0]
    judges = np.bincount(judged)
    sides = np.bincount(np.unique(np.stack([which, good[here]]), axis=1)[0])
    several = judges > 1
    return float(Fraction(int((sides[several] == 1).sum()), int(several.sum()))) if several.any() else None
