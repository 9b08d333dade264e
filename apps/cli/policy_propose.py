"""`countersign policy propose`: hand a policy and its cases to the server, and tell what it answers."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.cli.client import Client, RefusedByServer
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.text import safe

OFFERED, REFUSED, USAGE, COULD_NOT = 0, 1, 2, 4
SHOWN = 20


def propose(path: Path, *, note: str, server: str | None, kind: str = "") -> int:
    """Offer the file for release; 0 offered, 1 refused, 2 usage, 4 no answer."""
    try:
        client = Client.from_environment(server)
        place, body = _offer(path, note, kind)
        found = client.post(place, body, key=str(uuid.uuid4())).body
    except NotConfigured as problem:
        return _say(problem, USAGE)
    except RefusedByServer as problem:
        return _say(problem, REFUSED if problem.status < 500 and problem.status != 401 else COULD_NOT)
    except Unreachable as problem:
        return _say(problem, COULD_NOT)
    print("\n".join(safe(line) for line in (told_scorecard(found) if kind else told(found))))
    return OFFERED


def _offer(path: Path, note: str, kind: str) -> tuple[str, dict[str, Any]]:
    """Where a file is offered, and with what."""
    if kind:
        return "/scorecard/proposals", {"scorecard": path.read_bytes().decode(), "note": note}
    return "/policies/proposals", _body(path, note)


def _body(path: Path, note: str) -> dict[str, Any]:
    cases = sorted((path.parent / "cases").glob("*.yaml"))
    texts = {case.name: case.read_bytes().decode() for case in cases}
    return {"policy": path.read_bytes().decode(), "cases": texts, "note": note}


def _say(problem: object, status: int) -> int:
    print(f"countersign: {safe(problem)}", file=sys.stderr)
    return status


def told(proposal: Mapping[str, Any]) -> Iterator[str]:
    """The proposal in words: what changes, which decisions, and what is left to do."""
    shown, impact = proposal["shown"], proposal["shown"]["impact"]
    yield f"{proposal['policy']}@{proposal['version']} is offered for release ({proposal['digest']})."
    yield from (f"  {change}" for change in shown["changes"])
    yield (
        f"Impact: {impact['changed']} of {impact['in_scope']} decisions would change, "
        f"{impact['cannot_replay']} cannot be replayed, {impact['outside']} models are outside."
    )
    for effect in impact["models"][:SHOWN]:
        if effect["before"] != effect["after"]:
            yield f"  {effect['model']} {effect['version']}: {effect['before']} → {effect['after']}"
    for line in shown.get("quorum") or ():
        models = f" ({', '.join(line['models'])})" if line["models"] else ""
        yield f"People: {line['sentence']}{models}"
    yield from _superseded(proposal.get("supersedes") or ())
    yield f"A second person releases it: /policies/proposals/{proposal['id']}"


def _superseded(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for old in found:
        yield f"It takes the place of {old['policy']}, which is still named by:"
        for word in ("policies", "models", "reports", "waivers"):
            named = old[word]
            yield f"  {word}: {len(named)}" + (
                f" ({', '.join(one['name'] for one in named[:SHOWN])})" if named else ""
            )


def told_scorecard(proposal: Mapping[str, Any]) -> Iterator[str]:
    """The proposal in words: what changes, and which models would move."""
    shown = proposal["shown"]
    yield f"{proposal['scorecard']}@{proposal['version']} is offered for release ({proposal['digest']})."
    yield from (f"  {change}" for change in shown["changes"])
    yield f"{len(shown['moves'])} models would move; {len(shown['cannot_be_judged'])} cannot be judged."
    for move in shown["moves"][:SHOWN]:
        yield f"  {move['model']}: tier {move['before']} → {move['after']}"
    yield f"A second person releases it: /scorecard/proposals/{proposal['id']}"
