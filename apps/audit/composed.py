"""Statements that the ORM writes once in a process and that run many times, with other values each time.

Writing a list's statement costs Python several times what running it costs PostgreSQL. What stands here is
written from the models, so no table or column is named by hand; only the values differ between two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Expression, F, Field, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Compiled = tuple[str, tuple[Any, ...]]
Row = tuple[Any, ...]


class Slot(Expression):
    """Where a value goes that is given when the statement runs."""

    def __init__(self, name: str, kind: Field[Any, Any]) -> None:
        super().__init__(output_field=kind)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Compiled:
        return "%s", (self,)


class Among(Expression):
    """Whether a column is one of the values of a slot: one array, so that the statement stays the same."""

    conditional = True

    def __init__(self, column: str, slot: Slot) -> None:
        super().__init__(output_field=BooleanField())
        self.parts: list[Any] = [F(column), slot]

    def get_source_expressions(self) -> list[Any]:
        return self.parts

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.parts = list(exprs)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Compiled:
        (column, before), (slot, value) = (compiler.compile(part) for part in self.parts)
        kind = self.parts[1].output_field.db_type(connection)
        return f"{column} = ANY({slot}::{kind}[])", (*before, *value)


class Composed:
    """A query over one or more slots. `rows(...)` must be a query of values, as no objects are built."""

    def __init__(self, rows: Callable[[], QuerySet[Any, Any]]) -> None:
        self._rows = rows
        self._compiled: Compiled | None = None

    def all(self, **values: Any) -> list[Row]:
        """The rows, as the database gives them."""
        sql, params = self._compiled or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(sql, [values[p.name] if isinstance(p, Slot) else p for p in params])
            found: list[Row] = cursor.fetchall()
        return found

    def any(self, **values: Any) -> bool:
        """Whether there is a row."""
        return bool(self.all(**values))

    def _compile(self) -> Compiled:
        sql, params = self._rows().query.sql_with_params()
        self._compiled = found = (sql, tuple(params))
        return found
