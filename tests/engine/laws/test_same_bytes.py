"""Same input, same bytes: what may not change one of them, for every check, on real files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.engine.errors import BadInput
from apps.engine.measure import measure
from apps.engine.resources import using
from apps.engine.subject import Subject, load
from tests.engine.laws.specimens import (
    ARGUMENTS,
    CHECKS,
    DECLARED,
    FEATURES,
    MODELLED,
    PROTECTED,
    TIMED,
    Table,
    as_bytes,
    model_file,
    needs,
    people,
    permuted,
    reading,
)  # fmt: skip
from tests.engine.subjects import csv_bytes

UNTIMED = [check_id for check_id in CHECKS if check_id not in TIMED]
ROLES: Mapping[str, Any] = {
    "label": {"column": "label", "positive": 1},
    "favourable": 0,
    "score": {"column": "score"},
    "decision": {"column": "approved", "favourable": "yes"},
    "protected": list(PROTECTED),
    "period": "period",
}
# A column more makes a row distinct, so this check is asked about its own columns.
KEYED: Mapping[str, Mapping[str, Any]] = {
    **ARGUMENTS,
    "data.duplicates": {"key": ["score", "sex", "period", "income"]},
}
Written = Callable[[Path, Table], None]


def as_csv(path: Path, table: Table) -> None:
    """Comma-separated text."""
    path.write_bytes(csv_bytes(table))


def as_parquet(path: Path, table: Table) -> None:
    """Typed columns."""
    pq.write_table(pa.table(table), path)


def as_dictionaries(path: Path, table: Table) -> None:
    """Every text column dictionary-encoded, levels in the order of their first row, in several row groups."""
    columns = {
        name: pa.array(v).dictionary_encode() if any(isinstance(x, str) for x in v) else pa.array(v)
        for name, v in table.items()
    }
    pq.write_table(pa.table(columns), path, row_group_size=37)


def as_wide_types(path: Path, table: Table) -> None:
    """Numbers in other widths, texts as large strings."""
    columns = {}
    for name, values in table.items():
        array = pa.array(values)
        if pa.types.is_string(array.type):
            array = array.cast(pa.large_string())
        elif name in {"debt", "age"}:
            array = array.cast(pa.int32())
        elif name in {"label", "overridden"}:
            array = array.cast(pa.uint8())
        columns[name] = array
    pq.write_table(pa.table(columns), path, compression="gzip")


def subject(
    folder: Path,
    tables: tuple[Table, Table],
    *,
    write: Written = as_csv,
    modelled: bool = False,
    **roles: Any,
) -> Subject:
    """A model version on disk: what is measured, and what it is compared with."""
    datasets = {}
    for name, table in zip(("holdout", "development"), tables, strict=True):
        suffix = "csv" if write is as_csv else "parquet"
        write(folder / f"{name}.{suffix}", table)
        entry = {**ROLES, **roles, "path": f"{name}.{suffix}"}
        datasets[name] = {key: value for key, value in entry.items() if value is not None}
    spec = {"kind": "classifier", "datasets": datasets, "features": list(FEATURES), **DECLARED}
    if modelled:
        model_file(folder)
        spec |= {"artifact": {"path": "model.json", "format": "xgboost"}, "features": list(MODELLED)}
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "1"},
        "spec": spec,
    }
    (folder / "model.yaml").write_text(json.dumps(document))
    return load(folder)


def needs_model(check_id: str) -> bool:
    """Whether a check runs the artifact."""
    return bool(needs(check_id) & {"model", "artifact"})


class Subjects:
    """The two subjects, scored and modelled, of each way to write the same facts."""

    def __init__(self, make: Callable[..., Path]) -> None:
        self._make = make
        self._held: dict[tuple[str, bool], Subject] = {}

    def measured(self, check_id: str, name: str, tables: tuple[Table, Table], **how: Any) -> str:
        """The bytes of a measurement, or the words of a refusal."""
        key = (name, needs_model(check_id))
        if key not in self._held:
            self._held[key] = subject(self._make("subject"), tables, modelled=key[1], **how)
        try:
            return as_bytes(measure(check_id, self._held[key], arguments=KEYED.get(check_id), seed=3))
        except BadInput as refused:
            return f"refused: {refused}"


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    return Subjects(tmp_path_factory.mktemp)


@cache
def plain() -> tuple[Table, Table]:
    """The tables that every variant is a rewriting of."""
    return people(later=True), people(300, 5)


def each_table(change: Callable[[Table], Table]) -> tuple[Table, Table]:
    """Both tables, changed."""
    first, second = plain()
    return change(first), change(second)


def texts(table: Table, column: str, words: Mapping[Any, Any]) -> Table:
    """The same table with a column's values said in other words."""
    return {**table, column: [words[v] for v in table[column]]}


def wider(table: Table) -> Table:
    """The same table with columns that nobody asked for, before and behind, in another order."""
    n = len(table["score"])
    return {
        "zz": list(range(n)),
        **dict(reversed(table.items())),
        "aa": [None, *["x"] * (n - 1)],
        "Score": [math.pi] * n,
    }


def one_weight(size: float) -> Callable[[Table], Table]:
    """The table with a weight column that holds one number."""
    return lambda table: {**table, "w": [size] * len(table["score"])}


