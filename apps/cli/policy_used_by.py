"""`countersign policy used-by`: the policies that rest on one, and those that are on an old version of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from apps.cli.client import Client, RefusedByServer
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.text import safe

CURRENT, BEHIND, USAGE, COULD_NOT = 0, 1, 2, 4


def used_by(policy: str, *, server: str | None) -> int:
    """List them; 0 nobody is behind, 1 somebody is, 2 usage, 4 no answer."""
    try:
        found = Client.from_environment(server).get(f"/policies/{quote(policy, safe='')}/used-by").body
    except NotConfigured as problem:
        return _say(problem, USAGE)
    except (RefusedByServer, Unreachable) as problem:
        return _say(problem, COULD_NOT)
    print("\n".join(safe(line) for line in told(found)))
    return BEHIND if any(one["behind"] for one in found["used_by"]) else CURRENT


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """Each policy in a line."""
    users = found["used_by"]
    yield f"{found['policy']} is used by {len(users) or 'no'} {'policy' if len(users) == 1 else 'policies'}."
    for one in users:
        behind = f": on the old one, {one['newest']} is released" if one["behind"] else ""
        yield f"  {one['policy']}@{one['version']} rests on {one['rests_on']}{behind}"


def _say(problem: object, status: int) -> int:
    print(f"countersign: {safe(problem)}", file=sys.stderr)
    return status
