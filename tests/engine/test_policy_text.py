from __future__ import annotations

import difflib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy import shipped_folder
from apps.engine.policy_text import appended, replaced, without, written
from apps.engine.strict_yaml import Path

SHIPPED = sorted(file.read_text() for file in shipped_folder().glob("*/policy.yaml"))
ORDER = ("id", "title", "check", "with", "pass", "warn", "basis", "enforcement")
ANY = some.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn"))
scalars = (
    some.text(ANY, min_size=1, max_size=30)
    | some.decimals(min_value=-1000, max_value=1000, places=3)
    | some.integers(-(10**9), 10**9)
    | some.booleans()
    | some.none()
    | some.sampled_from(["no", "1", "~", "$p", "a: b", "a # b", "- a", "[a", "{", "'", '"', "\\", "*x", "&y"])
)
values = some.recursive(
    scalars,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(ANY), inner, max_size=3),
)


def read(text: str) -> Any:
    return strict_yaml.read(text.encode(), name="t").value


def everywhere(value: Any, path: Path = ()) -> list[Path]:
    """Every path of a document."""
    found = [path] if path else []
    if isinstance(value, (dict, list)):
        parts: Any = value.items() if isinstance(value, dict) else enumerate(value)
        for part, inner in parts:
            found += everywhere(inner, (*path, part))
    return found


def held(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def changed(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that are gone and those that are new."""
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[2:]
    gone = [line[1:] for line in lines if line.startswith("-")]
    return gone, [line[1:] for line in lines if line.startswith("+")]


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


@given(some.sampled_from(SHIPPED), some.data(), scalars)
def test_a_new_value_reads_back_and_touches_only_the_lines_of_the_old_one(
    text: str, data: Any, value: Any
) -> None:
    known = read(text)
    paths = [path for path in everywhere(known) if not isinstance(held(known, path), dict)]
    path = data.draw(some.sampled_from(paths))
    made = replaced(text, path, value)
    found = held(read(made), path)
    assert (found, type(found) is bool) == (value, type(value) is bool)
    gone, new = changed(text, made)
    assert len(new) <= 1
    assert comments(made) == comments(text)
    assert len(text.splitlines()) - len(gone) + len(new) == len(made.splitlines())


@given(some.sampled_from(SHIPPED), some.data())
def test_what_is_taken_away_is_gone_and_the_rest_is_as_it_was(text: str, data: Any) -> None:
    known = read(text)
    path = data.draw(some.sampled_from([p for p in everywhere(known) if len(p) > 1]))
    made = without(text, path)
    _, new = changed(text, made)
    assert len(new) <= 1
    parent = held(known, path[:-1])
    del parent[path[-1]]
    assert read(made) == known


@given(some.sampled_from(SHIPPED), values)
def test_a_missing_field_is_put_in_on_a_line_of_its_own(text: str, value: Any) -> None:
    made = replaced(text, ("metadata", "made-up"), value)
    gone, new = changed(text, made)
    assert (gone, len(new)) == ([], 1)
    assert written(held(read(made), ("metadata", "made-up"))) == written(value)


@given(values)
def test_a_value_is_written_as_it_is_read(value: Any) -> None:
    assert written(read(f"a: {written(value)}\n")["a"]) == written(value)


@given(some.sampled_from(SHIPPED), some.dictionaries(some.sampled_from(ORDER), scalars, min_size=1))
def test_an_item_is_added_after_the_last_one(text: str, item: dict[str, Any]) -> None:
    made = appended(text, ("gates",), item)
    assert made.replace("\n", "").startswith(text[: text.index("gates:")].replace("\n", ""))
    assert read(made)["gates"][-1] == item
    assert changed(text, made)[0] in ([], ["gates: []"])


GATE = """gates:
  # the first
  - id: auc  # its name

    check: performance.auc
    pass:    # lines of its own
      min: 0.70   # the floor
    title: Loans, small ones
  - {id: ks, title: Good, and bad, pass: {min: 0.2}}   # in braces
"""


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("gates", 0, "pass", "min"), Decimal("0.75"), "      min: 0.75   # the floor"),
        (("gates", 0, "pass", "max"), Decimal("0.9"), "      max: 0.9"),
        (("gates", 0, "warn", "min"), Decimal("0.8"), "    warn: {min: 0.8}"),
        (("gates", 1, "basis"), "interval", "pass: {min: 0.2}, basis: interval}   # in braces"),
        (("gates", 1, "title"), "No, no", 'title: "No, no", pass'),
    ],
)
def test_comments_beside_a_value_stay(path: Path, value: Any, line: str) -> None:
    made = replaced(GATE, path, value, order=ORDER)
    assert any(line in one for one in made.splitlines())
    assert [word in made for word in ("# the first", "# its name", "# in braces")] == [True] * 3


def test_a_field_comes_after_those_that_usually_precede_it() -> None:
    text = "metadata:\n  id: p\n  # of it\n  owner: o\n"
    made = replaced(text, ("metadata", "title"), "Words", order=("id", "title", "owner"))
    assert made == "metadata:\n  id: p\n  title: Words\n  # of it\n  owner: o\n"


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("a: |+\n  text\n\nb: 1\n", ("a", "b"), "holds no"),
        ("a: 1\n", ("a", "b"), "holds no"),
        ("a: [1]\n", ("a", 3), "has no item 3"),
        ("a: &x 1\n", ("a",), "anchor"),
    ],
)
def test_what_cannot_be_edited_is_refused_in_a_sentence(text: str, path: Path, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        replaced(text, path, "v")
