from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from governance.upgrading import Harm, concerns, planned


class Command(BaseCommand):
    help = (
        "Say whether the release that serves may go on while the migrations of this one are applied, and "
        "after them. Leaves with 3 where it may not."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--leaves", action="store_true", help="Only name the newest migration of each app."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        loader = MigrationLoader(connection)
        if options["leaves"]:
            self.stdout.write("\n".join(f"{app} {name}" for app, name in sorted(loader.graph.leaf_nodes())))
            return
        applied = set(loader.applied_migrations)
        ahead = [key for key in planned(loader) if key not in applied]
        found = concerns(loader, applied)
        self.stdout.write(f"{len(ahead)} migrations to come.")
        for concern in found:
            self.stdout.write(f"{concern.harm}: {concern}")
        if any(concern.harm is Harm.FAILS for concern in found):
            self.stdout.write("Stop the release that serves, migrate, then start this one.")
            sys.exit(3)
        if found:
            self.stdout.write("The release that serves may go on; its writers wait where it says so.")
        else:
            self.stdout.write("The release that serves may go on.")
