#!/usr/bin/env python
"""Django's command line. Commands that own the schema run as its owner, the log's writer as itself."""

from __future__ import annotations

import os
import sys

ROLES = {
    "anchor": "sequencer",
    "makemigrations": "owner",
    "migrate": "owner",
    "sequence": "sequencer",
    "showmigrations": "owner",
    "sqlmigrate": "owner",
}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    if len(sys.argv) > 1 and sys.argv[1] in ROLES:
        os.environ.setdefault("COUNTERSIGN_DATABASE_ROLE", ROLES[sys.argv[1]])
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from governance.env import EnvironmentRefused

    try:
        execute_from_command_line(sys.argv)
    except EnvironmentRefused as refused:
        print(refused, file=sys.stderr)
        return 2
    except OperationalError as error:
        print(f"The database does not answer: {str(error).strip()}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
