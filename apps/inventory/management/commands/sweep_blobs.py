from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.audit.states import system
from apps.inventory.commands import sweep_blobs
from apps.inventory.commands.sweeping import sweepable


class Command(BaseCommand):
    """Removes uploaded bytes that no version names; the relay does the same every hour."""

    help = "Show, and with --remove remove, uploaded bytes that no version names and no hold covers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove them; without it nothing changes")

    def handle(self, *args: Any, **options: Any) -> None:
        remove = options["remove"]
        found = sweep_blobs(by=system("sweep")) if remove else sweepable(timezone.now())
        for blob in found:
            self.stdout.write(f"{blob.digest}  {blob.size} bytes  since {blob.stored_at:%Y-%m-%d}")
        done = "removed" if remove else "could be removed"
        days = settings.UNREFERENCED_DAYS
        self.stdout.write(f"{len(found)} {done}: no version names them and they are {days} days old or more.")
