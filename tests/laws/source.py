"""The project's own modules as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
APPS = PROJECT / "apps"


@dataclass(frozen=True, slots=True)
class Module:
    """One file."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(PROJECT))

    @property
    def app(self) -> str:
        return self.path.relative_to(APPS).parts[0]

    @property
    def in_commands(self) -> bool:
        return {"commands", "commands.py"} & set(self.path.relative_to(APPS).parts[1:2]) != set()


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the apps but migrations."""
    files = sorted(p for p in APPS.rglob("*.py") if "migrations" not in p.parts)
    return tuple(Module(p, ast.parse(p.read_text())) for p in files)


def public_functions(module: Module) -> Iterator[ast.FunctionDef]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last name of what is called: `create` of `Model.objects.create(…)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
