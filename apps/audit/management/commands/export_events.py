from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from apps.audit.models import Event
from apps.audit.siem import ocsf, syslog_line
from apps.engine.canonical import read_time
from apps.engine.errors import BadInput

_CHUNK = 1_000


def _as_ocsf(body: bytes) -> str:
    return json.dumps(ocsf(json.loads(body)), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _as_line(body: bytes) -> str:
    return syslog_line(json.loads(body), host="-").decode()


FORMATS: dict[str, Callable[[bytes], str]] = {
    "ocsf": _as_ocsf,
    "syslog": _as_line,
    "jsonl": lambda body: body.decode(),
}


class Command(BaseCommand):
    """Writes events to standard output, oldest first, for monitoring outside."""

    help = "Write events as OCSF JSON, syslog lines or their exact bytes, one a line, oldest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), default="ocsf")
        parser.add_argument("--since", default="", metavar="TIME", help="such as 2026-03-01T12:00:00Z")

    def handle(self, *args: Any, **options: Any) -> None:
        write = FORMATS[options["format"]]
        for body in _bodies(_since(options["since"])):
            self.stdout.write(write(body))


def _since(text: str) -> datetime:
    try:
        return read_time(text, what="--since") if text else datetime(1970, 1, 1, tzinfo=UTC)
    except BadInput as error:
        raise CommandError(str(error)) from error


def _bodies(since: datetime) -> Iterator[bytes]:
    """Exact bodies in parts: a key after the last one read, so that no transaction stays open."""
    at, key = since, UUID(int=0)
    while True:
        later = Q(occurred_at__gt=at) | Q(occurred_at=at, pk__gt=key)
        rows = Event.objects.filter(later).order_by("occurred_at", "pk")[:_CHUNK]
        found = list(rows.values_list("occurred_at", "pk", "body"))
        yield from (bytes(body) for _, _, body in found)
        if len(found) < _CHUNK:
            return
        at, key = found[-1][0], found[-1][1]
