"""What a table is said to hold before anybody relies on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.engine.profile import profile
from apps.engine.subject import load

ROLES = {
    "label": {"column": "bad", "positive": 1},
    "favourable": 0,
    "score": {"column": "pd"},
    "decision": {"threshold": 0.5},
    "protected": ["sex"],
}


def looked(folder: Path, *, rows: int = 300, features: Any = None, **roles: Any) -> dict[str, Any]:
    lines = ["sex,bad,pd,twin,flat"]
    lines += [f"{'F' if i % 4 else 'M'},{i % 2},{i % 10 / 10},{i % 2},1" for i in range(rows)]
    (folder / "h.csv").write_text("\n".join(lines) + "\n")
    spec = {"kind": "classifier", "datasets": {"holdout": {"path": "h.csv", **ROLES, **roles}}}
    spec |= {"features": features} if features else {}
    head = {"apiVersion": "governance/v1", "kind": "ModelVersion", "metadata": {"model": "m", "version": "1"}}
    (folder / "model.yaml").write_text(yaml.safe_dump({**head, "spec": spec}))
    return dict(profile(load(folder))["datasets"]["holdout"])


def test_columns_are_told_with_kind_values_and_range(tmp_path):
    columns = {c["name"]: c for c in looked(tmp_path)["columns"]}
    assert columns["sex"]["values"] == [{"value": "F", "count": 225}, {"value": "M", "count": 75}]
    assert (columns["pd"]["kind"], columns["pd"]["least"], columns["pd"]["most"]) == ("number", 0.0, 0.9)


def test_groups_are_counted_and_sound_data_have_no_problem(tmp_path):
    found = looked(tmp_path)
    assert found["groups"] == {"sex": [{"group": "F", "n": 225}, {"group": "M", "n": 75}]}
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 60}, "only 60 rows"),
        ({"rows": 60}, 'Groups of "sex" under 30 rows are too small to measure: M (15)'),
        ({"label": {"column": "bad", "positive": "yes"}}, '"yes" never stands in "bad"; it holds 0, 1'),
        ({"label": {"column": "flat", "positive": 1}}, 'The label "flat" has one value only'),
        ({"favourable": None}, "No favourable outcome is named"),
        ({"decision": None}, "No decision is named"),
        ({"protected": []}, "No protected attribute is named"),
        ({"score": None}, "neither an artifact nor a score column"),
        ({"score": {"column": "sex"}}, 'The score "sex" holds category values'),
        ({"features": ["twin"]}, 'The feature "twin" is the label itself'),
        ({"features": ["flat"]}, 'The feature "flat" has one value only'),
        ({"features": ["sex"]}, 'The protected attribute "sex" is a feature'),
    ],
)
def test_what_seems_wrong_is_said_in_a_sentence(tmp_path, changes, said):
    assert any(said in sentence for sentence in looked(tmp_path, **changes)["problems"])
