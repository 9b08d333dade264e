"""What a page says after something was sealed: its place in the audit log, waited for a moment."""

from __future__ import annotations

from django.db import connection

from apps.audit.queries import inclusion, statement, wait_for_inclusion

PATIENCE_S = 1.0


def with_receipt(sentence: str, digest: str) -> str:
    """A sentence with the place of what was sealed in the log, or that it follows."""
    event = statement(digest).event_id
    inside = connection.in_atomic_block  # then the sequencer cannot see it yet
    proof = inclusion(event) if inside else wait_for_inclusion(event, seconds=PATIENCE_S)
    if proof is None:
        return f"{sentence} Its receipt follows within a second or so."
    return f"{sentence} It is event {proof.index} of the audit log; the receipt stands beside it."
