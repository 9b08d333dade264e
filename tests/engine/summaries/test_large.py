"""A data set read part by part gives what the rows give, whatever the cut, the order and the threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.engine import table_limits
from apps.engine.catalogue import all_checks
from apps.engine.child import in_child
from apps.engine.errors import BadInput
from apps.engine.evaluate import measure_gates, subject_json
from apps.engine.measure import measure
from apps.engine.partitions import measure_merged, measure_partition, merge_partitions, merged_gates
from apps.engine.resources import using
from apps.engine.subject import Subject, load
from apps.engine.summaries.layout import counted
from apps.engine.summaries.sample import sample_of
from tests.engine.summaries.cuts import N, subject

COUNTED = [check.id for check in all_checks().values() if counted(check)]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "fairness.conditional_adverse_impact": {"strata": ["x3"]},
    "performance.auc_versus": {"column": "x1"},
    "performance.override_rate": {"override": "approved"},
    "data.duplicates": {"key": ["x2", "x3"]},
    "data.train_test_overlap": {"key": ["x2", "x3"]},
    "generative.pass_rate": {
        "passed": "approved",
        "case": "x2",
        "repeat": "x3",
        "judge": "sex",
        "prompt": "x2",
    },
}
ON_SCORES = (
    "performance.auc",
    "performance.ks",
    "calibration.brier",
    "calibration.ece",
    "fairness.auc_gap",
    "stability.psi",
    "stability.trend",
)
Make = Callable[..., Subject]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every table counts as large."""
    monkeypatch.setattr(table_limits, "HELD_ROWS", 0)
    return monkeypatch


@pytest.fixture
def make(tmp_path: Path) -> Make:
    numbers = iter(range(100))
    return lambda **given: subject(tmp_path / str(next(numbers)), **given)


def measured(check: str, of: Subject, **given: Any) -> str:
    return json.dumps(measure(check, of, arguments=ARGUMENTS.get(check), **given).as_json())


@pytest.mark.slow
@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("check", COUNTED)
def test_parts_give_the_bytes_of_the_rows(
    make: Make, monkeypatch: pytest.MonkeyPatch, check: str, weight: str | None
) -> None:
    roles = {"weight": weight}
    rows = measured(check, make(roles=roles))
    monkeypatch.setattr(table_limits, "HELD_ROWS", 0)
    for parts, threads in ((1, 1), (5, 3)):
        with using(threads=threads):
            assert measured(check, make(parts=parts, seed=parts, roles=roles)) == rows


@pytest.mark.slow
@pytest.mark.parametrize("limit", [330, 250])
@pytest.mark.parametrize("check", ON_SCORES)
def test_the_grid_does_not_hang_on_the_cut(
    make: Make, small: pytest.MonkeyPatch, check: str, limit: int
) -> None:
    small.setattr(table_limits, "TUPLES", 4000)
    exact = json.loads(measured(check, make(decimals=9)))
    small.setattr(table_limits, "TUPLES", limit)
    found = [measured(check, make(parts=parts, seed=parts, decimals=9)) for parts in (1, 3, 7)]
    assert found[0] == found[1] == found[2]
    result = json.loads(found[0])
    gridded = "score_grid" in result["parameters"]
    assert gridded == ("put on a grid" in " ".join(result["notes"]))
    assert gridded or check in ("fairness.auc_gap", "stability.trend")  # more groups than the grid spares
    bound = result["parameters"].get("value_bound")
    if bound is not None:
        assert abs(result["value"] - exact["value"]) <= bound


def test_a_csv_gives_the_bytes_of_parquet(make: Make, small: pytest.MonkeyPatch) -> None:
    for check in ("performance.auc", "fairness.selection_rate_ratio", "stability.csi", "data.outliers"):
        assert measured(check, make(csv=True)) == measured(check, make(parts=3))


def test_rounded_columns_are_named(make: Make, small: pytest.MonkeyPatch) -> None:
    small.setattr(table_limits, "VALUES", 100)
    found = [measured("stability.ks_shift", make(parts=parts, seed=parts)) for parts in (1, 4)]
    assert found[0] == found[1]
    result = json.loads(found[0])
    assert set(result["parameters"]["rounded_holdout"]) == {"x1"}
    assert "a value moves by at most" in " ".join(result["notes"])


def test_what_is_too_much_is_insufficient_and_says_so(make: Make, small: pytest.MonkeyPatch) -> None:
    small.setattr(table_limits, "TUPLES", 3)
    small.setattr(table_limits, "HELD_VALUES", 10)
    found = json.loads(measured("performance.auc", make(parts=2)))
    assert found["status"] == "insufficient"
    assert "at most 10 values are held at once" in found["notes"][0]
    small.setattr(table_limits, "VALUES", 2)
    assert "too many different values" in json.loads(measured("stability.csi", make()))["notes"][0]


def test_a_sample_does_not_hang_on_the_cut(make: Make, small: pytest.MonkeyPatch) -> None:
    found = []
    for parts in (1, 3, 8):
        rows = sample_of(make(parts=parts, seed=parts).datasets["holdout"], rows=50)
        found.append((rows.score.tolist(), rows.columns["x1"].numbers().tolist(), rows.rows, rows.of))
    assert found[0] == found[1] == found[2]
    assert found[0][2:] == (50, N)


