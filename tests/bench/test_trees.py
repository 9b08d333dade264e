"""Exact tree SHAP: path-dependent, against a background, and a whole process from cold."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, Side, compare, versus
from tests.bench.measuring import FULL, Found, Ran, in_turns, job, median, peer_job
from tests.bench.scenes import applicants
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PATH, GAME, COLD = (
    "Tree SHAP, path-dependent (30 features; peers on fewer rows, rates compared)",
    "Tree SHAP, interventional, XGBoost 500 × depth 6 (peers on fewer rows, rates compared)",
    "Tree SHAP, a whole process from cold",
)
ROWS = 100_000
CASES = {
    "XGBoost 500 × depth 6": (
        ("xgboost", 500, 6, 100_000),
        "xgboost_path",
        3_000,
        Goal(ratio=50, share=0.07),
        15,
    ),
    "XGBoost 500 × depth 8": (("xgboost", 500, 8, 100_000), "xgboost_path", 800, Goal(ratio=25), 15),
    "LightGBM 500 × 31 leaves": (("lightgbm", 500, 31, 100_000), "lightgbm_path", 4_000, Goal(ratio=50), 12),
    "LightGBM 500 × 63 leaves": (("lightgbm", 500, 63, 100_000), "lightgbm_path", 1_500, Goal(ratio=30), 6),
}
# The goals are against XGBoost 3.4, which needs Python 3.12; 3.2 takes this many times as long on this model.
OLDER = 3.35 if version("xgboost-cpu") < "3.4" else 1.0
OLD = f"; the goal is for 3.4, raised {OLDER} times for this" if OLDER > 1 else ""
ADDITIVE, AGREES = 1e-5, 1e-3
LOOKUPS, LINE = 3_865, 64  # table rows of a data row, by the cut of 500 trees of depth 6; bytes of one


@pytest.mark.parametrize("name", CASES)
def test_path_dependent(table: Table, made: Maker, machine: dict[str, float], name: str) -> None:
    scene, peer, few, goal, woodelf = CASES[name]
    model = made(*scene)
    rows = ROWS if "depth 6" in name or FULL else 20_000
    found = in_turns(
        2,
        once=(peer, "woodelf"),
        ours=lambda: job("trees_path", model, rows, 1),
        **{peer: lambda: job(peer, model, few)},
        woodelf=lambda: peer_job("woodelf_path", model, 20_000 if FULL else 5_000),
    )
    said = found["ours"][0].said
    assert said["additivity"] <= ADDITIVE
    agree(found["ours"][0], found[peer][0])
    older = peer == "xgboost_path" and goal.ratio is not None
    goal = replace(goal, ratio=goal.ratio * OLDER) if older and goal.ratio else goal
    share = said["rows"] / said["seconds"] * LOOKUPS * LINE / (2 * machine["cache"]) if goal.share else None
    what = f"{name}, {rows:,} rows; largest additivity gap {said['additivity']:.0e}"
    versus(
        table,
        found,
        part=PATH,
        what=what,
        peer=peer,
        goal=goal,
        note=OLD.removeprefix("; ") if older else "",
        share=share,
        limit="reading tables from the cache of two cores",
    )
    versus(table, found, part=PATH, what=name, peer="woodelf", goal=Goal(ratio=woodelf))


def test_forest(table: Table, made: Maker) -> None:
    model = made("forest", 500, 8, 20_000)
    found = in_turns(
        1,
        ours=lambda: job("trees_path", model, 10_000, 2),
        shap=lambda: job("shap_forest", model, 100),
    )
    agree(found["ours"][0], found["shap"][0])
    versus(table, found, part=PATH, what="scikit-learn forest 500 × depth 8, 10,000 rows", peer="shap")


def agree(ours: Ran, theirs: Ran) -> None:
    """Both give the same numbers within what float32 sums leave."""
    mine, other = (np.array(ran.said["sample"]) for ran in (ours, theirs))
    count = min(len(mine), len(other))
    assert np.abs(mine[:count] - other[:count]).max() <= AGREES


BACKGROUNDS = {
    100: ("shap", Goal(ratio=500)),
    1_000: ("woodelf", Goal()),
    10_000: ("woodelf", Goal(ratio=20)),
}


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_interventional(table: Table, made: Maker, background: int) -> None:
    model = made("xgboost", 500, 6, 100_000)
    rows = 20_000
    peer, goal = BACKGROUNDS[background]
    ways: dict[str, Callable[[], Ran]] = {
        "ours": lambda: job("trees_background", model, rows, background, 1),
        "shap": lambda: job("shap_background", model, rows, background, 60),
        "woodelf": lambda: peer_job("woodelf_background", model, rows, background),
    }
    found = in_turns(1, **{name: way for name, way in ways.items() if name in ("ours", "woodelf", peer)})
    for name in ("shap", "woodelf"):
        if name in found:
            _game(table, found, background, name, goal if name == peer else Goal())
    if background == 100:
        agree(found["ours"][0], found["shap"][0])


def _game(table: Table, found: Found, background: int, peer: str, goal: Goal) -> None:
    over = found["ours"][0].said["over_path"]
    what = f"20,000 rows against {background:,}; {over:.1f} times the path-dependent cost, at most 3 wanted"
    versus(table, found, part=GAME, what=what, peer=peer, goal=goal)


def test_from_cold(table: Table, made: Maker, tmp_path: Path) -> None:
    model, rows = made("xgboost", 500, 6, 100_000), tmp_path / "rows.npy"
    np.save(rows, applicants(20_000, 7)[0])
    few = tmp_path / "few.npy"
    np.save(few, applicants(20_000 if FULL else 5_000, 7)[0])
    found = in_turns(
        3,
        once=("xgboost",),
        ours=lambda: job("trees_cold", model, rows, env=os.environ),
        xgboost=lambda: job("xgboost_cold", model, few),
        nothing=lambda: job("xgboost_cold", model, _ten(tmp_path)),
    )
    ours, theirs, start = (median([ran.seconds for ran in found[name]]) for name in found)
    whole = theirs if FULL else start + (theirs - start) * 4
    compare(
        table,
        part=COLD,
        what="XGBoost 500 × depth 6, 20,000 rows: imports, reading, cutting the trees, values",
        ours=Side(seconds=ours, memory=found.peak("ours")),
        theirs=Side(
            seconds=whole,
            memory=found.peak("xgboost"),
            note=("" if FULL else "told from 5,000 rows and its start") + OLD,
        ),
        peer=found["xgboost"][0].said["peer"],
        goal=Goal(ratio=7 * OLDER),
    )


def _ten(folder: Path) -> Path:
    path = folder / "ten.npy"
    if not path.exists():
        np.save(path, applicants(10, 7)[0])
    return path
