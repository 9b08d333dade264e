"""Are the walls around the log standing? What one sees from the connection one has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection

from apps.audit.sql import APP, READER, SEQUENCER

ROLES = (APP, SEQUENCER, READER)


def missing() -> list[str]:
    """A sentence for each wall of the database that does not stand for this connection."""
    return [*_roles(), *_power(), *_triggers()]


def _roles() -> Iterator[str]:
    there = {row[0] for row in _rows("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", list(ROLES))}
    absent = [role for role in ROLES if role not in there]
    if absent:
        yield (
            f"The database has no role {', '.join(absent)}: one user owns the log and writes it, so only "
            "triggers protect it. Make the roles, then migrate as cs_owner."
        )


def _power() -> Iterator[str]:
    ((name, powerful, owns),) = _rows(
        "SELECT current_user, r.rolsuper, pg_has_role(current_user, c.relowner, 'USAGE') "
        "FROM pg_class c, pg_roles r WHERE c.oid = 'audit_event'::regclass AND r.rolname = current_user"
    )
    if powerful:
        yield f"The connection's user {name} is a superuser: nothing in the database can stop it."
    elif owns and name != "cs_owner":
        yield f"The connection's user {name} owns the log: it could switch the triggers off."


def _triggers() -> Iterator[str]:
    for table, trigger, enabled in _rows(
        "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND t.tgname IN ('written_once', 'read_body') AND t.tgenabled <> 'A'"
    ):
        yield f"The trigger {trigger} of {table} is not always on (it is {enabled!r})."
    guarded = {
        table
        for (table,) in _rows(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgname = 'written_once'"
        )
    }
    for model in apps.get_app_config("audit").get_models():
        if model._meta.db_table not in guarded:
            yield f"The table {model._meta.db_table} of the log no longer refuses changes."


def _rows(sql: str, *parameters: list[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return list(cursor.fetchall())
