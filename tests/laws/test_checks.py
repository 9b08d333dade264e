"""Law 6: every check explains itself, has an example that runs, and a defined answer to hard input."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from apps.engine.catalogue import all_checks
from tests.laws.source import PROJECT

CHECKS = all_checks()
TEXTS = (
    "title",
    "unit",
    "range",
    "direction",
    "definition",
    "conventions",
    "edge_cases",
    "interval",
    "cost",
    "purpose",
    "mechanism",
    "signs_of_high_risk",
    "strengths",
    "limitations",
)


@pytest.mark.parametrize("key", CHECKS)
def test_a_check_has_every_text_and_a_reference(key: str) -> None:
    check = CHECKS[key]
    assert [name for name in TEXTS if not str(getattr(check, name)).strip()] == []
    assert check.references
    assert all(reference.strip() for reference in check.references)
    assert all(arg.help.strip() for arg in check.args)


@pytest.mark.parametrize("key", CHECKS)
def test_a_check_has_an_example_that_runs(key: str) -> None:
    """`pytest --doctest-modules` runs it."""
    module, _, name = CHECKS[key].function.partition(":")
    found = [n for n in tree(module).body if isinstance(n, ast.FunctionDef) and n.name == name]
    assert found, f"{key} names {module}:{name}, which is not there"
    assert ">>>" in (ast.get_docstring(found[0]) or ""), f"{module}:{name} has no example"


@cache
def tree(module: str) -> ast.Module:
    path = PROJECT.joinpath("apps", "engine", "measures", *module.split(".")).with_suffix(".py")
    return ast.parse(path.read_text())
