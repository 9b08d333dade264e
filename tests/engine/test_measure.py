"""`measure` for every check of the catalogue: same input, same bytes; arguments in the schema's words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

from apps.engine import catalogue
from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measure import measure
from apps.engine.subject import load
from apps.engine.values import Measured
from tests.engine.subjects import Table, write_subject

ROWS = 240
TIMED = "operations."
RNG = np.random.default_rng(11)


def people(rng: np.random.Generator, shift: float) -> dict[str, list[Any]]:
    age = np.round(rng.normal(40 + shift, 10, ROWS), 3)
    income = np.where(rng.random(ROWS) < 0.05, np.nan, np.round(rng.normal(30, 8, ROWS), 3))
    risk = 1 / (1 + np.exp((age - 40) / 10 + rng.normal(0, 1, ROWS)))
    return {
        "age": age.tolist(),
        "income": [None if np.isnan(v) else float(v) for v in income],
        "pd": np.round(risk, 2).tolist(),
        "defaulted": (rng.random(ROWS) < risk).astype(int).tolist(),
        "sex": rng.integers(1, 3, ROWS).tolist(),
        "race": [["A", "B", "C", None][i] for i in rng.choice(4, ROWS, p=[0.5, 0.3, 0.15, 0.05])],
    }


TABLES = {"holdout": people(RNG, 0.0), "development": people(RNG, 2.0)}
ROLES = {
    "score": {"column": "pd"},
    "decision": {"threshold": 0.5},
    "protected": ["sex", "race"],
}
CONTRACT = {"age": {"type": "number", "min": 0}}


def subject_folder(folder: Path, tables: Mapping[str, Table] = TABLES, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    frame = TABLES["development"]
    matrix = np.array(
        [[a, np.nan if i is None else i] for a, i in zip(frame["age"], frame["income"], strict=True)]
    )
    data = xgboost.DMatrix(matrix, label=frame["defaulted"], feature_names=["age", "income"])
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 5)
    booster.save_model(folder / "m.json")
    artifact = {"path": "m.json", "format": "xgboost"}
    return write_subject(
        folder, tables, **{"artifact": artifact, "contract": CONTRACT, "roles": ROLES, **options}
    )


def answer(path: Path, check_id: str) -> str:
    """The bytes of the measurement, or the sentence of the refusal."""
    try:
        return json.dumps(measure(check_id, load(path), seed=3).as_json(), allow_nan=False)
    except BadInput as refused:
        return f"refused: {refused}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every check of the catalogue on the plain CSV, but those that measure this machine."""
    path = subject_folder(tmp_path_factory.mktemp("base"))
    return {check_id: answer(path, check_id) for check_id in all_checks() if not check_id.startswith(TIMED)}


def changed(
    path: Path, base: dict[str, str], *, suffix: str = ".csv", without: str | tuple[str, ...] = "-"
) -> dict[str, Any]:
    """The checks that now answer otherwise, with both answers."""
    found = {
        check: answer(path, check).replace(suffix, ".csv") for check in base if not check.startswith(without)
    }
    return {check: (base[check], now) for check, now in found.items() if now != base[check]}


def shuffled(table: Table, seed: int) -> dict[str, list[Any]]:
    order = np.random.default_rng(seed).permutation(ROWS)
    return {name: [values[i] for i in order] for name, values in table.items()}


def test_nearly_every_check_measures_this_subject(base: dict[str, str]) -> None:
    measured = [check for check, found in base.items() if '"status": "measured"' in found]
    assert {"performance.auc", "fairness.selection_rate_ratio", "stability.psi"} <= set(measured)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
@pytest.mark.slow
def test_the_file_format_changes_no_byte(tmp_path: Path, base: dict[str, str], suffix: str) -> None:
    path = subject_folder(tmp_path / "s", suffix=suffix)
    assert changed(path, base, suffix=suffix) == {}


@pytest.mark.slow
def test_the_order_of_rows_changes_no_byte(tmp_path: Path, base: dict[str, str]) -> None:
    """Apart from checks whose very question is the order, or one row by its number."""
    tables = {name: shuffled(table, seed) for seed, (name, table) in enumerate(TABLES.items())}
    path = subject_folder(tmp_path / "s", tables)
    assert changed(path, base, without=("data.time_order", "explainability.local")) == {}


@pytest.mark.slow
def test_extra_columns_change_no_byte(tmp_path: Path, base: dict[str, str]) -> None:
    tables = {
        name: {"zz": list(range(ROWS)), **table, "note": ["x"] * ROWS} for name, table in TABLES.items()
    }
    path = subject_folder(tmp_path / "s", tables)
    assert changed(path, base, without="data.") == {}


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["text", "float", "category"])
def test_the_coding_of_columns_changes_no_byte(tmp_path: Path, base: dict[str, str], coding: str) -> None:
    path = subject_folder(tmp_path / "s", suffix=".parquet")
    for name, table in TABLES.items():
        columns = {key: pa.array(values) for key, values in table.items()}
        for key in ("sex", "defaulted"):
            columns[key] = recoded(columns[key], coding)
        pq.write_table(pa.table(columns), path.parent / f"{name}.parquet")
    assert changed(path, base, suffix=".parquet", without="data.") == {}


