from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, migrations

from apps.audit.sql import append_only, lifecycle
from tests.audit.ruled import Log
from tests.audit.ticket import MOVES, Ticket
from tests.database import FreshDatabase


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own keys and its own file of checkpoints."""
    monkeypatch.setattr(settings, "STATE", tmp_path)
    return tmp_path


def run_sql(operation: migrations.RunSQL) -> None:
    with connection.cursor() as cursor:
        cursor.execute(str(operation.sql))


@pytest.fixture
def tickets(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[type[Ticket]]:
    """A table with a lifecycle and one of facts, made as a migration would make them."""
    with as_role("owner"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch_ticket (id bigserial PRIMARY KEY, state text, worker text)")
        cursor.execute("CREATE TABLE scratch_fact (id bigserial PRIMARY KEY, text text)")
        run_sql(lifecycle("scratch_ticket", "state", MOVES))
        run_sql(append_only("scratch_fact"))
    return Ticket


@pytest.fixture
def log(fresh_database: FreshDatabase) -> Log:
    """A log whose database a superuser of the test may attack."""
    return Log(connection.settings_dict)