VARIANTS: dict[str, tuple[Callable[[Table], Table], dict[str, Any]]] = {
    "rows in another order": (permuted, {}),
    "Parquet": (lambda t: t, {"write": as_parquet}),
    "dictionaries in row groups": (lambda t: t, {"write": as_dictionaries}),
    "other widths of numbers": (lambda t: t, {"write": as_wide_types}),
    "more columns": (wider, {}),
    "labels in words": (
        lambda t: texts(t, "label", {0: "paid", 1: "default"}),
        {"label": {"column": "label", "positive": "default"}, "favourable": "paid"},
    ),
    "labels true and false, typed": (
        lambda t: texts(t, "label", {0: False, 1: True}),
        {"write": as_parquet, "label": {"column": "label", "positive": True}, "favourable": False},
    ),
    "labels true and false, in text": (
        lambda t: texts(t, "label", {0: "false", 1: "true"}),
        {"label": {"column": "label", "positive": True}, "favourable": False},
    ),
    "decisions in numbers": (
        lambda t: texts(t, "approved", {"yes": 1, "no": 0}),
        {"decision": {"column": "approved", "favourable": 1}},
    ),
    "decisions by what is predicted": (
        lambda t: texts(t, "approved", {"yes": "good", "no": "bad"}),
        {"decision": {"column": "approved", "positive": "bad"}},
    ),
    "weights of 1": (one_weight(1), {"weight": "w"}),
    "equal weights": (one_weight(2.5), {"weight": "w"}),
}


# What a variant says in other words; the others say everything so.
TOUCHED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (v for v in VARIANTS if v.startswith("labels")), ("label", "deserving", "target", "roles")
    ),
    **dict.fromkeys((v for v in VARIANTS if v.startswith("decisions")), ("selected", "predicted", "roles")),
    **dict.fromkeys((v for v in VARIANTS if "weights" in v), ("weight", "roles", "columns")),
}
# One row by its place in the file: another order puts another person there.
BY_PLACE = {("explainability.local", "rows in another order")}


@pytest.mark.parametrize(
    ("check_id", "variant"),
    [
        (c, v)
        for c in UNTIMED
        for v in VARIANTS
        if (c, v) not in BY_PLACE and needs(c) & set(TOUCHED.get(v, needs(c)))
    ],
)
def test_never_a_byte(check_id: str, variant: str, subjects: Subjects, known: Callable) -> None:
    known(check_id, variant)
    change, how = VARIANTS[variant]
    wanted = subjects.measured(check_id, "plain", plain())
    assert not wanted.startswith("refused")
    assert subjects.measured(check_id, variant, each_table(change), **how) == wanted


GROUPED = sorted(set(reading("protected", "period")) | {"data.representativeness", "data.contract"})


@pytest.mark.parametrize("check_id", GROUPED)
def test_groups_by_other_names_are_the_same_groups(check_id: str, subjects: Subjects) -> None:
    """Names that sort alike, so that the result turned back must be the same bytes."""
    change = renamed({"F": "F~", "M": "M~", "a": "a~", "b": "b~", "c": "c~"})
    if check_id == "data.contract":
        pytest.skip("the contract names the values that are agreed")
    found = subjects.measured(check_id, "renamed", each_table(change))
    assert "~" in found or "~" not in subjects.measured(check_id, "plain", plain())
    assert found.replace("~", "") == subjects.measured(check_id, "plain", plain())


@pytest.mark.parametrize("check_id", [c for c in GROUPED if c.startswith("fairness.")])
def test_the_order_of_names_moves_no_value(check_id: str, subjects: Subjects) -> None:
    change = renamed({"F": "z", "M": "y", "a": "3", "b": "2", "c": "1"})
    found, wanted = (
        json.loads(subjects.measured(check_id, name, tables))
        for name, tables in (("turned", each_table(change)), ("plain", plain()))
    )
    assert (found["status"], found["exact"], found["n"]) == (wanted["status"], wanted["exact"], wanted["n"])
    assert found["value"] == pytest.approx(wanted["value"], rel=1e-12)


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_dictionaries])
@pytest.mark.parametrize("check_id", [c for c in GROUPED if c.startswith("fairness.")])
def test_groups_in_numbers_are_groups_in_texts(check_id: str, write: Written, subjects: Subjects) -> None:
    numbers = {"F": 1, "M": 2, "a": 10, "b": 20, "c": 30}
    wanted = subjects.measured(
        check_id, "digits", each_table(renamed({k: str(v) for k, v in numbers.items()})), write=as_parquet
    )
    found = subjects.measured(check_id, write.__name__, each_table(renamed(numbers)), write=write)
    assert found == wanted


def renamed(words: Mapping[str, Any]) -> Callable[[Table], Table]:
    """Both protected attributes by other names."""
    return lambda table: {**table, **{a: [words[v] for v in table[a]] for a in PROTECTED}}


@pytest.mark.parametrize("check_id", UNTIMED)
def test_threads_and_compiled_twins_never_a_byte(check_id: str, subjects: Subjects) -> None:
    wanted = subjects.measured(check_id, "plain", plain())
    for resources in ({"threads": 2, "compiled": False}, {"threads": 1, "device": "cpu"}):
        with using(**resources):
            assert subjects.measured(check_id, str(resources), plain()) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("check_id", UNTIMED)
def test_the_compiled_twin_of_every_loop_never_a_byte(
    check_id: str, subjects: Subjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bar for compiled code taken away, so that it runs on small tables."""
    from apps.engine import kernels
    from apps.engine.measures.fairness import cells

    wanted = subjects.measured(check_id, "plain", plain())
    monkeypatch.setitem(kernels.worth.__kwdefaults__, "enough", 0)
    monkeypatch.setattr(cells, "_LOADED", 0)
    monkeypatch.setattr(cells, "_NOT_LOADED", 0)
    assert kernels.worth(1) == kernels.installed()
    assert subjects.measured(check_id, "compiled", plain()) == wanted
