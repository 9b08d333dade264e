from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from governance.links import broken_links


class Command(BaseCommand):
    help = "Check that the links of the Markdown files lead somewhere inside the repository."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(broken_links(settings.BASE_DIR))
        if found:
            raise CommandError("\n".join(found))
