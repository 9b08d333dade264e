"""The data contract: each term kept, broken, and badly written."""

from __future__ import annotations

import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.data import contract

TABLE = Columns.of(
    age=[17.0, 30.0, 45.5],
    state=["NY", "TX", "ZZ"],
    income=[1.0, None, 3.0],
    member=["true", "false", "true"],
    number=[1.0, 2.0, 2.0],
)


@pytest.mark.parametrize(
    ("column", "terms", "words"),
    [
        ("age", {"min": 18}, "holds 17 where at least 18 was agreed (1 of 3 rows)"),
        ("age", {"max": 40}, "holds 45.5 where at most 40"),
        ("age", {"type": "integer"}, "holds numbers where integer was agreed"),
        ("state", {"type": "number"}, "holds text where number was agreed"),
        ("state", {"values": ["NY", "TX"]}, 'holds "ZZ", not among the values agreed (1 rows)'),
        ("state", {"min": 1}, "has no range"),
        ("income", {}, "missing in 1 of 3 rows; at most 0%"),
        ("income", {"max_missing_share": 0.2}, "at most 20%"),
        ("number", {"unique": True}, 'repeats values, such as "2"'),
        ("wage", {}, 'Column "wage" is missing from the file'),
    ],
)
def test_a_broken_term_is_named_with_column_and_value(column, terms, words):
    found = contract(columns=TABLE, declared={}, contract={column: terms})
    assert found.value == 1
    assert words in found.notes[0]
    assert found.tables["breaches"][0]["column"] == column


@pytest.mark.parametrize(
    ("column", "terms"),
    [
        ("age", {"type": "number", "min": 17, "max": 45.5}),
        ("state", {"type": "category", "values": ["NY", "TX", "ZZ"]}),
        ("income", {"max_missing_share": 0.5, "min": 0}),
        ("member", {"type": "boolean"}),
        ("number", {"type": "integer", "values": [1, 2]}),
        ("wage", {"required": False}),
    ],
)
def test_a_term_that_holds_is_no_breach(column, terms):
    assert contract(columns=TABLE, declared={"contract": {column: terms}}).value == 0


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"age": {"minimum": 3}}, 'unknown term "minimum"'),
        ({"age": {"type": "float"}}, "must be one of number"),
        ({"age": {"min": "3"}}, "must be a number"),
        ({"age": 3}, "must be a mapping"),
        ({"state": {"values": "NY"}}, "must be a list"),
    ],
)
def test_a_badly_written_contract_is_refused(terms, words):
    with pytest.raises(BadInput, match=words):
        contract(columns=TABLE, declared={}, contract=terms)


def test_no_contract_and_no_rows_are_insufficient():
    with pytest.raises(Unmeasurable, match="no data contract"):
        contract(columns=TABLE, declared={})
    with pytest.raises(Unmeasurable, match="no rows"):
        contract(columns=Columns.of(age=[]), declared={}, contract={"age": {}})


def test_the_data_sets_own_contract_goes_before_that_of_the_spec():
    spec = {"contract": {"age": {"min": 18}, "state": {"values": ["NY", "TX"]}}}
    own = {"contract": {"age": {"min": 10}}}
    found = contract(columns=TABLE, declared=spec, own=own)
    assert [row["column"] for row in found.tables["breaches"]] == ["state"]
    assert contract(columns=TABLE, declared={}, own=own).value == 0
    with pytest.raises(BadInput, match="contract of the data set must be a mapping"):
        contract(columns=TABLE, declared={}, own={"contract": ["age"]})


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"max_missing_share": 7}, "max_missing_share of column .a. must lie from 0 to 1, not 7"),
        ({"unique": "yes"}, "unique of column .a. must be true or false, not .yes."),
        ({"required": 0}, "required of column .a. must be true or false, not 0"),
        ({"values": [[1]]}, "values of column .a. must be single values"),
    ],
)
def test_terms_that_would_hold_for_anything_are_refused(terms: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        contract(columns=Columns.of(a=[1.0]), declared={}, contract={"a": terms})
