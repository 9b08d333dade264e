"""Which page and which operation of the API plays each command: read off the code of the views."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from django.apps import apps
from django.urls import URLPattern, get_resolver

from apps.api.endpoints import Operation, describe

Found = dict[str, list[str]]


@cache
def commands() -> dict[int, str]:
    """Every public command by its identity: `approvals.sign_off`."""
    named = {}
    for app in apps.get_app_configs():
        try:
            package = import_module(f"{app.name}.commands")
        except ModuleNotFoundError:
            continue
        for name in package.__all__:
            found = getattr(package, name)
            if inspect.isfunction(found):
                named[id(found)] = f"{app.label}.{name}"
    return named


def names() -> list[str]:
    """The public commands in the order of their names."""
    return sorted(commands().values())


def pages() -> Found:
    """By command, the pages that play it."""
    return _played(_patterns("apps.web.urls"), lambda pattern: iter([("", inspect.unwrap(pattern.callback))]))


def operations() -> Found:
    """By command, the operations of the API that play it."""
    return _played(_patterns("apps.api.urls"), _operations)


def _operations(pattern: URLPattern) -> Iterator[tuple[str, Any]]:
    if hasattr(pattern.callback, "endpoint"):
        for method, operation in describe(pattern.callback).operations.items():
            yield f"{method} ", operation.handler


def _patterns(module: str) -> list[URLPattern]:
    return [pattern for pattern in get_resolver(module).url_patterns if isinstance(pattern, URLPattern)]


def _played(patterns: list[URLPattern], handlers: Callable[[URLPattern], Iterator[tuple[str, Any]]]) -> Found:
    found: Found = {}
    for pattern in patterns:
        for method, handler in handlers(pattern):
            for command in sorted(reached(handler)):
                found.setdefault(command, []).append(f"{method}/{pattern.pattern}")
    return found


@cache
def reached(handler: Any) -> frozenset[str]:
    """The commands that a view calls, itself or through what stands between."""
    seen: set[int] = set()
    return frozenset(_reached(handler, seen))


def _reached(thing: Any, seen: set[int]) -> Iterator[str]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if id(thing) in commands():
        yield commands()[id(thing)]
    elif isinstance(thing, Operation):
        yield from _reached(thing.handler, seen)
    elif isinstance(thing, dict | tuple | list):
        for one in thing.values() if isinstance(thing, dict) else thing:
            yield from _reached(one, seen)
    elif isinstance(thing, FunctionType) and thing.__module__.startswith("apps."):
        for one in _named(inspect.unwrap(thing)):
            yield from _reached(one, seen)


@cache
def _named(function: Any) -> tuple[Any, ...]:
    """The objects that the text of a function names."""
    return tuple(_looked_up(function))


def _looked_up(function: Any) -> Iterator[Any]:
    around = function.__globals__
    if function.__name__ == "<lambda>":  # it may have no text of its own
        yield from (around.get(name) for name in function.__code__.co_names)
        return
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in own:
            yield around.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = around.get(node.value.id)
            if isinstance(owner, ModuleType):
                yield getattr(owner, node.attr, None)
