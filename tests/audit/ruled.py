"""A log of some length in a database of its own, and somebody who rules that database."""

from __future__ import annotations

import psycopg
from django.db import connection, transaction

from apps.audit.anchors import AnchorFile, anchor_file
from apps.audit.commands import record, register_key, seal
from apps.audit.digests import Kept, own_file
from apps.audit.events import EventName
from apps.audit.fsck import examine
from apps.audit.sequencer import Sequencer
from apps.engine.keys import Purpose
from apps.engine.statement import Subject, digest
from tests.audit.people import ADA, MODEL, RELAY

TABLES = (
    "anchorplace",
    "checkpoint",
    "cosignature",
    "epoch",
    "epochproposal",
    "event",
    "keyend",
    "leaf",
    "logstop",
    "node",
    "pending",
    "personal",
    "signingkey",
    "statement",
    "timestamp",
    "treestate",
)
# In an attack, {event} is the event of index 3 and {flip} its body with one bit changed.
AN_EVENT = "(SELECT event_id FROM audit_leaf WHERE idx = 3)"
FLIP = "set_byte(body, octet_length(body) - 3, get_byte(body, octet_length(body) - 3) # 1)"


class Log:
    """Twelve events under checkpoints of 8 and 12."""

    def __init__(self, settings_dict: dict[str, str]) -> None:
        self._login = settings_dict
        register_key(by=RELAY, purpose=Purpose.CHECKPOINT)
        self.grow(5)
        seal(
            by=RELAY,
            predicate_type="https://countersign.example/decision/v1",
            subjects=[Subject("m", digest(b"m"))],
            predicate={"outcome": "pass"},
            event=EventName.DECISION_SEALED,
        )
        self.sequence()
        self.grow(4)
        self.sequence()

    def grow(self, count: int) -> None:
        for _ in range(count):
            record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)

    def sequence(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE cs_seq")
            Sequencer(anchor_file()).drain()
        connection.close()

    def attack(self, *statements: str) -> None:
        """What a superuser can do: every trigger off, every statement allowed."""
        with self.ruler() as server:
            for table in TABLES:
                server.execute(f"ALTER TABLE audit_{table} DISABLE TRIGGER ALL")
            for statement in statements:
                server.execute(statement.replace("{event}", AN_EVENT).replace("{flip}", FLIP))
            for table in TABLES:
                server.execute(f"ALTER TABLE audit_{table} ENABLE TRIGGER ALL")
                server.execute(f"ALTER TABLE audit_{table} ENABLE ALWAYS TRIGGER written_once")
            server.execute("ALTER TABLE audit_event ENABLE ALWAYS TRIGGER read_body")

    def ruler(self) -> psycopg.Connection[tuple[object, ...]]:
        login = self._login
        return psycopg.connect(
            host=login["HOST"],
            port=login["PORT"] or 5432,
            user="postgres",
            dbname=login["NAME"],
            autocommit=True,
        )

    def faults(self, anchors: AnchorFile | None = None) -> list[str]:
        return examine(anchors or anchor_file(), [Kept.of(own_file())]).problems
