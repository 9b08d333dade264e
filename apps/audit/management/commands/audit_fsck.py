from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection, transaction

from apps.audit import queries, walls
from apps.audit.anchors import AnchorFile, anchor_file, kept_at
from apps.audit.digests import Kept, own_file
from apps.audit.fsck import Account, examine

LATE = timedelta(minutes=1)


def _waiting(health: queries.LogHealth) -> Iterator[str]:
    if health.waiting_since and health.behind > LATE:
        since = health.waiting_since.isoformat(timespec="seconds")
        yield f"{health.pending} events wait for the tree since {since}; is the sequencer running?"


def _examined(anchors: AnchorFile, digests: list[Kept]) -> Account:
    try:
        return examine(anchors, digests)
    except ProgrammingError as error:
        raise CommandError(
            f"The log cannot be read: {str(error).strip().splitlines()[0]}. Verify it as the service does, "
            "with COUNTERSIGN_DATABASE_ROLE=app or unset; the sequencer may not read events."
        ) from error


class Command(BaseCommand):
    """Recomputes the whole log and names the first thing that is wrong."""

    help = "Verify the audit log against itself and against the file of checkpoints outside the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchors", type=Path, help="checkpoints kept elsewhere: a file, or copies in a folder"
        )
        parser.add_argument(
            "--digests", type=Path, action="append", help="a file of events' digests; of each host its own"
        )
        parser.add_argument("--all", action="store_true", help="name everything that is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        anchors = kept_at(options["anchors"]) if options["anchors"] else anchor_file()
        digests = [Kept.of(path) for path in options["digests"] or [own_file()]]
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            account = _examined(anchors, digests)
            warnings = [*walls.missing(), *_waiting(queries.health()), *account.declared, *account.unjudged]
        for sentence in warnings:
            self.stdout.write(f"warning: {sentence}")
        if account.problems:
            shown = account.problems if options["all"] else account.problems[:1]
            rest = len(account.problems) - len(shown)
            more = f" ({rest} more; --all names them)" if rest else ""
            raise CommandError("\n".join(shown) + more)
        self.stdout.write(
            f"{account.events} events ({account.pending} waiting), {account.leaves} leaves, "
            f"{account.checkpoints} checkpoints, {account.anchors} of them outside the database, "
            f"{account.statements} statements: all in order"
        )
