from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from governance.reference import pages


class Command(BaseCommand):
    help = "Write the pages of docs/reference and docs/checks that are drawn from the code."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            self.stdout.write(f"docs/{name}")
