"""What the anchorer writes, as the log's own writer: no other role of the database may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.audit.models import AnchorPlace, Checkpoint, Cosignature
from apps.engine.cosignature import cosigned
from apps.engine.note import Checkpoint as Stated
from apps.engine.note import Note


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint that the log published."""

    origin: str
    size: int
    note: bytes

    def cosigned(self) -> bytes:
        """The checkpoint with every cosignature that it has."""
        lines = Cosignature.objects.filter(origin=self.origin, size=self.size).order_by("witness")
        return cosigned(self.note, [row.line for row in lines])


def head() -> Head | None:
    row = Checkpoint.objects.order_by("-size").first()
    if row is None:
        return None
    note = bytes(row.note)
    return Head(Stated.parse(Note.parse(note).text).origin, row.size, note)


def places() -> dict[str, AnchorPlace]:
    return {row.name: row for row in AnchorPlace.objects.all()}


def known(name: str, kind: str) -> None:
    """Say from when on a place is waited for."""
    _run(
        "INSERT INTO audit_anchorplace (name, kind, since, origin, proof, failure) "
        "VALUES (%s, %s, %s, '', '', '') ON CONFLICT (name) DO NOTHING",
        [name, kind, timezone.now()],
    )


def succeeded(name: str, at: Head, proof: str = "") -> None:
    _run(
        "UPDATE audit_anchorplace SET origin = %s, size = %s, proof = %s, succeeded_at = %s WHERE name = %s",
        [at.origin, at.size, proof, timezone.now(), name],
    )


def failed(name: str, why: str) -> None:
    _run(
        "UPDATE audit_anchorplace SET failed_at = %s, failure = %s WHERE name = %s",
        [timezone.now(), why[:1000], name],
    )


def keep_cosignature(at: Head, witness: str, line: str, signed: datetime) -> None:
    _run(
        "INSERT INTO audit_cosignature (origin, size, witness, line, at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (origin, size, witness) DO NOTHING",
        [at.origin, at.size, witness, line, signed],
    )


def keep_stamp(digest: str, about: str, token: bytes, at: datetime) -> None:
    _run(
        "INSERT INTO audit_timestamp (digest, about, token, at) VALUES (%s, %s, %s, %s)",
        [digest, about, token, at],
    )


def unstamped(predicate_type: str, since: datetime, limit: int) -> list[str]:
    """Digests of statements of a type that no authority has stamped yet, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.digest FROM audit_statement s WHERE s.predicate_type = %s AND s.signed_at >= %s "
            "AND NOT EXISTS (SELECT FROM audit_timestamp t WHERE t.digest = s.digest) "
            "ORDER BY s.signed_at LIMIT %s",
            [predicate_type, since, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def _run(sql: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
