"""Ranking and calibration over a million rows in memory, beside scikit-learn."""

from __future__ import annotations

import pytest

from tests.bench.goals import Goal, Side, compare, versus
from tests.bench.measuring import in_turns, job, named
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PART = "Ranking and calibration: 1,000,000 rows in memory"
ROWS = 1_000_000


def test_figures_of_ten_groups(table: Table) -> None:
    found = in_turns(
        3,
        once=("sklearn",),
        ours=lambda: job("ranking_ours", ROWS, 9),
        floor=lambda: job("sort_alone", ROWS, 9),
        sklearn=lambda: job("sklearn_by_group", ROWS, 2),
    )
    for ours, theirs in zip(*(found[name][0].said["values"] for name in ("ours", "sklearn")), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)
    versus(
        table,
        found,
        part=PART,
        what="AUC with DeLong's interval, KS, Brier, ECE, PSI of ten groups and of all, equal to 1e-12",
        peer="sklearn",
        goal=Goal(ratio=30, share=0.45),
        share=found.seconds("floor") / found.seconds("ours"),
        limit="sorting the scores on two cores",
        note="no interval",
    )


def test_checks_one_by_one(table: Table) -> None:
    found = in_turns(
        2,
        once=("sklearn",),
        ours=lambda: job("ranking_checks", ROWS, 3),
        sklearn=lambda: job("sklearn_checks", ROWS, 2),
    )
    titles = {
        "auc": "the check `performance.auc`, with DeLong's interval",
        "ks": "the check `performance.ks`, with its interval",
        "brier": "the check `calibration.brier`, with its interval and decomposition",
    }
    for name, title in titles.items():
        mine, other = (sorted(run.said[name]["seconds"] for run in found[key])[0] for key in found)
        values = [found[key][0].said[name]["value"] for key in found]
        assert values[0] == pytest.approx(values[1], abs=1e-12)
        compare(
            table,
            part=PART,
            what=title,
            ours=Side(seconds=mine),
            theirs=Side(seconds=other, note="no interval"),
            peer=named("scikit-learn"),
        )
