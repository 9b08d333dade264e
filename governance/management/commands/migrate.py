from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections

_LOCKED = "55P03"  # lock not available
PAUSE = 2.0  # seconds between two tries


class Command(migrate.Command):
    """Migrating never holds up those who serve: a table that is not free soon is left for another time."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-seconds",
            type=int,
            default=3,
            help="How long a migration waits for a table, while everybody else waits behind it. 0: for ever.",
        )
        parser.add_argument("--tries", type=int, default=5, help="How often a table in use is asked for.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._connection = connections[options["database"]]
        self._seconds = options["lock_seconds"]
        for left in reversed(range(max(1, options["tries"]))):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != _LOCKED:
                    raise
                if not left:
                    raise CommandError(self._refused()) from error
            finally:
                self._wait(0)
            time.sleep(PAUSE)

    def _refused(self) -> str:
        return (
            f"A table was in use for more than {self._seconds} seconds; what is applied stays, the rest "
            "waits for the next `migrate`. Run it again, or give --lock-seconds."
        )

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_start", "unapply_start"):
            # An index that is built beside the writers waits for them, and nobody waits for it.
            self._wait(self._seconds if migration.atomic else 0)

    def _wait(self, seconds: int) -> None:
        if self._connection.connection is not None and not self._connection.needs_rollback:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds}s"])
