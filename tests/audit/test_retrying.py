"""F19: what the database sets back is made again, whole; what was kept is never done twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from apps.audit import retrying
from apps.audit.commands import record
from apps.audit.events import EventName
from apps.audit.models import Event
from apps.audit.retrying import TIMES, retried
from governance.celery import app
from tests import factories
from tests.audit.people import MODEL, RELAY
from tests.database import FreshDatabase


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying.time, "sleep", lambda seconds: None)


def raised(code: str) -> None:
    """The database itself says that this transaction is set back."""
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{code}'; END $$")


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("faults", [1, TIMES])
def test_it_is_made_again_and_leaves_one_event(fresh_database: FreshDatabase, code: str, faults: int) -> None:
    tried: list[int] = []

    def request() -> str:
        with transaction.atomic():
            record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
            tried.append(1)
            if len(tried) <= faults:
                raised(code)
        return "done"

    assert retried(request) == "done"
    assert len(tried) == faults + 1
    assert Event.objects.count() == 1


def test_after_three_times_it_is_told_and_nothing_is_left(fresh_database: FreshDatabase) -> None:
    tried: list[int] = []

    def request() -> None:
        tried.append(1)
        with transaction.atomic():
            record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
            raised("40P01")

    with pytest.raises(OperationalError):
        retried(request)
    assert len(tried) == TIMES + 1
    assert not Event.objects.exists()


def test_what_was_kept_is_not_done_twice(fresh_database: FreshDatabase) -> None:
    tried: list[int] = []

    def request() -> None:
        tried.append(1)
        record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
        raised("40P01")

    with pytest.raises(OperationalError):
        retried(request)
    assert len(tried) == 1
    assert Event.objects.count() == 1


def test_another_error_is_not_made_again() -> None:
    tried: list[int] = []

    def request() -> None:
        tried.append(1)
        raise OperationalError("gone") from psycopg.OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        retried(request)
    assert len(tried) == 1


def test_a_task_is_made_again_as_a_request_is() -> None:
    tried: list[int] = []

    @app.task(name="tests.set_back", shared=False)
    def task() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise OperationalError("set back") from psycopg.errors.SerializationFailure("set back")
        return "done"

    assert task() == "done"
    assert len(tried) == 3
    app.tasks.unregister("tests.set_back")


def test_somebody_who_signs_in_is_not_sent_away(fresh_database: FreshDatabase, client: Client) -> None:
    person, tried = factories.person("ada-again", "auditor"), [0]
    person.set_password("a-long-password-of-tests")
    person.save()

    def once(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "audit_event" in sql and not tried[0]:
            tried[0] = 1
            raised("40001")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(once):
        answer = client.post("/sign-in", {"username": "ada-again", "password": "a-long-password-of-tests"})
    assert (answer.status_code, tried) == (302, [1])
    assert Event.objects.filter(action="session.opened").count() == 1
