"""What each command of the house writes, and how many events it leaves: counted while a scene is played."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.apps import apps
from django.db import connection

from tests.laws.test_commands import COMMANDS

_WRITE = re.compile(r'(?:INSERT INTO|(?<!FOR )UPDATE|DELETE FROM)\s+(?:ONLY\s+)?"?(\w+)"?')
EVENTS = "audit_event"
# What these write and tell is what whoever calls them does.
THE_THREE = frozenset({"audit.record", "audit.move", "audit.seal"})
# The log's own tables, and what only serves requests: no fact of the bank's.
NO_BUSINESS = re.compile(
    r"audit_(?!signingkey|keyend|legalhold|holdrelease)\w+|django_\w+|access_(idempotent|signin)\w+"
)


@dataclass
class Call:
    """One call of one command: what it did itself, without the commands that it called."""

    name: str
    events: int = 0
    tables: set[str] = field(default_factory=set)

    @property
    def business(self) -> set[str]:
        return {table for table in self.tables if not NO_BUSINESS.fullmatch(table)}


@dataclass
class Account:
    """Every call that came to its end; a refused one was undone."""

    calls: list[Call] = field(default_factory=list)
    open: list[Call] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def of(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def sniff(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        tables = set(_WRITE.findall(str(sql)))
        if tables and (EVENTS in tables or context["cursor"].rowcount != 0):
            for call in self.open[-1:]:
                call.tables |= tables
                call.events += EVENTS in tables
        return answer

    def counting(self, name: str, command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def counted(*args: Any, **kwargs: Any) -> Any:
            call = Call(name)
            self.open.append(call)
            try:
                answer = command(*args, **kwargs)
            finally:
                self.open.remove(call)
            self.calls.append(call)
            return answer

        return counted


def tables() -> set[str]:
    """Every table of the house that holds something of the bank's."""
    houses = ("access", "approvals", "audit", "costs", "deploys", "gates", "inventory", "reports")
    found = {m._meta.db_table for m in apps.get_models() if m._meta.app_label in houses}
    return {table for table in found if not NO_BUSINESS.fullmatch(table)}


@contextmanager
def accounted() -> Iterator[Account]:
    """Every command counts while this lasts, by whatever name a module has it."""
    account = Account()
    originals = {name: _command(name) for name in COMMANDS if name not in THE_THREE}
    counted = {id(one): account.counting(name, one) for name, one in originals.items()}
    with ExitStack() as undo:
        for module in [
            m for n, m in sys.modules.items() if n.split(".")[0] in ("apps", "tests", "governance")
        ]:
            for attribute, value in list(vars(module).items()):
                if id(value) in counted and callable(value):
                    undo.callback(setattr, module, attribute, value)
                    setattr(module, attribute, counted[id(value)])
        undo.enter_context(connection.execute_wrapper(account.sniff))
        yield account


def _command(name: str) -> Callable[..., Any]:
    app, _, function = name.partition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"apps.{app}.commands"), function)
    return found
