"""What the sequencer does, inside the transaction of a test."""

from __future__ import annotations

from django.db import connection

from apps.audit.anchors import anchor_file
from apps.audit.commands import register_key
from apps.audit.sequencer import Sequencer
from apps.audit.states import system
from apps.engine.keys import Purpose


def sequence() -> None:
    """Give every waiting event its index, in the sequencer's role."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE cs_seq")
        Sequencer(anchor_file()).drain()
        cursor.execute("SET ROLE cs_app")


def sequenced_now() -> None:
    """The same, with a registered key for checkpoints."""
    register_key(by=system("a test"), purpose=Purpose.CHECKPOINT)
    sequence()
