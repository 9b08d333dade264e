"""One statement that the database parses and plans once for each connection, and runs many times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import psycopg
from django.db import connection

_PREPARED = 2  # times that a statement is seen before it is prepared


def once_planned(sql: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Run a statement whose text never differs, in the transaction of the connection, and give its one row.

    Behind a pooler that shares connections among transactions nothing is prepared: where Django is told
    DISABLE_SERVER_SIDE_CURSORS, as is asked for there. Values come back as the driver reads them in binary
    form: of text, bytes and whole numbers.
    """
    connection.ensure_connection()
    raw = cast("psycopg.Connection[Any]", connection.connection)
    pooled = bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
    if raw.prepare_threshold is None and not pooled:
        raw.prepare_threshold = _PREPARED  # Django's own cursors bind in the client and prepare nothing
    if connection.execute_wrappers or connection.queries_logged:
        with cast("Any", connection)._prepare_cursor(psycopg.Cursor(raw)) as watched:
            watched.execute(sql, values)
            return cast("tuple[Any, ...]", watched.fetchone())
    # Django's own wrapper around a cursor costs as much as the statement.
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(raw)
        cursor.execute(sql, values, binary=True)
        return cast("tuple[Any, ...]", cursor.fetchone())
