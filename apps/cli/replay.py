"""`countersign replay`: decide a past decision again from its pack, and measure again where the model is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.cli.output import as_json, put
from apps.cli.text import safe
from apps.cli.verify import key_set, read_file
from apps.engine.canonical import canonical, read_json
from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeySet
from apps.engine.policy import gates_for
from apps.engine.replay import KIND, Replayed, replay

SAME, DIFFERENT, COULD_NOT = 0, 1, 4
_SHOWN = 120


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser("replay", help="decide and measure again from a pack", allow_abbrev=False)
    add = command.add_argument
    add("pack", metavar="PACK", help="a decision's pack, from its page or GET /api/v1/decisions/DIGEST/pack")
    add("--keys", metavar="FILE", action="append", help="the service's keys: its key set, or PEM")
    add("--trust-embedded", action="store_true", help="accept keys that are only inside the pack")
    add("--model", metavar="model.yaml", help="the model with its data: measure every gate again too")
    add("--recorded", metavar="FILE", help="the transcript of its endpoint's answers, to measure again from")
    add("--format", choices=("text", "json"), default="text")
    add("--out", metavar="FILE", help="write there instead of to the terminal")


def run(args: argparse.Namespace) -> int:
    """Replay; 0 the same bytes, 1 different, 4 could not be replayed."""
    pack = read_json(read_file(Path(args.pack)), what=Path(args.pack).name)
    if not isinstance(pack, Mapping) or pack.get("kind") != KIND:
        raise BadInput(f"{args.pack} is no pack of a decision.")
    try:
        found = replay(pack, _trusted(args, pack))
    except Problem as problem:
        print(f"countersign: {safe(problem)}", file=sys.stderr)
        return COULD_NOT
    measured = list(_measured_again(found, args)) if args.model else []
    elsewhere = list(_elsewhere(found)) if args.model else []
    render = _json if args.format == "json" else _text
    told = render(found, measured, elsewhere, args)
    put(told, args.out)
    return SAME if found.same and not measured else DIFFERENT


def _trusted(args: argparse.Namespace, pack: Mapping[str, Any]) -> KeySet:
    if args.keys:
        return key_set(args.keys)
    if not args.trust_embedded:
        raise BadInput("Keys inside the pack prove nothing; give --keys (or --trust-embedded).")
    return KeySet.from_json(pack.get("keys"), what="The key set of the pack")


def _measured_again(found: Replayed, args: argparse.Namespace) -> Iterator[str]:
    """What differs when each gate is measured here, on the files at hand, with the same seed."""
    from apps.cli.apart import ask, manifest_at
    from apps.engine.disclosure import least_rows, withheld

    path, _ = manifest_at(args.model)
    gates = [
        {
            "id": g.id,
            "check": g.check,
            "arguments": dict(g.arguments),
            "dataset": g.dataset,
            "reference": g.reference,
        }
        for g in gates_for(found.policies)
        if g.id in found.measurements
    ]
    task = {"do": "gates", "manifest": str(path), "gates": gates, "seed": found.seed}
    for name, again in ask(task, recorded=args.recorded)["measurements"].items():
        shown = withheld(again, least_rows(found.policies))
        yield from _differences(name, found.measurements[name], shown)


def _elsewhere(found: Replayed) -> Iterator[str]:
    """What this machine has otherwise than the one that measured: where different numbers may come from."""
    from apps.engine.machine import differing, machine

    if found.machine:
        yield from differing(found.machine, machine(image=os.environ.get("COUNTERSIGN_IMAGE_DIGEST", "")))


def _differences(gate: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if canonical(before) == canonical(after):
        return
    for field in dict.fromkeys((*before, *after)):
        one, other = before.get(field), after.get(field)
        if one != other:
            yield f"{gate}: {field} was {_short(one)}; measured here it is {_short(other)}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _text(found: Replayed, measured: list[str], elsewhere: list[str], args: argparse.Namespace) -> str:
    head = f"{found.model} {found.version}, decided {found.decided_at:%Y-%m-%d %H:%M} UTC: {found.outcome}"
    lines = [head]
    lines.append(
        f"  decided again over {found.gates} gates: {'the same bytes' if found.same else 'different'}"
    )
    lines += [f"    {sentence}" for sentence in found.differences]
    if args.model:
        lines.append(f"  measured again: {'different' if measured else 'the same bytes'}")
        lines += [f"    {sentence}" for sentence in measured]
        lines += ["  this machine is another one:"] * bool(elsewhere)
        lines += [f"    {sentence}" for sentence in elsewhere]
    return "\n".join(safe(line) for line in lines) + "\n"


def _json(found: Replayed, measured: list[str], elsewhere: list[str], args: argparse.Namespace) -> str:
    return as_json(
        {
            "kind": "Replay",
            "model": found.model,
            "version": found.version,
            "outcome": found.outcome,
            "same": found.same,
            "differences": list(found.differences),
            "measured_again": bool(args.model),
            "measurement_differences": measured,
            "machine_differences": elsewhere,
        }
    )
