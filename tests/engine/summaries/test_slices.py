"""One large file in slices of its row groups gives the bytes of the whole file."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from apps.engine import slices
from apps.engine.errors import BadInput
from apps.engine.evaluate import measure_gates, subject_json
from apps.engine.partitions import measure_merged, measure_partition, merge_partitions
from apps.engine.subject import Subject, load
from tests.engine.subjects import ROLES
from tests.engine.summaries.cuts import N, people

FILE, TEN = "holdout.parquet", 10
GATES = [
    {"id": "auc", "check": "performance.auc"},
    {"id": "brier", "check": "calibration.brier"},
    {"id": "selection", "check": "fairness.selection_rate_ratio"},
]


def subject(folder: Path, *, group: int = 23) -> Subject:
    folder.mkdir()
    pq.write_table(people(1), folder / FILE, row_group_size=group)
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "3"},
        "spec": {"kind": "classifier", "datasets": {"holdout": {"path": FILE, **ROLES}}},
    }
    (folder / "model.yaml").write_text(json.dumps(document))
    return load(folder / "model.yaml")


def sliced(of: Subject, number: int, count: int = TEN) -> bytes:
    return measure_partition(of, "holdout", GATES, parts=[f"{FILE}/{number}/{count}"])


@pytest.fixture
def one(tmp_path: Path) -> Subject:
    return subject(tmp_path / "one")


@pytest.mark.parametrize("group", [23, N])  # sixteen row groups; one, so that nine slices have no rows
def test_ten_slices_give_the_bytes_of_the_file(tmp_path: Path, group: int) -> None:
    of = subject(tmp_path / "of", group=group)
    whole, about = measure_gates(of, GATES), subject_json(of)
    made = [sliced(of, number) for number in range(TEN, 0, -1)]
    of.datasets["holdout"].path.unlink()
    apart = load(tmp_path / "of" / "model.yaml")
    assert measure_merged(apart, made, GATES) == whole
    assert subject_json(apart)["datasets"] == about["datasets"]


def test_each_row_group_is_of_one_slice(one: Subject) -> None:
    data = one.datasets["holdout"]
    every = [slices.read(name) for name in slices.names(FILE, TEN)]
    held = [sum(s.holds(piece, data.rows) for s in every if s) for piece in data.parts.pieces]
    assert held == [1] * len(data.parts.pieces)


def test_merging_goes_step_by_step_as_well(one: Subject) -> None:
    made = [sliced(one, number, 3) for number in (1, 2, 3)]
    assert merge_partitions([*merge_partitions(made[1:]), made[0]]) == merge_partitions(made)


def test_a_slice_too_few_twice_or_cut_otherwise_is_refused(one: Subject, tmp_path: Path) -> None:
    made = [sliced(one, number, 3) for number in (1, 2, 3)]
    with pytest.raises(BadInput, match=f'The part "{FILE}/1/3" of the data set "holdout" was not summed up'):
        measure_merged(one, made[1:], GATES)
    with pytest.raises(BadInput, match="was summed up twice"):
        measure_merged(one, [*made, made[0]], GATES)
    with pytest.raises(BadInput, match="not summed up alike"):
        measure_merged(one, [*made[:2], sliced(one, 3, 4)], GATES)
    other = subject(tmp_path / "other", group=40)
    with pytest.raises(BadInput, match="of different files"):
        measure_merged(one, [*made[:2], sliced(other, 3, 3)], GATES)


@pytest.mark.parametrize(
    "names", [[f"{FILE}/4/3"], [f"{FILE}/1/3", f"{FILE}/1/4"], ["other.parquet/1/3"], [FILE, f"{FILE}/1/3"]]
)
def test_names_of_no_slice_are_refused(one: Subject, names: list[str]) -> None:
    with pytest.raises(BadInput, match="are not slices of the file"):
        measure_partition(one, "holdout", GATES, parts=names)


def test_a_slice_that_leaves_its_fellows_out_is_no_partition(one: Subject) -> None:
    made = sliced(one, 1, 3)
    few = made.replace(f'"{FILE}/1/3","{FILE}/2/3","{FILE}/3/3"'.encode(), f'"{FILE}/1/3"'.encode())
    assert few != made
    with pytest.raises(BadInput, match="no summaries of a part"):
        measure_merged(one, [few], GATES)
