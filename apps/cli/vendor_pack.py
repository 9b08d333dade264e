"""`countersign vendor-pack`: hold a vendor's evidence pack, registered before, against the checklist."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.cli.client import Client, RefusedByServer, segment
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.text import safe
from apps.cli.verify import read_file
from apps.engine.canonical import read_json
from apps.engine.errors import BadInput
from apps.engine.keys import KeySet

TAKEN, REFUSED, USAGE, COULD_NOT = 0, 1, 2, 4


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser(
        "vendor-pack", help="hold a vendor's evidence pack against the checklist", allow_abbrev=False
    )
    command.add_argument("model", metavar="MODEL")
    command.add_argument("document", metavar="DOCUMENT", help="the id under which the pack was registered")
    command.add_argument("--vendor", required=True, metavar="NAME")
    command.add_argument(
        "--keys", required=True, metavar="FILE", help="the vendor's key set, from a source that you trust"
    )
    command.add_argument("--server", metavar="URL", help="instead of COUNTERSIGN_URL")


def run(args: argparse.Namespace) -> int:
    """Have the server verify it and keep the review; the score and each gap are printed."""
    keys = read_json(read_file(Path(args.keys)), what=args.keys)
    if not KeySet.from_json(keys, what=args.keys).records:
        raise BadInput(f"{args.keys} holds no key.")
    asked = {"document": args.document, "vendor": args.vendor, "keys": keys}
    try:
        client = Client.from_environment(args.server)
        path = f"/models/{segment(args.model)}/vendor/packs"
        found = client.post(path, asked, key=str(uuid.uuid4())).body
    except NotConfigured as error:
        return _say(error, USAGE)
    except RefusedByServer as error:
        passing = error.status in (401, 403, 429) or error.status >= 500
        return _say(error, COULD_NOT if passing else REFUSED)
    except Unreachable as error:
        return _say(error, COULD_NOT)
    sys.stdout.write(_told(found))
    return TAKEN


def _told(found: Mapping[str, Any]) -> str:
    lines = [
        f"genuine pack of {safe(found['pack']['model'])}; {safe(found['vendor'])} reaches "
        f"{found['points']} of {found['of']} points"
    ]
    for name, told in found["answers"].items():
        lines.append(f"  {told['met']:<7} {name.replace('_', ' ')}: {safe(told['note']) or 'nothing told'}")
    return "\n".join(lines) + "\n"


def _say(error: object, status: int) -> int:
    print(f"countersign: {safe(error)}", file=sys.stderr)
    return status
