"""What vouches for the log from outside, looked at again: lines of witnesses, stamps, keys; and its order.

Each function yields sentences. What cannot be judged here, such as the line of a witness whose key is no
longer configured, is told apart: it is no fault and no comfort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from apps.audit import queries, timestamps
from apps.audit.anchoring.witnesses import configured
from apps.audit.models import Checkpoint, Cosignature, Statement, TimeStamp
from apps.audit.timestamps import Unverifiable
from apps.engine import timestamp
from apps.engine.canonical import digest
from apps.engine.cosignature import Cosigner, cosigned
from apps.engine.errors import Problem
from apps.engine.note import Checkpoint as Head
from apps.engine.note import Note
from apps.engine.timestamp import BadTimestamp

_ROWS = 1_000
# The event before is one of the same object, and has its place in the log before this one. Only the opening
# of a log comes before its own proposal: it is the first event of that log, whatever waited then.
_PREVIOUS = """
SELECT e.id, p.id IS NULL, e.doc->>'prev_object_event'
FROM audit_event e
LEFT JOIN audit_event p ON p.id = CASE
  WHEN e.doc->>'prev_object_event' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    THEN (e.doc->>'prev_object_event')::uuid END
  AND p.object_type = e.object_type AND p.object_id = e.object_id
LEFT JOIN audit_leaf le ON le.event_id = e.id
LEFT JOIN audit_leaf lp ON lp.event_id = p.id
WHERE e.doc->>'prev_object_event' IS NOT NULL AND (p.id IS NULL OR lp.idx > le.idx AND NOT (
  e.action = 'epoch.opened' AND p.action = 'epoch.proposed' AND p.occurred_at <= e.occurred_at
  AND le.idx::text = e.doc#>>'{after,base}'))
ORDER BY e.occurred_at, e.id
"""
_FORKS = """
SELECT e.object_type, e.object_id, count(*) - count(DISTINCT e.doc->>'prev_object_event')
FROM audit_event e WHERE e.doc->>'prev_object_event' IS NOT NULL
GROUP BY 1, 2 HAVING count(*) > count(DISTINCT e.doc->>'prev_object_event') ORDER BY 3 DESC, 1, 2
"""


def keys() -> Iterator[str]:
    """Keys that somebody wrote into the database; they count for nothing."""
    for key_id in queries.strange_keys():
        yield f"The key {key_id} stands in the database, and the service never registered it."


# --- Cosignatures ----------------------------------------------------------------------------------------


def cosignatures(unjudged: list[str]) -> Iterator[str]:
    """Each line of a witness against the checkpoint that it is over."""
    known = {witness.name: witness.cosigner for witness in configured()}
    strangers: dict[str, int] = {}
    notes: dict[int, bytes] = {}
    for row in Cosignature.objects.order_by("size", "witness").iterator(chunk_size=_ROWS):
        if row.witness not in known:
            strangers[row.witness] = strangers.get(row.witness, 0) + 1
            continue
        if row.size not in notes:
            notes = {row.size: _note(row.size)}
        yield from _cosignature(row, notes[row.size], known[row.witness])
    for name, count in sorted(strangers.items()):
        unjudged.append(f"{count} cosignatures of {name} were not checked: its key is not configured.")


def _note(size: int) -> bytes:
    found = Checkpoint.objects.filter(size=size).first()
    return b"" if found is None else bytes(found.note)


def _cosignature(row: Cosignature, note: bytes, witness: Cosigner) -> Iterator[str]:
    what = f"The cosignature of {row.witness} over {row.size} events of {row.origin}"
    try:
        if not note or Head.parse(Note.parse(note).text).origin != row.origin:
            yield f"{what} is over a checkpoint that is missing."
            return
        witness.signed_at(Note.parse(cosigned(note, [row.line])))
    except Problem as error:
        yield f"{what} does not hold: {error}"


# --- Time stamps -----------------------------------------------------------------------------------------


def stamps(unjudged: list[str]) -> Iterator[str]:
    """Each time stamp against what it is over, under the pinned certificates."""
    if not TimeStamp.objects.exists():
        return
    try:
        pinned = timestamp.certificates_of(timestamps.certificates())
    except (Unverifiable, ValueError) as error:
        yield f"The time stamps cannot be checked: {error}"
        return
    if not pinned:
        unjudged.append("The time stamps were not checked: no authority is configured.")
    over = {digest(bytes(note)) for note in Checkpoint.objects.values_list("note", flat=True)}
    for row in TimeStamp.objects.order_by("pk").iterator(chunk_size=_ROWS):
        if row.digest not in over and not Statement.objects.filter(pk=row.digest).exists():
            yield f"The time stamp of {row.about} is over {row.digest}, which the log does not hold."
        elif pinned:
            yield from _stamp(row, pinned)


def _stamp(row: TimeStamp, pinned: Sequence[Any]) -> Iterator[str]:
    raw = bytes.fromhex(row.digest.removeprefix("sha256:"))
    try:
        at = timestamp.verify_token(bytes(row.token), raw, authorities=pinned)
    except BadTimestamp as error:
        yield f"The time stamp of {row.about} does not hold: {error}"
        return
    if at != row.at:
        yield f"The time stamp of {row.about} says {at.isoformat()}, the row beside it {row.at.isoformat()}."


# --- How events follow one another -----------------------------------------------------------------------


def order(unjudged: list[str]) -> Iterator[str]:
    """The event that each names before it; where two name the same one, that is told and is no fault."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_PREVIOUS)
        while rows := cursor.fetchmany(_ROWS):
            for event, missing, named in rows:
                why = "is none of the same object" if missing else "stands after it in the log"
                yield f"The event {event} names {named} as the one before it, which {why}."
    with connection.cursor() as cursor:
        cursor.execute(_FORKS)
        forks = cursor.fetchall()
    if forks:
        kind, key, most = forks[0]
        unjudged.append(
            f"Events of {len(forks)} objects, written at one moment, name the same one before them, most "
            f"of {kind} {key} ({most}). Their order is that of the log."
        )
