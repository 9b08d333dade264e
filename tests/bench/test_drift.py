"""Drift of 25 numbers and 5 categories, every figure at once, beside what people watch drift with."""

from __future__ import annotations

import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, versus
from tests.bench.measuring import FULL, in_turns, job, peer_job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PART = "Drift of 25 numbers and 5 categories"
ROWS, FEW = 1_000_000, 1_000_000 if FULL else 100_000


def test_drift_of_a_million_rows(table: Table, made: Maker, machine: dict[str, float]) -> None:
    place = made("drifting", ROWS)
    found = in_turns(
        2,
        once=("scipy", "nannyml"),
        ours=lambda: job("drift_ours", place, 3),
        nannyml=lambda: peer_job("nannyml_drift", place),
        scipy=lambda: job("scipy_drift", place, 3),
    )
    said = found["ours"][0].said
    for name, (ks, distance) in found["scipy"][0].said["values"].items():
        assert said["values"][name]["ks"] == pytest.approx(ks, abs=1e-12)
        assert said["values"][name]["distance"] == pytest.approx(distance, abs=1e-12)
    sorting = said["sorted"] / (2 * machine["sort"])
    what = f"{ROWS:,} rows against {ROWS:,}: PSI, KS with p, Wasserstein; chi-square, PSI"
    versus(
        table,
        found,
        part=PART,
        what=what,
        peer="nannyml",
        goal=Goal(ratio=10, share=0.6),
        share=sorting / found.seconds("ours"),
        limit="sorting both samples by NumPy on two cores",
        note="KS in bins",
    )
    versus(
        table,
        found,
        part=PART,
        what="the same, exact to 1e-12",
        peer="scipy",
        note="KS and Wasserstein alone; told from 3 of 25 columns",
    )


def test_drift_beside_evidently(table: Table, made: Maker) -> None:
    place = made("drifting", FEW)
    found = in_turns(
        1,
        ours=lambda: job("drift_ours", place, 5),
        evidently=lambda: peer_job("evidently_drift", place),
    )
    if found["evidently"]:
        ours, theirs = found["ours"][0].said["values"], found["evidently"][0].said["values"]
        assert max(abs(theirs["wasserstein"][n] - ours[n]["wasserstein"]) for n in ours) < 1e-5
        assert max(abs(theirs["ks"][n] - ours[n]["p_value"]) for n in ours) < 1e-2
    what = f"{FEW:,} rows against {FEW:,}: PSI, KS with p, Wasserstein; chi-square, PSI"
    note = "three reports: KS, Wasserstein, PSI"
    versus(table, found, part=PART, what=what, peer="evidently", goal=Goal(ratio=300), note=note)
