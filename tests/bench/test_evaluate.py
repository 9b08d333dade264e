"""A whole evaluation of the credit policy beside the usual libraries asked the same questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.jobs_evaluate import BOOTSTRAPS
from tests.bench.measuring import Ran, duration, in_turns, job, median, named, times
from tests.bench.table import Line, Table

pytestmark = pytest.mark.bench
PART = "`evaluate` of credit-tier1: 100,000 rows × 20 features, 200 trees of depth 6"
LIBRARIES = ("pandas", "xgboost-cpu", "scikit-learn", "fairlearn")


def test_a_whole_evaluation(table: Table, credit: Path):
    found = in_turns(
        3,
        once=("peer",),
        ours=lambda: job("evaluate", str(credit)),
        peer=lambda: job("by_hand", str(credit)),
    )
    ours, theirs = found["ours"][0].said["values"], found["peer"][0].said["values"]
    assert ours["performance.auc"] == pytest.approx(theirs["auc"], abs=1e-12)
    assert ours["performance.ks"] == pytest.approx(theirs["ks"], abs=1e-12)
    assert ours["calibration.brier"] == pytest.approx(theirs["brier"], abs=1e-6)
    assert ours["fairness.selection"] == pytest.approx(theirs["ratio"], abs=1e-9)
    one, other = (median([ran.said["seconds"] for ran in found[key]]) for key in ("ours", "peer"))
    table.add(
        Line(
            part=PART,
            what="eleven gates with intervals, cold, the whole process",
            ours=duration(one),
            peer=f"{named(*LIBRARIES)}, by a script; {BOOTSTRAPS} draws for ours of 1,000",
            theirs=duration(other),
            ratio=times(other / one),
            memory=memory(found["ours"], found["peer"]),
        )
    )
    for who, key in (("ours", "ours"), ("peer", "peer")):
        for name in found[key][0].said["parts"]:
            share = duration(median([ran.said["parts"][name] for ran in found[key]]))
            mine = {"ours": share} if who == "ours" else {"ours": "", "theirs": share}
            table.add(Line(part=PART, what=f"· {name}", **mine))


def memory(ours: list[Ran], theirs: list[Ran]) -> str:
    """The peaks of both, for the table."""
    one, other = (max(ran.peak_mib for ran in runs) for runs in (ours, theirs))
    return f"{one:.0f} and {other:.0f} MiB"