def test_checks_that_need_rows_are_measured_on_a_sample(make: Make, small: pytest.MonkeyPatch) -> None:
    found = [measured("fairness.consistency", make(parts=parts, seed=parts)) for parts in (1, 4)]
    assert found[0] == found[1]
    result = json.loads(found[0])
    assert result["parameters"]["sample_holdout"] == {"rows": N, "of": N}


def test_the_same_sentence_where_a_column_is_no_number(make: Make, small: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r'Column "sex" holds "[FM]" in row 1 where a number was expected'):
        measured("performance.auc", make(parts=2, roles={"score": {"column": "sex"}}))
    with pytest.raises(BadInput, match='never holds "2"; it holds "0", "1"'):
        measured("performance.auc", make(roles={"label": {"column": "defaulted", "positive": 2}}))
    with pytest.raises(BadInput, match='has no column "scor"'):
        measured("performance.auc", make(roles={"score": {"column": "scor"}}))


# Parts elsewhere ------------------------------------------------------------------------------------

GATES = [
    {"id": "auc", "check": "performance.auc"},
    {"id": "selection", "check": "fairness.selection_rate_ratio"},
    {"id": "psi", "check": "stability.psi"},
    {"id": "csi", "check": "stability.csi"},
    {"id": "representative", "check": "data.representativeness"},
    {"id": "consistency", "check": "fairness.consistency"},
]


def summed(of: Subject, *, by_part: bool = True) -> list[bytes]:
    found = []
    for name, data in of.datasets.items():
        parts = [[path.name] for path in data.parts.paths] if by_part else [None]
        found += [measure_partition(of, name, GATES, parts=part) for part in parts]
    return found


def test_partitions_merge_to_the_run_on_all(make: Make) -> None:
    one = make(parts=4, seed=4)
    whole = measure_gates(one, GATES)
    about = subject_json(one)
    parts = summed(make(parts=4, seed=4))
    for folder in [path for data in one.datasets.values() for path in data.path.iterdir()]:
        folder.unlink()
    apart = make(parts=4, seed=4)
    merged = measure_merged(apart, parts[::-1], GATES)
    assert subject_json(apart)["datasets"] == about["datasets"]
    consistency = merged.pop("consistency")
    assert consistency["status"] == "insufficient"
    assert "only summaries of parts" in consistency["notes"][0]
    assert {name: found for name, found in whole.items() if name in merged} == merged


def test_a_part_is_summed_up_where_no_other_lies(make: Make) -> None:
    of = make(parts=3, seed=3)
    whole = summed(of)
    every = [path.name for path in of.datasets["holdout"].parts.paths]
    for name in every[1:]:
        (of.datasets["holdout"].path / name).unlink()
    alone = make_again(of)
    assert measure_partition(alone, "holdout", GATES, parts=every[:1], every=every) in whole
    rows = merged_gates(make_again(of), whole, GATES)[1]
    assert rows == ["consistency"]


def make_again(of: Subject) -> Subject:
    return load(of.datasets["holdout"].path.parent)


def test_partitions_merge_in_any_order_to_the_same_bytes(make: Make) -> None:
    parts = summed(make(parts=3, seed=3))
    whole = summed(make(parts=3, seed=3), by_part=False)
    once = merge_partitions(parts)
    twice = merge_partitions([*merge_partitions(parts[1:]), parts[0]])
    assert once == twice == sorted(whole, key=once.index)


def test_a_part_too_few_or_twice_is_refused(make: Make) -> None:
    of = make(parts=3, seed=3)
    parts = summed(of)
    with pytest.raises(BadInput, match=r'The part "p0\.parquet" of the data set "holdout" was not summed up'):
        measure_merged(of, parts[1:], GATES)
    with pytest.raises(
        BadInput, match=r'The part "p0\.parquet" of the data set "holdout" was summed up twice'
    ):
        measure_merged(of, [*parts, parts[0]], GATES)
    with pytest.raises(BadInput, match="no summaries of a part"):
        measure_merged(of, [b"nonsense"], GATES)


def test_hostile_partitions_are_refused(make: Make) -> None:
    good = summed(make())[0]
    random = np.random.default_rng(0)
    for at in random.integers(0, len(good), 60).tolist():
        bad = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
        try:
            merge_partitions([bad])
        except BadInput:
            continue


def test_the_child_sums_up_parts_and_measures_what_is_merged(make: Make, tmp_path: Path) -> None:
    of = make(parts=2, seed=2)
    manifest = str(of.datasets["holdout"].path.parent / "model.yaml")
    gates = GATES[:2]
    files = []
    for number, name in enumerate(("p0.parquet", "p1.parquet")):
        files.append(str(tmp_path / f"{number}.summary"))
        task = {"do": "summarise", "manifest": manifest, "dataset": "holdout", "parts": [name]}
        answer = in_child({**task, "gates": gates, "out": files[-1]})
        assert answer["status"] == "done", answer
        assert answer["result"]["bytes"] == Path(files[-1]).stat().st_size
        assert list(answer["result"]["parts"]) == [name]
    whole = in_child({"do": "gates", "manifest": manifest, "gates": gates})
    merged = in_child({"do": "merged", "manifest": manifest, "gates": gates, "summaries": files})
    assert merged["result"] == {**whole["result"], "rows": []}


def test_a_part_that_changes_while_it_is_read_is_refused(make: Make, small: pytest.MonkeyPatch) -> None:
    of = make(parts=2, seed=2)
    assert of.datasets["holdout"].rows == N
    part = of.datasets["holdout"].parts.paths[0]
    part.touch()
    with pytest.raises(BadInput, match="changed while it was being read"):
        measured("performance.auc", of)
