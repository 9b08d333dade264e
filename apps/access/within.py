"""What every list and every question of rights asks of grants, written out as conditions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Model, QuerySet
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from apps.access.models import RoleGrant, RoleVersion
from apps.access.states import Permission, roles_with


def _table(model: type[Model], connection: BaseDatabaseWrapper) -> str:
    return connection.ops.quote_name(model._meta.db_table)


class Carrying(Expression):
    """Whether a grant carries a permission: by a shipped role, or by an own one as it is now."""

    conditional = True

    def __init__(self, permission: Permission) -> None:
        super().__init__(output_field=BooleanField())
        self.permission = permission
        self.role: Any = F("role")

    def get_source_expressions(self) -> list[Any]:
        return [self.role]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.role,) = exprs

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        role, _ = compiler.compile(self.role)
        table = _table(RoleVersion, connection)
        own = f"""SELECT r.key FROM {table} r WHERE r.permissions @> %s::jsonb AND NOT EXISTS (
            SELECT 1 FROM {table} n WHERE n.key = r.key AND n.number > r.number)"""  # noqa: S608 - names alone
        held = json.dumps([str(self.permission)])
        return f"({role} = ANY(%s) OR {role} IN ({own}))", [list(roles_with(self.permission)), held]


class Within(Expression):
    """Whether a row of the models lies within the scopes of grants.

    Written out, as every list asks it: the grants are compiled once instead of three times, and units are
    compared by their number, so that the database need not join them to every model first.
    """

    conditional = True

    def __init__(self, grants: QuerySet[RoleGrant]) -> None:
        super().__init__(output_field=BooleanField())
        self.grants = grants.values("scope", "scope_key")
        self.columns: list[Any] = [F("unit_id"), F("key")]

    def get_source_expressions(self) -> list[Any]:
        return self.columns

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.columns = list(exprs)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        grants, params = self.grants.query.get_compiler(connection=connection).as_sql()
        unit, key = (compiler.compile(column)[0] for column in self.columns)
        units = _table(apps.get_model("inventory", "BusinessUnit"), connection)  # it stands above this app
        told = f"""(EXISTS (SELECT 1 FROM ({grants}) g WHERE g.scope = 'organisation')
            OR {unit} IN (
                SELECT u.id FROM ({grants}) g JOIN {units} u ON u.key = g.scope_key WHERE g.scope = 'unit')
            OR {key} IN (SELECT g.scope_key FROM ({grants}) g WHERE g.scope = 'model'))"""  # noqa: S608
        return told, [*params] * 3
