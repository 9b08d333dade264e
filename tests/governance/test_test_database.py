"""The ground the other tests stand on: roles, real commits, one database a test."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import ProgrammingError, connection


def _who() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_tests_run_as_the_role_of_the_service():
    assert _who() == "cs_app"


@pytest.mark.django_db
def test_the_services_role_owns_nothing():
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (id int)")


def test_as_role_steps_out_and_back_in_one_transaction(as_role):
    with as_role("owner"):
        assert _who() == "cs_owner"
    assert _who() == "cs_app"


def test_a_fresh_database_commits_for_other_connections(fresh_database):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_content_type (app_label, model) VALUES ('seen', 'by-others')")
    with psycopg.connect(fresh_database.url()) as other:
        assert other.execute(
            "SELECT count(*) FROM django_content_type WHERE app_label = 'seen'"
        ).fetchone() == (1,)


def test_a_fresh_database_begins_without_what_others_committed(fresh_database):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_content_type WHERE app_label = 'seen'")
        assert cursor.fetchone() == (0,)


def test_threads_join_the_fresh_database(fresh_database):
    names: list[str] = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            names.append(cursor.fetchone()[0])
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert names == [fresh_database.name]
