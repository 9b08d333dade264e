"""Data that no check expects: a sentence that names column, value and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.engine.errors import BadInput
from apps.engine.measure import measure
from apps.engine.subject import load
from tests.engine.subjects import PEOPLE, Table, write_subject

EXACT = "where a number was expected: whole numbers are read exactly up to 9,007,199,254,740,992."
SHIFTS = ("csi", "ks_shift", "wasserstein", "chi_square_shift", "missing_rate_shift")


def found(folder: Path, check: str, now: Table, then: Table | None = None, **options: Any) -> dict[str, Any]:
    arguments = options.pop("arguments", None)
    tables = {"holdout": now, "development": now if then is None else then}
    path = write_subject(folder, tables, **options)
    return measure(check, load(path), arguments=arguments).as_json()


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("check", ["performance.auc", "stability.psi", "calibration.brier"])
def test_a_score_that_is_no_number_is_named_with_its_row(tmp_path: Path, suffix: str, check: str) -> None:
    table = {**PEOPLE, "score": [0.9, 0.8, "n/a", 0.4, 0.35, "?", 0.15, 0.1]}
    with pytest.raises(BadInput) as caught:
        found(tmp_path, check, table, suffix=suffix)
    assert str(caught.value) == 'Column "score" holds "n/a" in row 3 where a number was expected.'


def test_the_first_of_many_wrong_values_is_found_at_once(tmp_path: Path) -> None:
    rows = 200_000
    score = [f"{k / rows:.6f}" for k in range(rows)]
    score[150_000] = score[150_007] = "x" * 5000
    table = {"score": score, "defaulted": [0, 1] * (rows // 2)}
    roles = {"decision": None, "protected": None}
    with pytest.raises(BadInput, match=r'holds "x{57}\.\.\." in row 150,001 where a number') as caught:
        found(tmp_path, "performance.auc", table, roles=roles)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**53 + 1, "9007199254740993"),
        (-(2**63) - 9, "-9223372036854775817"),
        (10**70 + 1, "1" + "0" * 56 + "..."),
    ],
)
def test_whole_numbers_that_would_be_rounded_are_refused(tmp_path: Path, value: int, said: str) -> None:
    table = {**PEOPLE, "account": [1, 2, value, 4, 5, 6, 7, 8]}
    with pytest.raises(BadInput) as caught:
        found(tmp_path, "stability.ks_shift", table, features=["account"])
    assert str(caught.value) == f'Column "account" holds {said} in row 3 {EXACT}'


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_integers_of_a_parquet_file_are_read_alike(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_subject(
        tmp_path, {"holdout": PEOPLE, "development": PEOPLE}, suffix=".parquet", features=["id"]
    )
    table = pq.read_table(tmp_path / "holdout.parquet")
    ids = pa.array([2**62 + 1, 2**62, 2**53, *range(5)], kind)
    for name in ("holdout", "development"):
        pq.write_table(table.append_column("id", ids), tmp_path / f"{name}.parquet")
    with pytest.raises(BadInput, match=r'"id" holds 4611686018427387905 in row 1 where'):
        measure("stability.ks_shift", load(path))
    assert measure("data.duplicates", load(path), arguments={"key": ["id"]}).measured.value == 0


def test_long_identifiers_are_told_apart_and_have_a_contract(tmp_path: Path) -> None:
    table = {**PEOPLE, "id": [2**60 + k for k in range(8)]}
    terms = {"id": {"type": "integer", "unique": True, "min": 0, "max": 2**62}}
    assert found(tmp_path, "data.contract", table, contract=terms)["value"] == 0
    assert found(tmp_path, "data.duplicates", table, arguments={"key": ["id"]})["value"] == 0
    again = {**table, "id": [2**60] * 2 + [2**60 + k for k in range(6)]}
    assert found(tmp_path, "data.duplicates", again, arguments={"key": ["id"]})["exact"] == {
        "numerator": "1",
        "denominator": "4",
    }


def test_a_feature_that_turned_into_text_is_said(tmp_path: Path) -> None:
    then = {**PEOPLE, "income": list(range(8)), "age": list(range(8))}
    now = {**then, "income": ["1", "x", "3", "4", "5", "6", "7", "8"]}
    shift = found(tmp_path, "stability.ks_shift", now, then, features=["income", "age"])
    sentence = 'Feature "income" is not compared: it holds numbers in the reference alone.'
    assert (shift["parameters"]["features"], shift["notes"]) == (1, [sentence])
    levels = found(tmp_path, "stability.csi", now, then, features=["income", "age"])
    assert levels["parameters"]["worst"] == "income"


@pytest.mark.parametrize("check", SHIFTS)
@pytest.mark.parametrize("empty", ["now", "then"])
def test_no_rows_are_said(tmp_path: Path, check: str, empty: str) -> None:
    table = {**PEOPLE, "income": list(range(8))}
    none: Table = {name: [] for name in table}
    pair = (none, table) if empty == "now" else (table, none)
    answer = found(tmp_path, f"stability.{check}", *pair, features=["income", "sex"])
    assert (answer["status"], answer["notes"]) == (
        "insufficient",
        ["There are no rows in one of the data sets."],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", [*(f"stability.{name}" for name in SHIFTS), "data.outliers", "data.contract"]
)
def test_thousands_of_columns_are_measured(tmp_path: Path, check: str) -> None:
    source = np.random.default_rng(0)
    names = [f"f{k}" for k in range(3000)]
    wide = {name: source.integers(0, 5, 30).tolist() for name in names[:-1]} | {
        names[-1]: ["a", "b", "c"] * 10
    }
    table = {**wide, "score": source.random(30).tolist(), "defaulted": [0, 1] * 15}
    terms = {name: {"type": "number", "min": 0} for name in names[:50]}
    options = {"features": names, "contract": terms, "suffix": ".parquet"}
    answer = found(tmp_path, check, table, roles={"decision": None, "protected": None}, **options)
    assert answer["status"] == "measured", answer["notes"]
