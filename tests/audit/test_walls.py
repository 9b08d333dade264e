from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit import walls
from apps.audit.commands import record
from apps.audit.events import EventName
from apps.audit.models import Event, Leaf
from tests.audit.people import MODEL, RELAY

FORBIDDEN = [
    "UPDATE audit_event SET body = body",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "TRUNCATE audit_event CASCADE",
    "DROP TABLE audit_event",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "ALTER TABLE audit_event DISABLE TRIGGER written_once",
    "SET session_replication_role = replica",
    "INSERT INTO audit_leaf (idx, event_id, leaf_hash) SELECT 99, id, leaf_hash FROM audit_event LIMIT 1",
    "INSERT INTO audit_pending (event_id) SELECT id FROM audit_event LIMIT 1",
    "DELETE FROM audit_pending",
    "DELETE FROM audit_leaf",
    "UPDATE audit_treestate SET size = 0",
    "INSERT INTO audit_checkpoint (size, root, note, at) VALUES (1, '', '', now())",
    "UPDATE audit_statement SET payload = payload",
    "DELETE FROM audit_statement",
    "UPDATE audit_signingkey SET public = public",
    "DELETE FROM audit_keyend",
    "INSERT INTO audit_cosignature (origin, size, witness, line, at) VALUES ('', 1, '', '', now())",
    "INSERT INTO audit_timestamp (digest, about, token, at) VALUES ('', '', '', now())",
    "UPDATE audit_anchorplace SET succeeded_at = now()",
    "DELETE FROM audit_logstop",
    "UPDATE audit_epoch SET confirmed_by = 'x'",
    "UPDATE audit_personal SET value = value",
    "COPY audit_event TO PROGRAM 'cat'",
    "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS ''",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_read()",
    "ALTER ROLE cs_app SUPERUSER",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_service_cannot_touch_the_log(statement):
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
    _refused("cs_app", statement)
    assert Event.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT body FROM audit_event",
        "INSERT INTO audit_event (id) VALUES (gen_random_uuid())",
        "SELECT value FROM audit_personal",
        "DELETE FROM audit_event",
        "UPDATE audit_leaf SET idx = idx",
        "DELETE FROM audit_leaf",
        "TRUNCATE audit_pending",
        "UPDATE audit_checkpoint SET note = note",
        "DELETE FROM audit_treestate",
        "SELECT payload FROM audit_statement",
        "SELECT envelope FROM audit_statement",
        "INSERT INTO audit_signingkey (key_id) VALUES ('x')",
        "INSERT INTO audit_epoch (number) VALUES (2)",
        "UPDATE audit_cosignature SET line = ''",
    ],
)
def test_the_sequencer_can_do_nothing_but_sequence(statement):
    _refused("cs_seq", statement)


A_COLUMN = {
    "checkpoint": "note",
    "cosignature": "line",
    "epoch": "confirmed_by",
    "epochproposal": "base",
    "event": "body",
    "keyend": "at",
    "leaf": "leaf_hash",
    "node": "hash",
    "signingkey": "public",
    "statement": "payload",
    "timestamp": "token",
}


@pytest.mark.django_db
@pytest.mark.parametrize("table", A_COLUMN)
@pytest.mark.parametrize(
    "operation", ["UPDATE audit_{0} SET {1} = {1}", "DELETE FROM audit_{0}", "TRUNCATE audit_{0} CASCADE"]
)
def test_even_the_owner_is_stopped_by_triggers(table, operation):
    _refused("cs_owner", operation.format(table, A_COLUMN[table]), "written once")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "operation",
    ["TRUNCATE audit_pending", "UPDATE audit_personal SET salt = salt", "DELETE FROM audit_treestate"],
)
def test_the_other_tables_change_only_in_their_own_way(operation):
    _refused("cs_owner", operation, "written once")


def _refused(
    role: str, statement: str, match: str = r"permission denied|must be owner|only roles|must be superuser"
) -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        _run(role, statement)


def _run(role: str, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)


@pytest.mark.django_db
def test_the_service_cannot_become_the_owner():
    """The roles of the tests may step aside; those of the service have no membership to step with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = 'cs_app'")
        assert cursor.fetchone() == (False, False, False)


@pytest.mark.django_db
def test_the_walls_stand_for_the_service():
    assert walls.missing() == []


def test_a_trigger_that_was_weakened_is_told(log):
    with log.ruler() as server:
        server.execute("ALTER TABLE audit_event ENABLE TRIGGER written_once")
        server.execute("DROP TRIGGER written_once ON audit_leaf")
    told = " ".join(walls.missing())
    assert "written_once of audit_event is not always on" in told
    assert "The table audit_leaf of the log no longer refuses changes" in told


def test_a_connection_that_rules_the_database_is_told(log):
    connection.close()
    connection.settings_dict["USER"] = "postgres"
    try:
        assert "is a superuser" in walls.missing()[0]
    finally:
        connection.close()
        connection.settings_dict["USER"] = "cs_app"
    assert Leaf.objects.count() == 12
