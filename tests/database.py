"""The database under the tests: one server a run, one database a worker, the service's own plain role."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from governance.local.bootstrap import APP, OWNER, SEQUENCER, bootstrap
from governance.local.postgres import Postgres

ROLES = {"app": APP, "owner": OWNER, "sequencer": SEQUENCER}


class TestServer:
    """The embedded server, or the one that DATABASE_URL names (whose user must be a superuser)."""

    __test__ = False

    def __init__(self) -> None:
        self.given = dict(settings.DATABASES["default"]) if "DATABASE_URL" in os.environ else None
        self._embedded = Postgres(settings.PLACES, hasty=True)

    def start(self) -> None:
        if self.given is None:
            self._embedded.start()
        bootstrap(self._connect, database=None, password=self.given["PASSWORD"] if self.given else "")
        with self._connect("postgres") as server:
            # For tests alone: `as_role` may step out of the service's role within one transaction.
            server.execute("ALTER ROLE cs_app NOINHERIT")
            server.execute("GRANT cs_owner, cs_seq TO cs_app")

    def stop(self) -> None:
        if self.given is None:
            self._embedded.stop()

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        if self.given is None:
            return self._embedded.connect(database)
        return psycopg.connect(
            host=self.given["HOST"],
            port=self.given["PORT"] or 5432,
            user=self.given["USER"],
            password=self.given["PASSWORD"],
            dbname=database,
            autocommit=True,
        )


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Within the block, and in the same transaction, the connection acts as `owner` or `sequencer`."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(ROLES[role])))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def use(*, name: str | None = None, role: str | None = None) -> None:
    """Point every later connection at another database or role."""
    connection.close()
    if name is not None:
        connection.settings_dict["NAME"] = name
    if role is not None:
        connection.settings_dict["USER"] = ROLES[role]


@contextmanager
def maintenance() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """An autocommitting connection of the owner, beside the test databases."""
    found = connection.settings_dict
    with psycopg.connect(
        host=found["HOST"],
        port=found["PORT"] or 5432,
        user=OWNER,
        password=found["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    ) as server:
        yield server


def clone(source: str, target: str) -> None:
    """Copy a database that nobody is connected to."""
    with maintenance() as server:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(command.format(sql.Identifier(target), sql.Identifier(source)))


def drop(name: str) -> None:
    """Drop a database. Those who are just leaving it get five seconds; only then it is taken by force."""
    with maintenance() as server:
        target = sql.Identifier(name)
        try:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(target))
        except psycopg.errors.ObjectInUse:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(target))


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A database of this test alone, in which commits are real and several connections may work."""

    name: str

    def url(self, role: str = "app") -> str:
        found = connection.settings_dict
        login = ROLES[role] + (f":{quote(found['PASSWORD'])}" if found["PASSWORD"] else "")
        place = f"host={quote(found['HOST'], safe='/')}" + (f"&port={found['PORT']}" if found["PORT"] else "")
        return f"postgresql://{login}@/{self.name}?{place}"

    def environment(self) -> dict[str, str]:
        """What a child process needs to work on this database."""
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "COUNTERSIGN_DATABASE_ROLE": "app",
            "DATABASE_URL": self.url("app"),
            "COUNTERSIGN_OWNER_DATABASE_URL": self.url("owner"),
            "COUNTERSIGN_SEQUENCER_DATABASE_URL": self.url("sequencer"),
        }
