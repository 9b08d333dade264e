"""Roles, database, extensions and default rights: what migrations expect to find. Safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg
from psycopg import sql

Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]

OWNER, APP, SEQUENCER, READER = "cs_owner", "cs_app", "cs_seq", "cs_ro"
EXTENSIONS = ("btree_gist", "pg_trgm")

_DEFAULT_RIGHTS: tuple[LiteralString, ...] = (
    "ALTER DEFAULT PRIVILEGES FOR ROLE cs_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cs_app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE cs_owner GRANT SELECT ON TABLES TO cs_ro",
    "ALTER DEFAULT PRIVILEGES FOR ROLE cs_owner GRANT USAGE ON SEQUENCES TO cs_app",
)


def bootstrap(connect: Connect, *, database: str | None = "countersign", password: str = "") -> None:
    """Make everything that a superuser must make. *connect* opens an autocommitting superuser connection."""
    with connect("postgres") as connection:
        for role in (OWNER, APP, SEQUENCER, READER):
            _make_role(connection, role, password)
    # Databases made for tests are copies of template1, so it gets the same extensions and rights.
    with connect("template1") as connection:
        _equip(connection)
    if database is None:
        return
    with connect("postgres") as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            name = sql.Identifier(database)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER cs_owner").format(name))
    with connect(database) as connection:
        _equip(connection)


def _make_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    rights = sql.SQL("CREATEDB" if role == OWNER else "NOCREATEDB")
    alter = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {}")
    connection.execute(alter.format(sql.Identifier(role), rights))
    if password:
        alter = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(alter.format(sql.Identifier(role), sql.Literal(password)))


def _equip(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for extension in EXTENSIONS:
        name = sql.Identifier(extension)
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(name))
    for statement in _DEFAULT_RIGHTS:
        connection.execute(statement)
