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
    found = in_turns(3, ours=lambda: job("evaluate", str(credit)), peer=lambda: job("by_hand", str(credit)))
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


def test_tree_explanations(table: Table, credit: Path):
    sizes = ("500", "100")
    found = in_turns(
        3,
        ours=lambda: job("shap_ours", str(credit), *sizes),
        peer=lambda: job("shap_peer", str(credit), *sizes),
    )
    ours, theirs = found["ours"][0].said, found["peer"][0].said
    assert ours["sample"] == [pytest.approx(row, abs=1e-5) for row in theirs["sample"]]
    _compare(table, "SHAP, interventional, 500 rows against 100", named("shap"), found)


def test_tree_explanations_at_the_size_of_a_gate(table: Table, credit: Path):
    found = in_turns(
        3,
        ours=lambda: job("shap_ours", str(credit), "10000", "1000"),
        peer=lambda: job("shap_xgboost", str(credit), "10000"),
    )
    peer = f"{named('xgboost-cpu')} pred_contribs, path-dependent, an easier game"
    _compare(table, "SHAP, interventional, 10,000 rows against 1,000", peer, found)


def _compare(table: Table, what: str, peer: str, found: dict[str, list[Ran]]) -> None:
    one, other = (median([ran.said["seconds"] for ran in found[key]]) for key in ("ours", "peer"))
    table.add(
        Line(
            part=PART,
            what=what,
            ours=duration(one),
            peer=peer,
            theirs=duration(other),
            ratio=times(other / one),
            memory=memory(found["ours"], found["peer"]),
        )
    )


def memory(ours: list[Ran], theirs: list[Ran]) -> str:
    """The peaks of both, for the table."""
    one, other = (max(ran.peak_mib for ran in runs) for runs in (ours, theirs))
    return f"{one:.0f} and {other:.0f} MiB"
