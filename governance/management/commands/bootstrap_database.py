from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from governance.env import Environment
from governance.local.bootstrap import bootstrap


class Command(BaseCommand):
    help = "Make the roles, the database, its extensions and default rights. DATABASE_URL names a superuser."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        found = settings.DATABASES["default"]
        password = Environment().text("COUNTERSIGN_ROLE_PASSWORD")
        if not Environment().text("DATABASE_URL") or not password:
            raise CommandError("Set DATABASE_URL to a superuser's address, and COUNTERSIGN_ROLE_PASSWORD.")

        def connect(database: str) -> psycopg.Connection[tuple[object, ...]]:
            return psycopg.connect(
                host=found["HOST"],
                port=found["PORT"] or 5432,
                user=found["USER"],
                password=found["PASSWORD"],
                dbname=database,
                autocommit=True,
                **found["OPTIONS"],
            )

        bootstrap(connect, database=found["NAME"], password=password)
        self.stdout.write(f"The roles and the database {found['NAME']} are ready; next: manage.py migrate")
