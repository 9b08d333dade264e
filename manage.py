#!/usr/bin/env python
"""Django's command line. Commands that own the schema run under the owner's role, the log's writer under its own."""

from __future__ import annotations

import os
import sys

ROLES = {
    "makemigrations": "owner",
    "migrate": "owner",
    "sqlmigrate": "owner",
    "sequence": "sequencer",
    "showmigrations": "owner",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    if len(sys.argv) > 1 and sys.argv[1] in ROLES:
        os.environ.setdefault("COUNTERSIGN_DATABASE_ROLE", ROLES[sys.argv[1]])
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
