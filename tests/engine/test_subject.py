from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.engine import table_limits
from apps.engine.errors import BadInput
from apps.engine.measure import measure
from apps.engine.subject import load
from tests.engine.subjects import PEOPLE, write_subject, write_table

EVERY = (
    "score",
    "label",
    "predicted",
    "selected",
    "deserving",
    "protected",
    "weight?",
    "period?",
    "features?",
)


def filled(folder: Path, *needs: str, table: Any = PEOPLE, **roles: Any) -> dict[str, Any]:
    return load(write_subject(folder, {"holdout": table}, roles=roles)).fill(needs)


def refusal(folder: Path, need: str, *, table: Any = PEOPLE, **roles: Any) -> str:
    with pytest.raises(BadInput) as caught:
        filled(folder, need, table=table, **roles)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_roles_follow_the_manifest(tmp_path: Path) -> None:
    found = filled(tmp_path, *EVERY)
    assert found["score"].tolist() == PEOPLE["score"]
    assert found["label"].tolist() == [True, True, False, True, False, False, False, False]
    assert found["deserving"].tolist() == (~found["label"]).tolist()
    assert found["selected"].tolist() == [False] * 3 + [True] * 5
    assert found["predicted"].tolist() == [True] * 3 + [False] * 5
    assert found["protected"]["sex"].coded().levels == ("F", "M")
    assert (found["weight"], found["period"], found["features"]) == (None, None, None)


def test_the_favourable_outcome_may_be_the_positive_class(tmp_path: Path) -> None:
    found = filled(tmp_path, "predicted", "selected", "deserving", "label", favourable=1)
    assert found["predicted"].tolist() == found["selected"].tolist()
    assert found["deserving"].tolist() == found["label"].tolist()


def test_a_threshold_predicts_positive_at_and_above(tmp_path: Path) -> None:
    found = filled(tmp_path, "predicted", "selected", decision={"threshold": 0.35})
    assert found["predicted"].tolist() == [True] * 5 + [False] * 3
    assert found["selected"].tolist() == [False] * 5 + [True] * 3


def test_a_predicted_column(tmp_path: Path) -> None:
    found = filled(tmp_path, "predicted", decision={"column": "approved", "positive": "no"})
    assert found["predicted"].tolist() == [True] * 3 + [False] * 5


@pytest.mark.parametrize(
    ("need", "roles", "sentence"),
    [
        (
            "selected",
            {"favourable": None, "decision": {"threshold": 0.5}},
            "needs the field favourable: the outcome",
        ),
        ("deserving", {"favourable": None}, "needs the field favourable"),
        ("predicted", {"decision": None}, "needs the field decision"),
        ("label", {"label": None}, "needs the field label"),
        ("label", {"label": {"column": "defaulted"}}, "needs the field label.positive"),
        ("score", {"score": None}, "needs the field score (score: {column: …})"),
        (
            "score",
            {"score": {"column": "scor"}},
            'has no column "scor", which is its score. Did you mean "score"?',
        ),
        (
            "score",
            {"score": {"column": "sex"}},
            'Column "sex" holds "F" in row 1 where a number was expected.',
        ),
        ("label", {"label": {"column": "defaulted", "positive": 2}}, 'never holds "2"; it holds "0", "1".'),
        (
            "selected",
            {"decision": {"column": "approved", "favourable": "Yes"}},
            'never holds "Yes"; it holds "no", "yes".',
        ),
        (
            "protected",
            {"protected": ["sexx"]},
            'no column "sexx", which is its protected attribute. Did you mean "sex"?',
        ),
        ("features", {}, "needs the field spec.features"),
        ("model", {}, "names no artifact to run"),
        (
            "reference_score",
            {},
            'reference data set "development", which the manifest lacks; it has holdout.',
        ),
        ("weight", {"weight": "sex"}, 'Column "sex" holds "F"'),
    ],
)
def test_what_is_missing_or_wrong_is_named(tmp_path: Path, need: str, roles: Any, sentence: str) -> None:
    assert sentence in refusal(tmp_path, need, **roles)


def test_blanks_around_a_value_are_pointed_out(tmp_path: Path) -> None:
    table = {**PEOPLE, "approved": [f" {v}" for v in PEOPLE["approved"]]}
    assert "Blanks around a value count." in refusal(tmp_path, "selected", table=table)


def test_missing_labels_are_counted(tmp_path: Path) -> None:
    table = {**PEOPLE, "defaulted": [None, None, *PEOPLE["defaulted"][2:]]}
    assert 'the label column "defaulted" is missing in 2 of 8 rows.' in refusal(
        tmp_path, "label", table=table
    )


