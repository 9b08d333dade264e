"""`countersign export`: a version of the inventory in a format that others read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from apps.cli.client import Client, RefusedByServer, segment
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.output import put_bytes
from apps.cli.text import safe
from apps.engine.errors import BadInput

DONE, REFUSED, USAGE, COULD_NOT = 0, 1, 2, 4
# As people call them; the server has two in-toto statements.
FORMATS = {
    **{
        name: name
        for name in (
            "model-card",
            "cyclonedx",
            "spdx",
            "openlineage",
            "oscal",
            "junit",
            "sarif",
            "in-toto-svr",
        )
    },
    "in-toto": "in-toto-test-result",
}


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser(
        "export", help="take a version from the server in a format that others read", allow_abbrev=False
    )
    command.add_argument("subject", metavar="MODEL@VERSION")
    command.add_argument("--format", required=True, choices=sorted(FORMATS))
    command.add_argument("--out", metavar="F", help="a file that appears whole or not at all")
    command.add_argument("--server", metavar="URL", help="instead of COUNTERSIGN_URL")


def run(args: argparse.Namespace) -> int:
    """Take the file; nothing is written where it cannot be had whole."""
    model, _, version = args.subject.rpartition("@")
    if not model or not version:
        raise BadInput(f"{args.subject!r} names no version; write it as MODEL@VERSION.")
    if args.out and Path(args.out).is_dir():
        raise BadInput(f"{args.out} is a folder; --out names a file.")
    try:
        client = Client.from_environment(args.server)
        found = client.file(f"/models/{segment(model)}/versions/{segment(version)}/{FORMATS[args.format]}")
    except NotConfigured as error:
        return _say(error, USAGE)
    except RefusedByServer as error:
        passing = error.status in (401, 403, 429) or error.status >= 500
        return _say(error, COULD_NOT if passing else REFUSED)
    except Unreachable as error:
        return _say(error, COULD_NOT)
    put_bytes(found, args.out)
    return DONE


def _say(error: object, status: int) -> int:
    print(f"countersign: {safe(error)}", file=sys.stderr)
    return status
