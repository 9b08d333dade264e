"""Intervals hold the truth about as often as docs/coverage.md says; the page has the long run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from apps.engine.measures.ranking import auc_interval, rank
from tests.engine.coverage.exact import exact
from tests.engine.coverage.population import CASES, Case
from tests.engine.coverage.table import NOMINAL, PAGE, mark, read, samples_of, written

PRINTED = dict(read(PAGE.read_text()))
SAMPLES = samples_of(PAGE.read_text())
SIZED = [(case, n) for case in CASES for n in case.sizes]


def key(case: Case, n: int) -> str:
    """The name of a row of the page."""
    rest = case.name.removeprefix(case.check).removeprefix(", ")
    return f"{case.check}{f' ({rest})' if rest else ''} n = {n:,}"


def test_closed_methods_are_never_far_short() -> None:
    for one in exact():
        assert one.coverage > (NOMINAL if one.method == "Clopper-Pearson" else 0.91), one


def test_delongs_plain_interval_is_short_with_few_rows_and_the_logit_scale_is_not() -> None:
    random, label, hits = np.random.default_rng(0), np.arange(38) < 8, {"delong": 0, "logit": 0}
    apart = math.sqrt(2) * norm.ppf(0.85)
    for _ in range(400):
        found = rank(random.normal(0, 1, 38) + apart * label, label)
        for scale in hits:
            low, high = auc_interval(found, NOMINAL, scale)[0] or (0, 0)
            hits[scale] += low <= 0.85 <= high
    assert hits["delong"] / 400 < 0.91
    assert hits["logit"] / 400 > 0.93
    assert auc_interval(found, NOMINAL) == auc_interval(found, NOMINAL, "logit")


def test_the_page_prints_every_case() -> None:
    assert set(PRINTED) == {key(case, n) for case, n in SIZED}


def test_the_page_prints_the_exact_figures() -> None:
    page = PAGE.read_text()
    for one in exact():
        assert f"| {one.method} | {one.situation} | {one.coverage:.1%} | {mark(one.coverage)} |" in page


@pytest.mark.parametrize(("case", "n"), [(c, c.sizes[0]) for c in CASES], ids=lambda v: getattr(v, "name", v))
def test_a_short_seeded_run_is_near_what_is_printed(case: Case, n: int) -> None:
    """Thirty samples tell a method that holds from one that is broken, and no more."""
    wanted = PRINTED[key(case, n)]
    found = case.covered(n, 30, seed=7)
    room = 4 * max(0.02, (wanted * (1 - wanted) / max(1, found.made)) ** 0.5)
    assert found.share == pytest.approx(wanted, abs=room)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "n"), SIZED, ids=lambda v: getattr(v, "name", v))
def test_a_long_run_from_another_seed_is_what_is_printed(case: Case, n: int) -> None:
    found = case.covered(n, 400, seed=8)
    printed = PRINTED[key(case, n)]
    room = 4 * (found.error**2 + printed * (1 - printed) / SAMPLES) ** 0.5
    assert found.share == pytest.approx(printed, abs=room + 0.002)


def test_a_page_is_written_between_its_marks() -> None:
    page = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb"
    assert written(page, {"x": ["new"]}) == "a\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nb"


def test_the_command_of_the_page_is_there() -> None:
    assert (Path(__file__).parent / "table.py").exists()
    assert "python -m tests.engine.coverage.table" in PAGE.read_text()
