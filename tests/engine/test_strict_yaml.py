from decimal import Decimal

import pytest

from apps.engine.errors import BadInput
from apps.engine.strict_yaml import read


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(text.encode(), name="x.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("2027-01-01", "2027-01-01"),
        ("True", "True"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("-12", -12),
        ("1e3", Decimal(1000)),
        ("0.80", Decimal("0.80")),
        ('"1"', "1"),
        ("'true'", "true"),
        ("|-\n  a\n  b", "a\nb"),
    ],
)
def test_scalars_are_those_of_json_and_all_else_is_text(text: str, value: object) -> None:
    found = read(f"a: {text}\n".encode(), name="x.yaml").value["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", 'x.yaml, line 3, column 1: the key "a" stands here a second time (first in line 1).'),
        ("a: &x 1\n", 'x.yaml, line 1, column 4: the anchor "&x" is not allowed.'),
        ("a: *x\n", 'x.yaml, line 1, column 4: the alias "*x" is not allowed.'),
        ("a: !!python/object:os.system 1\n", "is not allowed"),
        ("%YAML 1.1\n---\na: 1\n", "directives are not allowed"),
        ("a: 1\n---\nb: 1\n", "x.yaml, line 2, column 1: a second document is not allowed."),
        ("[a]: 1\n", "a key must be text"),
        ("", "x.yaml is empty."),
        ("a: [1\n", "x.yaml, line 2, column 1"),
        ("a: 1" + "0" * 60, "a number of 61 digits is not allowed"),
        ("a: \x00", "x.yaml"),
    ],
)
def test_refusals_name_line_and_column(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_deep_nesting_is_refused_at_fifty_levels() -> None:
    assert "more than 50 levels" in refusal("[" * 5000)


def test_large_files_are_refused_unread() -> None:
    assert refusal("# " + "x" * 300_000).startswith("x.yaml has 300,002 bytes")


def test_bytes_that_are_not_text_name_their_line() -> None:
    with pytest.raises(BadInput, match=r"line 2: the bytes are not UTF-8"):
        read(b"a: 1\nb: \xff\n", name="x.yaml")


def test_positions_of_keys_and_values() -> None:
    document = read(b"a:\n  bee: [1, 22]\n", name="x.yaml")
    assert document.position(("a", "bee"), key=True) == (2, 3)
    assert document.position(("a", "bee", 1)) == (2, 12)
    assert document.position(("a", "absent")) == (2, 3)
