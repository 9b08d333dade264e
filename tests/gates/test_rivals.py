"""Several at once, each with a connection of its own: exactly one wins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands
from apps.gates.models import Run
from tests.database import FreshDatabase
from tests.gates import rows

WORKER = system("worker")
pytestmark = pytest.mark.slow


def test_of_rival_claims_exactly_one_wins(fresh_database: FreshDatabase) -> None:
    owner = rows.person("dora")
    runs = [rows.run(owner, of=None) for _ in range(5)]
    start = threading.Barrier(4)

    def rival(name: str) -> list[bool]:
        try:
            start.wait()
            return [commands.claim(by=WORKER, run_id=run.pk, owner=name) is not None for run in runs]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(rival, "abcd"))
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * 5
    assert set(Run.objects.values_list("fence", "state")) == {(1, "running")}
    assert Event.objects.filter(action="run.claimed").count() == 5


def test_of_two_equal_requests_at_once_one_run_comes(fresh_database: FreshDatabase) -> None:
    dora = rows.person("dora", "developer")
    version = rows.version(dora)
    use, start = rows.use(version.model), threading.Barrier(4)

    def ask(_: int) -> str:
        try:
            start.wait()
            return str(commands.request_run(by=dora, version=version, use=use).pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert found == {str(Run.objects.get().pk)}
    assert Event.objects.filter(action="run.requested").count() == 1
