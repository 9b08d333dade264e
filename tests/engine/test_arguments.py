"""Arguments against their schema: each type, each bound, in words that a person can act on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.arguments import resolve, resolve_one
from apps.engine.catalogue import all_checks, find
from apps.engine.catalogue.spec import REQUIRED, Arg
from apps.engine.errors import BadInput

NUMBER = Arg(name="level", type="number", help="", minimum=0, maximum=1)
COUNT = Arg(name="rows", type="integer", help="", minimum=1)
RULE = Arg(name="rule", type="string", help="", choices=("iqr", "mad"))
BINS = Arg(name="bins", type="bins", help="", choices=("quantile", "width"))
PLAIN = {
    kind: Arg(name="it", type=kind, help="")  # type: ignore[arg-type]
    for kind in ("boolean", "string", "strings", "numbers", "attributes", "object")
}


@pytest.mark.parametrize(
    ("arg", "value", "taken"),
    [
        (NUMBER, Decimal("0.5"), 0.5),
        (NUMBER, 1, 1),
        (COUNT, Decimal("10"), 10),
        (COUNT, 5.0, 5),
        (RULE, "mad", "mad"),
        (BINS, "width", "width"),
        (BINS, [Decimal("0.1"), 2], [0.1, 2]),
        (PLAIN["boolean"], True, True),
        (PLAIN["string"], 5, "5"),
        (PLAIN["string"], False, "false"),
        (PLAIN["string"], date(2026, 1, 2), "2026-01-02"),
        (PLAIN["strings"], "sex", ["sex"]),
        (PLAIN["numbers"], (Decimal("1.5"), 2), [1.5, 2]),
        (PLAIN["attributes"], [["sex", "race"], "age"], [["sex", "race"], "age"]),
        (PLAIN["object"], {"a": {1: Decimal("0.5")}}, {"a": {"1": 0.5}}),
    ],
)
def test_what_fits_is_taken_in_its_own_type(arg: Arg, value: Any, taken: Any) -> None:
    found = resolve_one(arg, value, "x.y")
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("arg", "value", "sentence"),
    [
        (NUMBER, "high", 'level must be a number from 0 to 1, not "high".'),
        (NUMBER, True, "level must be a number from 0 to 1, not true."),
        (NUMBER, 1.5, "not 1.5."),
        (NUMBER, float("inf"), "level must be a number from 0 to 1, not inf."),
        (NUMBER, Decimal("1e400"), "level must be a number from 0 to 1"),
        (COUNT, 2.5, "rows must be an integer of at least 1, not 2.5."),
        (COUNT, 0, "not 0."),
        (COUNT, 2**70, "rows must be an integer of at least 1, not 1180591620717411303424."),
        (COUNT, 10**400, "rows must be an integer of at least 1"),
        (RULE, "iqrr", 'rule must be one of iqr, mad, not "iqrr".'),
        (BINS, "wide", 'bins must be one of quantile, width, or a list of ascending numbers, not "wide".'),
        (BINS, [2, 1], "or a list of ascending numbers, not [2, 1]."),
        (BINS, [1, 1], "not [1, 1]."),
        (BINS, [], "not []."),
        (BINS, ["a"], "not ['a']."),
        (BINS, 10, "not 10."),
        (PLAIN["boolean"], "yes", 'it must be true or false, not "yes".'),
        (PLAIN["boolean"], 1, "not 1."),
        (PLAIN["string"], ["a"], "it must be text, not ['a']."),
        (PLAIN["strings"], 5, "it must be a list of texts, not 5."),
        (PLAIN["strings"], [["a"]], "it must be a list of texts"),
        (PLAIN["numbers"], [1, "2"], "it must be a list of numbers, not [1, '2']."),
        (PLAIN["numbers"], [float("nan")], "it must be a list of numbers, not [nan]."),
        (PLAIN["attributes"], [["sex", "sex"]], "it must be a list of attributes, or of lists of attributes"),
        (PLAIN["attributes"], [""], "it must be a list of attributes"),
        (PLAIN["object"], "a: 1", 'it must be a mapping, not "a: 1".'),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_the_schema(arg: Arg, value: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve_one(arg, value, "x.y")
    assert str(caught.value).startswith("x.y: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("check", "name", "sentence"),
    [
        ("stability.psi", "bin", 'stability.psi has no argument "bin". Did you mean "bins"?'),
        ("stability.psi", "confidance", 'Did you mean "confidence"?'),
        ("stability.missing_rate_shift", "zzz", "It takes columns."),
        ("security.digest", "zzz", "It takes none."),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest_one(check: str, name: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(find(check), {name: 1})
    assert sentence in str(caught.value)


@pytest.mark.parametrize("check_id", all_checks())
def test_the_defaults_of_every_check_fit_their_own_schema(check_id: str) -> None:
    check = find(check_id)
    for arg in check.args:
        if arg.default is not REQUIRED and arg.default is not None:
            assert resolve_one(arg, arg.default, check_id) is not None
            assert arg.schema()["description"]


def answer(arg: Arg, value: Any) -> str:
    try:
        return f"taken {resolve_one(arg, value, 'x.y')}"
    except BadInput as refused:
        return str(refused)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=4)
)
def test_any_value_is_taken_or_refused_by_name(value: Any) -> None:
    for arg in (NUMBER, COUNT, RULE, BINS, *PLAIN.values()):
        assert answer(arg, value).startswith(("taken ", f"x.y: {arg.name} must be "))
