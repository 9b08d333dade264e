from __future__ import annotations

import contextlib
import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine import strict_yaml
from apps.engine.errors import BadInput


def read(text: str | bytes) -> object:
    data = text.encode() if isinstance(text, str) else text
    return strict_yaml.read(data, name="x.yaml").value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2027-01-01", "2027-01-01"),
        ("true", True),
        ("null", None),
        ("'12'", "12"),
        ("12", 12),
        ("-0.50", Decimal("-0.50")),
        ("1e3", Decimal(1000)),
    ],
)
def test_scalars_are_those_of_json_and_everything_else_is_text(text: str, value: object) -> None:
    found = read(f"a: {text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1", 'the key "a" stands here a second time (first in line 1)'),
        ("a: &x [1]\n", "line 1, column 4", 'the anchor "&x" is not allowed'),
        ("a: *x\n", "line 1, column 4", 'the alias "*x" is not allowed'),
        ("a: !!python/object:os.system x\n", "line 1, column 4", "the tag"),
        ("a: 1\n---\nb: 1\n", "line 2, column 1", "a second document is not allowed"),
        ("%YAML 1.1\n---\na: 1\n", "line 1, column 1", "directives are not allowed"),
        ("a:\n\t- b\n", "line 2, column 1", "tab"),
        ('a: 1\nb: "x\0y"\n', "line 2, column 6", "the character U+0000 is not allowed"),
        ("\ufeffa: 1\n", "line 1, column 1", "a byte order mark is not allowed"),
        ("? [a]\n: b\n", "line 1, column 3", "a key must be text"),
        ("a: " + "9" * 41, "line 1, column 4", "a number of 41 digits is not allowed"),
    ],
)
def test_what_is_not_allowed_is_refused_where_it_stands(text: str, where: str, what: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read(text)
    assert where in str(refusal.value)
    assert what in str(refusal.value)


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    with pytest.raises(BadInput, match="line 2: the bytes are not UTF-8 text"):
        read(b"a: 1\nb: \xff\n")


def test_a_large_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadInput, match="more than 262,144 bytes, the most"):
        read(b"#" * (strict_yaml.MAX_BYTES + 1))


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_five_thousand_levels_are_refused_within_a_second(text: str) -> None:
    began = time.process_time()
    with pytest.raises(BadInput, match="more than 50 levels"):
        read(text)
    assert time.process_time() - began < 1


def test_the_longest_list_is_read_within_a_second() -> None:
    began = time.process_time()
    assert len(read("[" + "a," * 100_000 + "a]")) == 100_001  # type: ignore[arg-type]
    assert time.process_time() - began < 1


def test_fifty_levels_are_read_and_fifty_one_are_refused() -> None:
    read("[" * 50 + "x" + "]" * 50)
    with pytest.raises(BadInput, match="more than 50 levels"):
        read("[" * 51 + "x" + "]" * 51)


def test_positions_of_values_keys_and_absent_fields() -> None:
    document = strict_yaml.read(b"a:\n  b: [1, 22]\n", name="x.yaml")
    assert document.position(("a", "b", 1)) == (2, 10)
    assert document.position(("a", "b"), key=True) == (2, 3)
    assert document.position(("a", "c")) == (2, 3)
    assert str(document.refuse(("a", "b", 1), "No.")) == "x.yaml, line 2, column 10: No."


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_every_json_document_reads_as_itself(value: object) -> None:
    assert read(json.dumps({"a": value})) == {"a": value}


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(data: bytes) -> None:
    with contextlib.suppress(BadInput):
        strict_yaml.read(data, name="x.yaml")


def test_a_sentence_within_braces_may_hold_commas() -> None:
    assert read("{title: Loans, small ones, new, id: p}") == {"title": "Loans, small ones, new", "id": "p"}
    assert read('a: {title: "é, x" , id: p}') == {"a": {"title": "é, x", "id": "p"}}


@pytest.mark.parametrize(
    "text",
    ["{id: a, b}", "{a}", "{title: 3, b}", "{title: , b}", "{title: [a], b}", '{title: a, "b"}', "? a"],
)
def test_a_key_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="has no value; within braces"):
        read(text)


def test_an_empty_value_after_a_colon_is_null() -> None:
    assert read("{a: , b: }") == {"a": None, "b": None}
    assert read("a:\nb:\n") == {"a": None, "b": None}


@pytest.mark.parametrize("hidden", ["\\u202e", "\\x00", "\\u200b", "\\x1b", "\\uFEFF"])
@pytest.mark.parametrize("place", ['title: "ab{}"', '"ti{}tle": x', '- "x{}"'])
def test_a_hidden_character_is_refused_though_it_is_escaped(hidden: str, place: str) -> None:
    with pytest.raises(BadInput, match=r"line 1, column \d+: .* is not allowed, written out or escaped"):
        strict_yaml.read(place.format(hidden).encode(), name="p.yaml")