@pytest.mark.parametrize("held", [None, "inf", "-inf", "nan"])
@pytest.mark.parametrize("rows", [1 << 21, 0])
def test_a_missing_or_infinite_score_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str | None, rows: int
) -> None:
    """Whether the table is held whole or summed up part by part."""
    monkeypatch.setattr(table_limits, "HELD_ROWS", rows)
    table = {**PEOPLE, "score": [held, *PEOPLE["score"][1:]]}
    path = write_subject(tmp_path, {"holdout": table}, roles={"decision": {"threshold": 0.5}})
    with pytest.raises(BadInput, match="the score is missing or infinite in 1 of 8 rows"):
        measure("performance.accuracy", load(path))


def test_negative_weights_are_refused(tmp_path: Path) -> None:
    table = {**PEOPLE, "w": [-1, *[1] * 7]}
    assert "negative in 1 of 8 rows" in refusal(tmp_path, "weight", table=table, weight="w")


def test_a_label_of_one_class_is_no_error(tmp_path: Path) -> None:
    found = filled(tmp_path, "label", "deserving", table={**PEOPLE, "defaulted": [0] * 8})
    assert not found["label"].any()
    assert found["deserving"].all()


def test_who_is_selected_is_not_guessed_for_three_outcomes(tmp_path: Path) -> None:
    table = {**PEOPLE, "defaulted": [0, 1, 2, 0, 1, 2, 0, 1]}
    assert "only where the label has two values" in refusal(tmp_path, "predicted", table=table)


@pytest.mark.parametrize(
    ("coded", "positive"),
    [
        ([1, 0], 1),
        (["1", "0"], 1),
        ([1.0, 0.0], "1"),
        ([True, False], 1),
        ([True, False], True),
        ([1, 0], True),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_every_coding_of_the_label_is_the_same(
    tmp_path: Path, coded: list[Any], positive: Any, suffix: str
) -> None:
    table = {**PEOPLE, "defaulted": [coded[1 - value] for value in PEOPLE["defaulted"]]}
    roles = {"label": {"column": "defaulted", "positive": positive}, "favourable": coded[1]}
    path = write_subject(tmp_path, {"holdout": table}, suffix=suffix, roles=roles)
    found = load(path).fill(("label", "deserving", "predicted"))
    assert found["label"].tolist() == [True, True, False, True, False, False, False, False]
    assert found["deserving"].tolist() == (~found["label"]).tolist()


def test_attributes_beyond_the_protected_ones_are_passed(tmp_path: Path) -> None:
    found = load(write_subject(tmp_path)).fill(("protected",), attributes=["approved", "sex"])
    assert list(found["protected"]) == ["sex", "approved"]


def test_the_digest_binds_contents_and_names_but_no_place(tmp_path: Path) -> None:
    def digest(folder: str, **changed: Any) -> str:
        (tmp_path / folder).mkdir()
        return load(write_subject(tmp_path / folder, **changed)).digest

    first = digest("a")
    assert digest("b") == first
    assert digest("c", roles={"protected": []}) != first
    assert digest("d", tables={"other": PEOPLE}) != first
    assert digest("e", tables={"holdout": {**PEOPLE, "sex": ["F"] * 8}}) != first


def test_a_pinned_digest_is_held(tmp_path: Path) -> None:
    write_subject(tmp_path)
    right = hashlib.sha256((tmp_path / "holdout.csv").read_bytes()).hexdigest()
    subject = load(write_subject(tmp_path, roles={"sha256": right}))
    assert subject.datasets["holdout"].digest == f"sha256:{right}"
    with pytest.raises(BadInput, match="is not the file that the manifest names"):
        load(write_subject(tmp_path, roles={"sha256": "0" * 64})).fill(("score",))


def test_files_handed_in_are_the_only_ones_opened(tmp_path: Path) -> None:
    path = write_subject(tmp_path)
    elsewhere = (tmp_path / "holdout.csv").rename(tmp_path / "store-1")
    assert len(load(path, files={"holdout.csv": elsewhere}).fill(("score",))["score"]) == 8
    with pytest.raises(BadInput, match=r'The file "holdout\.csv" of the manifest was not handed in'):
        load(path, files={})


def test_addresses_of_other_machines_are_refused(tmp_path: Path) -> None:
    path = write_subject(tmp_path, roles={"path": "s3://bucket/h.parquet"})
    with pytest.raises(BadInput, match="cannot be read here: only files are opened"):
        load(path)


def test_file_addresses_are_read(tmp_path: Path) -> None:
    write_table(tmp_path / "my data.csv", PEOPLE)
    path = write_subject(tmp_path, roles={"path": f"file://{tmp_path}/my%20data.csv"})
    assert load(path).datasets["holdout"].rows == 8


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.yaml does not exist\."):
        load(tmp_path / "nowhere.yaml")


def test_row_order_and_extra_columns_change_no_role(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(8)
    shuffled = {name: [values[i] for i in order] for name, values in PEOPLE.items()}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = filled(tmp_path / "a", "label", "selected")
    second = filled(tmp_path / "b", "label", "selected", table={"extra": list("abcdefgh"), **shuffled})
    assert first["label"][order].tolist() == second["label"].tolist()
    assert first["selected"][order].tolist() == second["selected"].tolist()
