"""The log stops where it and what it signed before do not agree: nothing more is written or signed.

Two marks say so: a row in the database, at which every other event is refused, and, where a witness
saw another history, a file beside the checkpoints that whoever rules the database cannot remove.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.audit.errors import Refused
from apps.audit.models import LogStop
from apps.engine.canonical import canonical, read_json, rfc3339
from apps.engine.errors import Problem

_log = logging.getLogger("countersign.alarm")


_STATE = "CSLOG"  # what the database's trigger says with it


class LogStopped(Refused):
    """The service only reads: its log and what it signed before do not agree."""

    code = "log_stopped"


def as_refusal(error: DatabaseError) -> Exception:
    """The sentence for people where the database refused because the log is stopped; else the error."""
    if getattr(error.__cause__, "sqlstate", None) != _STATE:
        return error
    why = str(error).split("\n")[0]
    return LogStopped(f"Nothing can be written now, because the log is stopped. {why}")


def mark() -> Path:
    return Path(settings.STATE) / "log-stopped"


def raise_alarm(reason: str, *, for_good: bool = False) -> None:
    """Stop the log. `for_good`: until two people begin a new one, whatever the database says then."""
    if for_good and not mark().exists():
        mark().write_bytes(canonical({"at": rfc3339(timezone.now()), "reason": reason}) + b"\n")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_logstop (k, reason, at) VALUES (1, %s, %s) ON CONFLICT (k) DO NOTHING",
            [reason, timezone.now()],
        )
    _log.critical("the log is stopped: %s", reason)


def marked() -> str:
    """Why the file says that the log is stopped; empty where there is none."""
    try:
        return str(read_json(mark().read_bytes(), what="The mark")["reason"])
    except FileNotFoundError:
        return ""
    except (Problem, KeyError, TypeError, OSError):
        return f"The file {mark()} says that the log is stopped."


def lift() -> None:
    """The log and what it signed agree again."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_logstop")


def stopped() -> LogStop | None:
    return LogStop.objects.first()


def unmark(at: datetime) -> None:
    """Put the file aside, for those who begin a new log."""
    if mark().exists():
        mark().rename(mark().with_name(f"log-stopped.{at:%Y%m%dT%H%M%SZ}"))
