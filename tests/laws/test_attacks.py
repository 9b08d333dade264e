"""Every row of the catalogue of attacks names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CATALOGUE = PROJECT / "tests" / "attacks" / "README.md"
_ROW = re.compile(r"^\| (A\d\d) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
ROWS = dict(_ROW.findall(CATALOGUE.read_text(encoding="utf-8")))


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_the_rows_are_numbered_without_a_gap() -> None:
    assert list(ROWS) == [f"A{number:02}" for number in range(1, 25)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_tests_that_are_there(row: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS[row])
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in functions(path)] == []
