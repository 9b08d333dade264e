from __future__ import annotations

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.costs.bills import LARGEST
from apps.costs.commands import bring_in
from apps.costs.focus import read_csv, read_parquet
from apps.costs.opencost import read_allocations
from apps.costs.states import Source

_SHOWN = 50


class Command(BaseCommand):
    help = "Bring in a bill: FOCUS 1.0 to 1.4 (.csv, .parquet) or OpenCost (.json), by model tag."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, help="the username of who brings it in")
        parser.add_argument("--currency", default="", help="of OpenCost's prices, which name none")
        parser.add_argument("--trial", action="store_true", help="tell what would happen, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            if path.suffix != ".parquet" and path.stat().st_size > LARGEST:
                raise CommandError(f"{path.name} has more than {LARGEST:,} bytes; cut it by months.")
            with path.open("rb") as file:
                digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            told = bring_in(
                by=find_person(options["by"]),
                source=Source.OPENCOST if path.suffix == ".json" else Source.FOCUS,
                name=path.name,
                digest=digest,
                rows=self._rows(path, options["currency"]),
                dry_run=options["trial"],
            )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        for row in [row for row in told.rows if "why" in row][:_SHOWN]:
            self.stdout.write(f"row {row['row']}: {row['result']}. {row['why']}")
        self.stdout.write(", ".join(f"{count} {name}" for name, count in told.counts.items()))

    def _rows(self, path: Path, currency: str) -> Any:
        if path.suffix == ".parquet":
            return read_parquet(path)
        data = path.read_bytes()
        return read_allocations(data, currency) if path.suffix == ".json" else read_csv(data)
