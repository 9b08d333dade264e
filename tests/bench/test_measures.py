"""Single measures over a million rows, beside the libraries that people use for them."""

from __future__ import annotations

import pytest

from tests.bench.measuring import Ran, duration, in_turns, job, named, times
from tests.bench.table import Line, Table
from tests.bench.test_evaluate import memory

pytestmark = pytest.mark.bench
PART = "Measures: 1,000,000 rows in memory"


def test_rates_of_groups(table: Table):
    found = in_turns(1, ours=lambda: job("rates_ours", "9"), peer=lambda: job("rates_peer"))
    ours, theirs = found["ours"][0].said, found["peer"][0].said
    assert ours["selection"] == pytest.approx(theirs["selection"], abs=1e-12)
    for what, seconds in (
        ("three rates of 2 + 5 + 10 groups, from codes", ours["seconds"]),
        ("the check `fairness.group_rates` on them: all rates, intervals, disparities", ours["whole"]),
    ):
        table.add(
            Line(
                part=PART,
                what=what,
                ours=duration(seconds),
                peer=f"{named('fairlearn')} MetricFrame, no intervals",
                theirs=duration(theirs["seconds"]),
                ratio=times(theirs["seconds"] / seconds),
                memory=memory(found["ours"], found["peer"]),
            )
        )


def test_ranking_and_calibration(table: Table):
    found = in_turns(3, ours=lambda: job("ranking_ours", "3"), peer=lambda: job("ranking_peer", "3"))
    titles = {
        "auc": "AUC, exact, with DeLong's interval",
        "ks": "KS, with a bootstrap interval",
        "brier": "Brier score, exact, with its interval and decomposition",
    }
    for name, title in titles.items():
        ours, theirs = _middle(found["ours"], name), _middle(found["peer"], name)
        assert ours["value"] == pytest.approx(theirs["value"], abs=1e-12)
        _add(
            table,
            title,
            ours,
            f"{named('scikit-learn')}, no interval",
            theirs,
            memory(found["ours"], found["peer"]),
        )


def test_stability(table: Table):
    found = in_turns(3, ours=lambda: job("psi_ours", "3"), peer=lambda: job("psi_peer", "3"))
    ours, theirs = _middle(found["ours"]), _middle(found["peer"])
    assert ours["value"] == pytest.approx(theirs["value"], rel=1e-3)
    peer, peaks = f"{named('pandas')} qcut and cut, no interval", memory(found["ours"], found["peer"])
    _add(table, "PSI of deciles, with a bootstrap interval", ours, peer, theirs, peaks)


def _middle(runs: list[Ran], name: str | None = None) -> dict[str, float]:
    """What the run of median time said."""
    said = [ran.said[name] if name else ran.said for ran in runs]
    return sorted(said, key=lambda one: one["seconds"])[len(said) // 2]


def _add(
    table: Table, what: str, ours: dict[str, float], peer: str, theirs: dict[str, float], peaks: str
) -> None:
    table.add(
        Line(
            part=PART,
            what=what,
            ours=duration(ours["seconds"]),
            peer=peer,
            theirs=duration(theirs["seconds"]),
            ratio=times(theirs["seconds"] / ours["seconds"]),
            memory=peaks,
        )
    )
