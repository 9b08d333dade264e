"""What a migration does to the release that still serves."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

from governance.upgrading import Harm, concerns, planned
from governance.upgrading_sql import statements
from tests import database
from tests.database import FreshDatabase

UNIQUE = models.UniqueConstraint(fields=["environment"], name="once")
ONE = models.Index(fields=["environment"], name="looked_up")


def told(*operations: Any) -> list[tuple[Harm, str]]:
    """What is said of one more migration of the deploy gate."""
    loader = MigrationLoader(None)
    last = next(key for key in loader.graph.leaf_nodes("deploys"))
    applied = set(planned(loader))
    key = ("deploys", "9999_next")
    migration = migrations.Migration("9999_next", "deploys")
    migration.operations = list(operations)
    loader.graph.add_node(key, migration)
    loader.graph.add_dependency(migration, key, last)
    return [(concern.harm, concern.sentence) for concern in concerns(loader, applied)]


@pytest.mark.parametrize(
    ("operation", "harm", "words"),
    [
        (migrations.RemoveField("admission", "environment"), "fails", "environment is dropped"),
        (migrations.RenameField("admission", "environment", "place"), "fails", "deploys_admission.environ"),
        (migrations.DeleteModel("CallCount"), "fails", "deploys_callcount is dropped"),
        (migrations.RenameModel("CallCount", "Calls"), "fails", "deploys_callcount is dropped or renamed"),
        (migrations.AlterModelTable("CallCount", "calls"), "fails", "dropped or renamed"),
        (migrations.AddField("admission", "x", models.IntegerField(default=1)), "fails", "takes no NULL"),
        (migrations.AddField("admission", "x", models.TextField(null=True, unique=True)), "waits", "index"),
        (migrations.AlterField("admission", "share", models.CharField(max_length=5)), "fails", "its type"),
        (migrations.AlterField("admission", "share", models.IntegerField()), "fails", "its type"),
        (migrations.AddIndex("admission", ONE), "waits", "AddIndexConcurrently"),
        (migrations.AddConstraint("admission", UNIQUE), "fails", "once refuses rows of deploys_admission"),
        (migrations.RunPython(migrations.RunPython.noop), "waits", "noop changes rows"),
        (migrations.RunSQL("ALTER TABLE deploys_admission DROP COLUMN share"), "fails", "stands already"),
        (migrations.RunSQL("UPDATE deploys_admission SET share = ''"), "waits", "stands already"),
        (migrations.RunSQL("CREATE INDEX i ON deploys_admission (share)"), "waits", "stands already"),
        (migrations.RunSQL([("DELETE FROM deploys_admission", None)]), "waits", "DELETE"),
        (
            migrations.RunSQL("ALTER TABLE deploys_admission ADD COLUMN x int NOT NULL"),
            "fails",
            "stands already",
        ),
        (
            migrations.RunSQL("DO $w$ BEGIN EXECUTE 'REVOKE INSERT ON deploys_admission FROM a'; END $w$"),
            "fails",
            "REVOKE",
        ),
        (
            migrations.RunSQL(
                "CREATE OR REPLACE FUNCTION audit_event_enqueue() RETURNS trigger AS $$ x; $$ LANGUAGE sql"
            ),
            "fails",
            "audit_event_enqueue",
        ),
        (
            migrations.SeparateDatabaseAndState([migrations.RemoveField("admission", "environment")]),
            "fails",
            "dropped",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, migrations.operations.base.Operation) else "",
)
def test_what_the_older_release_would_notice_is_told(operation: Any, harm: str, words: str) -> None:
    ((found, sentence),) = told(operation)
    assert (found, words in sentence) == (harm, True), sentence


def test_a_constraint_not_yet_valid_still_refuses_what_the_older_release_writes() -> None:
    check = models.CheckConstraint(condition=~models.Q(environment=""), name="somewhere")
    assert [harm for harm, _ in told(AddConstraintNotValid("admission", check))] == [Harm.FAILS]


def test_what_the_older_release_cannot_notice_is_not_told() -> None:
    made = migrations.CreateModel("Later", [("id", models.AutoField(primary_key=True))])
    assert (
        told(
            made,
            migrations.AddField("later", "name", models.TextField(default="")),
            migrations.AddConstraint("later", models.UniqueConstraint(fields=["name"], name="later_once")),
            migrations.AddField("admission", "x", models.TextField(null=True)),
            migrations.AddField("admission", "y", models.TextField(db_default="")),
            migrations.AlterField("admission", "share", models.CharField(max_length=50, blank=True)),
            AddIndexConcurrently("admission", ONE),
            migrations.RunSQL("CREATE INDEX CONCURRENTLY i ON deploys_admission (share)"),
            migrations.RunSQL("ALTER TABLE deploys_admission ADD COLUMN z int NOT NULL DEFAULT 0"),
            migrations.RunSQL("CREATE TABLE a (id int); CREATE FUNCTION f() RETURNS int AS $$ $$; -- UPDATE"),
            migrations.RunSQL("INSERT INTO deploys_environment (key) VALUES ('x')"),
        )
        == []
    )


def test_two_tables_that_stand_are_not_locked_at_once() -> None:
    ((harm, sentence),) = told(
        migrations.AddField("admission", "x", models.TextField(null=True)),
        migrations.RunSQL("ALTER TABLE gates_run ADD COLUMN x text"),
    )
    assert (harm, "deploys_admission, gates_run are locked" in sentence) == (Harm.WAITS, True)


def test_statements_inside_functions_are_not_the_migration_s_own() -> None:
    assert statements("CREATE FUNCTION f() AS $x$ DELETE FROM t; $x$; /* DROP */ SELECT 1;") == [
        "CREATE FUNCTION f() AS $$",
        "SELECT 1",
    ]


def test_the_plan_of_an_older_installation_says_that_it_stops(
    fresh_database: FreshDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("upgrade_plan")
    assert "0 migrations to come.\nThe release that serves may go on." in capsys.readouterr().out
    database.use(role="owner")
    call_command("migrate", "deploys", "0010", verbosity=0)
    with pytest.raises(SystemExit) as left:
        call_command("upgrade_plan")
    database.use(role="app")
    assert left.value.code == 3
    assert "fails: deploys.0011_experiments: deploys_admission.share takes no NULL" in capsys.readouterr().out


def test_migrating_waits_for_no_table_for_long(fresh_database: FreshDatabase) -> None:
    database.use(role="owner")
    with psycopg.connect(fresh_database.url()) as reader:
        reader.execute("SELECT count(*) FROM notices_notice")  # a transaction that is left open
        with pytest.raises(CommandError, match="A table was in use for more than 1 seconds"):
            call_command("migrate", "notices", "0001", lock_seconds=1, tries=1, verbosity=0)
    call_command("migrate", "notices", "0001", lock_seconds=1, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
    database.use(role="app")