def recoded(values: Any, coding: str) -> Any:
    if coding == "float":
        return values.cast(pa.float64())
    text = values.cast(pa.string())
    return text.dictionary_encode() if coding == "category" else text


@pytest.mark.slow
def test_truth_values_are_a_coding_of_the_label(tmp_path: Path, base: dict[str, str]) -> None:
    tables = {
        name: {**table, "defaulted": [bool(value) for value in table["defaulted"]]}
        for name, table in TABLES.items()
    }
    path = subject_folder(tmp_path / "s", tables, suffix=".parquet")
    for check_id in ("performance.auc", "performance.confusion", "fairness.group_rates"):
        assert answer(path, check_id) == base[check_id], check_id


# What `measure` itself does, seen through a check of our own -----------------------------------------


def probe(*, score: Any, protected: Any, seed: int, attributes: Any, level: float, **_: Any) -> Measured:
    """A check for these tests."""
    if level > 0.9:
        raise Unmeasurable("There is too little to go by.", status="insufficient")
    return Measured(value=float(score.sum()), n=len(score), parameters={"groups": list(protected)})


ARGS = (
    Arg(name="attributes", type="attributes", help="Groups."),
    Arg(name="level", type="number", help="Level.", default=0.5, minimum=0, maximum=1),
    Arg(name="min_group_size", type="integer", help="Floor.", default=30, minimum=1),
    Arg(name="names", type="strings", help="Names."),
    Arg(name="edges", type="numbers", help="Edges."),
    Arg(name="rule", type="string", help="Rule.", default="width", choices=("width", "quantile")),
    Arg(name="strict", type="boolean", help="Strictly.", default=False),
    Arg(name="terms", type="object", help="Terms."),
)


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    known = all_checks()["security.artifact_scan"]
    check = dataclasses.replace(
        known,
        id="probe.sum",
        function="tests.engine.test_measure:probe",
        needs=("score", "protected", "seed"),
        args=ARGS,
    )
    monkeypatch.setattr(catalogue, "_held", {**all_checks(), check.id: check})
    monkeypatch.setattr("apps.engine.measure.function_of", lambda _: probe)
    subject = load(write_subject(tmp_path))
    return lambda **arguments: measure(check.id, subject, arguments=arguments, seed=5).as_json()


def test_defaults_and_the_seed_stand_in_the_measurement(probed: Any) -> None:
    found = probed()
    assert found["value"] == pytest.approx(3.6)
    assert found["seed"] == 5
    assert found["parameters"]["attributes"] == ["sex"]
    assert found["parameters"]["level"] == 0.5
    assert found["parameters"]["dataset"] == "holdout"
    assert found["parameters"]["groups"] == ["sex"]


def test_attributes_may_be_any_columns_and_intersections(probed: Any) -> None:
    found = probed(attributes=[["sex", "approved"]])
    assert found["parameters"]["groups"] == ["sex", "approved"]


def test_what_cannot_be_measured_is_a_status_with_its_reason(probed: Any) -> None:
    found = probed(level=0.95)
    assert (found["status"], found["value"], found["n"]) == ("insufficient", None, 8)
    assert found["notes"] == ["There is too little to go by."]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"min_group_size": "x"}, 'probe.sum: min_group_size must be an integer of at least 1, not "x".'),
        ({"min_group_size": 0}, "min_group_size must be an integer of at least 1, not 0."),
        ({"min_group_size": True}, "not true."),
        ({"level": 2}, "level must be a number from 0 to 1, not 2."),
        ({"level": float("nan")}, "level must be a number from 0 to 1, not nan."),
        ({"names": 5}, "names must be a list of texts, not 5."),
        ({"edges": [1, "a"]}, "edges must be a list of numbers"),
        ({"rule": "widht"}, 'rule must be one of width, quantile, not "widht".'),
        ({"strict": 1}, "strict must be true or false, not 1."),
        ({"terms": [1]}, "terms must be a mapping"),
        ({"attributes": 5}, "attributes must be a list of attributes, or of lists of attributes, not 5."),
        ({"attributes": [["sex", "sex"]]}, "attributes must be a list of attributes"),
        ({"min_group": 5}, 'probe.sum has no argument "min_group". Did you mean "min_group_size"?'),
        ({"zzz": 5}, "It takes attributes, level, min_group_size"),
    ],
)
def test_arguments_are_refused_in_the_words_of_the_schema(probed: Any, arguments: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        probed(**arguments)
    assert sentence in str(caught.value)


def test_one_word_is_a_list_of_one(probed: Any) -> None:
    assert probed(names="a") == probed(names=["a"])
    assert probed(attributes="sex") == probed(attributes=["sex"])


def test_a_required_argument_must_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needed = Arg(name="column", type="string", help="Which.", default=REQUIRED)
    check = dataclasses.replace(all_checks()["security.artifact_scan"], id="probe.needed", args=(needed,))
    monkeypatch.setattr(catalogue, "_held", {**all_checks(), check.id: check})
    with pytest.raises(BadInput, match=r"probe\.needed needs the argument column: text\."):
        measure(check.id, load(write_subject(tmp_path)))


def test_every_function_of_the_catalogue_can_be_imported() -> None:
    from apps.engine.measure import function_of

    checks: list[Check] = list(all_checks().values())
    assert all(callable(function_of(check)) for check in checks)
