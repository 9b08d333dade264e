"""A pipeline's read over a connection that the database ended behind the service's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests import factories
from tests.api.test_polling import asked, bearer
from tests.database import FreshDatabase
from tests.flows.fixtures import state_in


@pytest.fixture
def cut(fresh_database: FreshDatabase, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Ends the service's own connection behind its back, as a restart of the database does."""

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        with psycopg.connect(fresh_database.url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])

    with state_in(tmp_path):
        yield end


def test_a_lost_connection_costs_the_pipeline_nothing(cut: Callable[[], None]) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)
    cut()

    response = Client().get(f"/api/v1/admissions/{admission.pk}", headers=headers)

    assert (response.status_code, response.content) == (200, bytes(admission.answer))
