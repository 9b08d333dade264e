"""Every job runs at a tiny size, so that the measurements are there when they are asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import goals, jobs, scenes, table
from tests.bench.measuring import PEERS, Found, PeerProblem, Ran, in_turns, peer_job, program
from tests.bench.registry import JOBS

jobs.known()
ROWS = 2_000
SMALL: dict[str, tuple[object, ...]] = {
    "duckdb_stream": ("scored", 1),
    "pandas_read": ("people", 1),
    "policy_cel": (2,),
    "portfolio_cel": (1,),
    "polars_stream": ("scored", 1),
    "report_typst": (1, 2),
}
OURS: dict[str, tuple[object, ...]] = {
    "blackbox_long": ("network", 1, 1),
    "blackbox_ours": ("network", "onnx", 1, 1),
    "decode": ("people", 1, "sex", "y"),
    "draws_alone": (ROWS, 1),
    "drift_ours": ("drifting", 1),
    "fairlearn_frames": (200,),
    "groups_check": (ROWS, 1),
    "groups_ours": (ROWS, 1, 10),
    "groups_parquet": ("people", 1),
    "policy_ours": (2,),
    "offline_ours": (1,),
    "offline_signature": (1,),
    "portfolio_ours": (1,),
    "ranking_checks": (ROWS, 1),
    "ranking_ours": (ROWS, 1),
    "reading_ours": (1,),
    "reading_schema": (1,),
    "sklearn_by_group": (ROWS, 1),
    "sklearn_checks": (ROWS, 1),
    "sklearn_stream": ("scored", ROWS),
    "sort_alone": (ROWS, 1),
    "stream_exact": ("scored",),
    "stream_ours": ("scored", 1),
    "trees_background": ("xgboost", 20, 10, 1),
    "trees_path": ("xgboost", 20, 1),
    "xgboost_path": ("xgboost", 20),
}
FAR = {
    "aequitas_crosstabs",  # these take many seconds to be imported
    "aif360_metrics",
    "blackbox_shap",
    "by_hand",
    "evidently_drift",
    "nannyml_drift",
    "woodelf_background",
    "woodelf_path",
    "drf_list",  # these want a database of their own
    "evaluate",
    "fairlearn_draws",
    "following",  # a server of their own: tests/bench/test_record.py
    "verifying",
    "fanout",  # tried by hand in tests/bench/test_fanout.py
    "fanout_part",
    "guardian_check",
    "guardian_fill",
    "guardian_page",
    "lightgbm_path",
    "limits",
    "registering",
    "report_ours",
    "report_plain",
    "scenes_write",
    "scipy_drift",
    "shap_background",
    "shap_forest",
    "site_fill",
    "staffing",
    "trees_cold",
    "writing",
    "xgboost_cold",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tiny data of every kind."""
    folder: Path = tmp_path_factory.mktemp("scenes")
    return {
        "people": str(scenes.write_people(folder, ROWS)),
        "scored": str(scenes.write_scored(folder, ROWS)),
        "drifting": str(scenes.write_drifting(folder, ROWS)),
        "xgboost": str(scenes.xgboost_model(folder, trees=3, depth=3, rows=500)),
    }


def words(given: tuple[object, ...], places: dict[str, str]) -> list[str]:
    return [places.get(str(word), str(word)) for word in given]


def test_every_job_is_tried_or_named() -> None:
    assert set(JOBS) == set(SMALL) | set(OURS) | FAR


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(OURS) - {"blackbox_long", "blackbox_ours"}))
def test_it_runs(name: str, places: dict[str, str]) -> None:
    assert json.dumps(JOBS[name](*words(OURS[name], places)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_black_box(tmp_path: Path) -> None:
    scenes.network(tmp_path, rows=200, rounds=1)
    found = JOBS["blackbox_ours"](str(tmp_path), "onnx", "1", "1")
    long = JOBS["blackbox_long"](str(tmp_path), "1", "2")
    assert len(found["values"][0]) == len(long["values"][0]) == scenes.TREE_FEATURES


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason=".venv-bench is not there; `./countersign bench` makes it")
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_peer_runs(name: str, places: dict[str, str]) -> None:
    assert peer_job(name, *words(SMALL[name], places)).said["peer"]


def test_groups_equal_fairlearn_to_the_last_bit() -> None:
    from tests.bench.test_groups import equal

    equal(JOBS["groups_ours"]("300", "1", "0")["values"], JOBS["fairlearn_frames"]("300")["values"])


def ran(seconds: float, **said: Any) -> Ran:
    return Ran(0, seconds, seconds, 100.0, json.dumps({"seconds": seconds, "peer": "other 1.0", **said}))


def test_a_goal_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found(["ours", "other"])
    found["ours"], found["other"] = [ran(0.5)], [ran(5.0)]
    held = kept(monkeypatch)
    goals.versus(held, found, part="p", what="w", peer="other", goal=goals.Goal(ratio=10, seconds=0.1))
    (line,) = held.lines
    assert (line.ratio, line.goal, line.met) == ("10.0", "≥ 10×, ≤ 100.0 ms", "no: time")


def test_rates_are_compared_where_rows_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found(["ours", "other"])
    found["ours"], found["other"] = [ran(1.0, rows=1000)], [ran(1.0, rows=10)]
    held = kept(monkeypatch)
    assert goals.versus(held, found, part="p", what="w", peer="other") == 100
    assert held.lines[0].theirs == "1 s (10 rows/s)"


def test_a_peer_that_is_not_there_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Ran:
        raise PeerProblem("not installed here")

    held = kept(monkeypatch)
    found = in_turns(2, ours=lambda: ran(1.0), other=absent)
    assert goals.versus(held, found, part="p", what="w", peer="other", goal=goals.Goal(ratio=2)) is None
    assert held.lines[0].peer == "other: not installed here"
    assert held.lines[0].met == "no: ratio"


def test_what_does_not_end_is_ended() -> None:
    with pytest.raises(AssertionError, match="ended with -9"):
        program([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.2)


def test_the_page_gets_the_table(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "bench.json"
    page.write_text(f"# A\n{table.BEGIN}\nold\n{table.END}\n# B\n")
    table.Table([table.Line(part="P", what="w", ours="1 s", goal="≥ 2×", met="yes")]).save(results)
    table.write(page, results)
    text = page.read_text()
    assert "| w | 1 s |  |  |  | ≥ 2× | yes |  |  |" in text
    assert "old" not in text
    assert text.endswith("# B\n")


def kept(monkeypatch: pytest.MonkeyPatch) -> table.Table:
    """A table that keeps its lines to itself."""
    monkeypatch.setattr(table.Table, "save", lambda self: None)
    return table.Table()
