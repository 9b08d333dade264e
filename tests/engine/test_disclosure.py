"""Numbers of few people are withheld, and cannot be worked out from what is shown."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from apps.engine.disclosure import SUPPRESSED, least_rows, withheld, without_cells
from apps.engine.errors import Problem
from apps.engine.measure import measure
from apps.engine.policy import Policy, read_policy
from apps.engine.policy.diff import diff
from apps.engine.subject import load
from tests.engine.subjects import PEOPLE, write_subject

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: small, version: 1.0.0, title: Small groups}}
effective: {{from: 2026-01-01, until: null}}
disclosure: {{min_rows: {0}}}
gates:
  - {{id: a, check: performance.auc, pass: {{min: 0.7}}}}
"""


def policy(least: object) -> Policy:
    return read_policy(POLICY.format(least).encode(), name="small.yaml")


def group(name: str, n: int, attribute: str | None = "race", **more: object) -> dict[str, object]:
    return {"attribute": attribute, "group": name, "n": n, "status": "measured", "value": 0.5, **more}


def hidden(groups: list[dict[str, object]], least: int = 10) -> set[str]:
    found = withheld({"groups": groups}, least)["groups"]
    return {g["group"] for g in found if g["status"] == SUPPRESSED}


def test_nothing_is_withheld_where_no_policy_asks():
    told = {"groups": [group("A", 1)], "tables": {"t": [{"n": 1, "rate": 0.5}]}, "notes": ["A is small"]}
    assert withheld(told, 0) == told == withheld(told, 1)


def test_a_small_group_loses_every_number():
    more = {"counts": {"tp": 1}, "interval": [0.1, 0.9], "ratio": 0.4, "rates": {"tpr": 1.0}, "note": "x"}
    found = withheld({"groups": [group("A", 9, **more), group("B", 90), group("C", 8)]}, 10)["groups"]
    assert found[0] == {
        "attribute": "race",
        "group": "A",
        "n": None,
        "status": SUPPRESSED,
        "value": None,
        "counts": {},
        "interval": None,
        "ratio": None,
        "rates": {},
        "note": "suppressed (n < 10)",
    }
    assert found[1] == group("B", 90)


def test_the_boundary_is_shown():
    assert hidden([group("A", 10), group("B", 9), group("C", 8)]) == {"B", "C"}


def test_one_alone_takes_the_next_smallest_with_it():
    groups = [group("A", 100), group("B", 4), group("C", 20)]
    assert hidden(groups) == {"B", "C"}
    notes = {g["group"]: g.get("note") for g in withheld({"groups": groups}, 10)["groups"]}
    assert notes["C"] == "suppressed (it would tell a small group)"


def test_attributes_are_looked_at_apart_and_everybody_stays():
    groups = [
        group("all", 5, None),
        group("A", 50),
        group("B", 50),
        group("F", 3, "sex"),
        group("M", 97, "sex"),
    ]
    assert hidden(groups) == {"F", "M"}


def crossed(counts: dict[tuple[str, str], int]) -> list[dict[str, object]]:
    return [group(" × ".join(cell), n, "sex × age") for cell, n in counts.items()]


def test_a_cell_of_an_intersection_cannot_be_told_from_its_margins():
    cells = dict.fromkeys(product("FM", ("young", "old", "oldest")), 50) | {("F", "old"): 3}
    found = hidden(crossed(cells))
    assert "F × old" in found
    _no_line_with_one(found, cells)


@pytest.mark.parametrize("seed", range(30))
def test_no_line_of_any_table_has_a_single_hidden_cell(seed):
    draw = np.random.default_rng(seed)
    cells = {cell: int(draw.choice([2, 8, 30, 80])) for cell in product("ABC", "xyz")}
    found = hidden(crossed(cells))
    assert {" × ".join(cell) for cell, n in cells.items() if n < 10} <= found
    _no_line_with_one(found, cells)


def _no_line_with_one(found: set[str], cells: dict[tuple[str, str], int]) -> None:
    for place in (0, 1):
        for level in {cell[place] for cell in cells}:
            line = [cell for cell in cells if cell[place] == level]
            assert len([c for c in line if " × ".join(c) in found]) != 1, (place, level)


def test_rows_of_tables_that_stand_for_few_are_withheld():
    rows = [
        {"bin": "low", "n": 4, "rate": 0.2},
        {"bin": "mid", "n": 40, "rate": 0.3},
        {"bin": "high", "n": 90},
    ]
    found = withheld({"tables": {"bins": rows, "test": [{"z": 1.5}]}}, 10)["tables"]
    assert found["bins"][0] == {"bin": "low", "n": None, "rate": None}
    assert found["bins"][1] == {"bin": "mid", "n": None, "rate": None}
    assert found["bins"][2] == rows[2]
    assert found["test"] == [{"z": 1.5}]


def test_remarks_about_a_withheld_group_go_too():
    told = {"groups": [group("Ainu", 3), group("B", 9)], "notes": ["Ainu has 3 rows.", "Weighted."]}
    assert withheld(told, 10)["notes"] == ["Weighted.", "A remark about a group is suppressed (n < 10)."]


def test_a_policy_says_from_how_many_rows():
    assert policy(10).min_rows == 10
    assert least_rows([policy(n) for n in (5, 20)]) == 20
    assert least_rows([]) == 0


@pytest.mark.parametrize("wrong", ["1", "0", "-5", "many", "2.5", "null"])
def test_what_is_no_number_of_rows_is_refused(wrong):
    with pytest.raises(Problem, match="min_rows"):
        policy(wrong)


def test_fewer_rows_are_a_looser_policy():
    old, new = (policy(n) for n in (20, 5))
    found = [change for change in diff(old, new) if "rows from which" in change.sentence]
    assert [change.effect for change in found] == ["looser"]


# What is quoted of rows --------------------------------------------------------------------------------

SECRET = "Lisbon4711"
FAULTS = {
    "a score": {"score": [0.9, 0.8, SECRET, 0.4, 0.35, 0.2, 0.15, 0.1]},
    "a label": {"defaulted": [1, 1, SECRET, 1, 0, 0, 0, 0]},
    "no label that is named": {"defaulted": [SECRET] * 4 + ["b"] * 4},
    "too large a number": {"score": [0.9, 47114711471147114711, *[0.1] * 6]},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("check", ["performance.auc", "fairness.selection_rate_ratio"])
def test_a_fault_of_a_file_is_told_without_what_stands_in_it(tmp_path: Path, fault: str, check: str) -> None:
    path = write_subject(tmp_path, {"holdout": {**PEOPLE, **FAULTS[fault]}})
    try:
        told = str(measure(check, load(path), dataset="holdout").as_json())
    except Problem as problem:
        told = without_cells(str(problem))
    assert "4711" not in told


def test_the_place_of_the_fault_stays(tmp_path: Path) -> None:
    path = write_subject(tmp_path, {"holdout": {**PEOPLE, **FAULTS["a score"]}})
    with pytest.raises(Problem, match=SECRET) as refused:
        measure("performance.auc", load(path), dataset="holdout")
    said = without_cells(str(refused.value))
    assert 'Column "score" holds a value in row 3 where a number was expected' in said


def test_a_line_that_cannot_be_read_is_not_quoted(tmp_path: Path) -> None:
    path = write_subject(tmp_path)
    with (tmp_path / "holdout.csv").open("a") as file:
        file.write(f"0.5,1,{SECRET},no,more,cells\n")
    with pytest.raises(Problem) as refused:
        measure("performance.auc", load(path), dataset="holdout")
    assert "4711" not in without_cells(str(refused.value))
