"""The commands that need a server: register, submit, gate check."""

from __future__ import annotations

import argparse
import re
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apps.cli import registering, render_admission
from apps.cli.client import Client, RefusedByServer, segment
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.output import put
from apps.cli.registering import file_digest
from apps.cli.text import safe
from apps.engine.errors import BadInput
from apps.engine.properties import DEPLOY_TYPES, properties_from

ALLOW, DENY, USAGE, PENDING, COULD_NOT = 0, 1, 2, 3, 4
PAUSE = 2.0  # seconds between two questions at least
ENDED = ("decided", "errored", "dead", "cancelled")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def add(commands: Any) -> None:
    """Add the three commands to the program's parser."""
    register = commands.add_parser(
        "register", help="upload a model version to the server", allow_abbrev=False
    )
    register.add_argument("manifest", metavar="model.yaml")
    submit = commands.add_parser("submit", help="request a run on the server and wait", allow_abbrev=False)
    submit.add_argument("subject", metavar="MODEL@VERSION")
    submit.add_argument("--use", default="", help="the use; needed where the model has several")
    submit.add_argument("--no-wait", action="store_true", help="do not wait for the decision")
    submit.add_argument("--quote", action="store_true", help="tell what a run will cost, ask for none")
    gate = commands.add_parser("gate", help="ask the server whether a version may run", allow_abbrev=False)
    check = gate.add_subparsers(dest="gate_command", required=True).add_parser("check", allow_abbrev=False)
    check.add_argument("--model", required=True)
    check.add_argument("--version", required=True, dest="model_version")
    check.add_argument("--environment", required=True)
    check.add_argument("--digest", default="", help="of the artifact or of the version that will run")
    check.add_argument("--artifact", metavar="PATH", help="the artifact itself; its digest is computed here")
    check.add_argument("--use", default="")
    check.add_argument("--population", default="")
    check.add_argument("--jurisdiction", default="", metavar="PLACE", help="such as US, EU or US-NY")
    check.add_argument("--exposure", default="", metavar="EUR")
    check.add_argument("--experiment", default="", metavar="ID", help="that the question is asked for")
    check.add_argument("--share", default="", metavar="PERCENT", help="of the calls, in an experiment")
    check.add_argument("--type", default="", choices=DEPLOY_TYPES, help="as what it is deployed")
    check.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the deployment states of itself, such as canary_percent=10; repeatable",
    )
    check.add_argument(
        "--wait", type=duration, default=0, metavar="10m", help="how long a pending answer is awaited"
    )
    check.add_argument("--format", choices=render_admission.FORMATS, default="text")
    check.add_argument("--out", metavar="F")
    for command in (register, submit, check):
        command.add_argument("--server", metavar="URL", help="instead of COUNTERSIGN_URL")


def duration(text: str) -> int:
    """Seconds of ``90s``, ``10m`` or ``1h``."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it as 90s, 10m or 1h")
    return int(found[1]) * _SECONDS[found[2]]


def run(args: argparse.Namespace) -> int:
    """Run the command that was typed."""
    try:
        client = Client.from_environment(args.server)
    except NotConfigured as error:
        return _say(error, USAGE)
    word: Callable[[argparse.Namespace, Client], int] = {
        "register": _register,
        "submit": _submit,
        "gate": _check,
    }[args.command]
    try:
        return word(args, client)
    except RefusedByServer as error:
        return _refused(error)
    except Unreachable as error:
        return _say(error, COULD_NOT)


def _say(error: object, status: int) -> int:
    print(f"countersign: {safe(error)}", file=sys.stderr)
    return status


# Registering ------------------------------------------------------------------------------------------


def _register(args: argparse.Namespace, client: Client) -> int:
    made = registering.register(client, Path(args.manifest), _Terminal())
    print(f"Registered {made['model']}@{made['version']}")
    print(f"  {made['digest']}")
    return ALLOW


def _refused(error: RefusedByServer) -> int:
    return _say(error, COULD_NOT if error.status in (401, 403, 429) or error.status >= 500 else DENY)


# Submitting -------------------------------------------------------------------------------------------


def _submit(args: argparse.Namespace, client: Client) -> int:
    model, _, version = args.subject.rpartition("@")
    if not model or not version:
        raise BadInput(f"{args.subject!r} names no version; write it as MODEL@VERSION.")
    if args.quote:
        print(client.get(f"/models/{segment(model)}/quote").body["sentence"])
        return ALLOW
    asked = {"model": model, "version": version, "use": args.use}
    run = client.post("/runs", asked, key=str(uuid.uuid4())).body
    _tell(f"Run {run['id']} is {run['state']}")
    if args.no_wait:
        print(run["id"])
        return ALLOW
    return _decided(client, _awaited(client, run["id"]))


def _awaited(client: Client, run_id: str) -> Mapping[str, Any]:
    began, pause = time.monotonic(), 0.3
    while True:
        run: Mapping[str, Any] = client.get(f"/runs/{run_id}").body
        if run["state"] in ENDED:
            return run
        total = run["gates_total"] or 1
        expected = f", about {run['expected_seconds']:.0f} s" if run["expected_seconds"] else ""
        done, took = run["gates_done"], time.monotonic() - began
        told = _waits(run) or f"{done} of {total} gates"
        _progress(f"{run['state']}: {told}, {took:.0f} s{expected}", done / total)
        time.sleep(pause)
        pause = min(pause * 1.3, 3.0)


def _waits(run: Mapping[str, Any]) -> str:
    """What a run waits for besides its turn; empty where nothing."""
    if run.get("waits_for") == "consent":
        return f"waits for approval of {run['hardware']}"
    parts = run.get("partitions") or []
    if run.get("waits_for") != "partitions" or not parts:
        return ""
    done = sum(part["state"] == "measured" for part in parts)
    return f"{done} of {len(parts)} partitions"


def _decided(client: Client, run: Mapping[str, Any]) -> int:
    if run["state"] != "decided":
        return _say(f"the run is {run['state']}. {run['cause']}", COULD_NOT)
    decision = run["decision"]
    print(f"{run['model']}@{run['version']}: {decision['outcome']}")
    print(f"  decision {decision['digest']}")
    for line in _gate_lines(client, decision["digest"]):
        print(line)
    return {"pass": ALLOW, "warn": ALLOW, "error": COULD_NOT}.get(decision["outcome"], DENY)


def _gate_lines(client: Client, digest: str) -> list[str]:
    try:
        document = client.get(f"/decisions/{digest}").body["document"]
    except RefusedByServer:
        return ["  (this token may not read the evidence)"]
    return [f"  {g['outcome']:<13} {safe(g['id'])}: {safe(g['why'])}" for g in document["gates"]]


# The deploy gate --------------------------------------------------------------------------------------


def _experiment(args: argparse.Namespace) -> dict[str, str]:
    """What an older server need not know, where nothing is said of it."""
    return {"experiment": args.experiment, "share": args.share} if args.experiment or args.share else {}


def _deploying(args: argparse.Namespace) -> dict[str, Any]:
    """The same of the type and the properties."""
    said = {"type": args.type, "properties": properties_from(args.property)}
    return {name: value for name, value in said.items() if value}


def _check(args: argparse.Namespace, client: Client) -> int:
    try:
        deploying = _deploying(args)
    except BadInput as error:
        return _say(error, USAGE)
    asked = {
        "model": args.model,
        "version": args.model_version,
        "environment": args.environment,
        "digest": file_digest(Path(args.artifact)) if args.artifact else args.digest,
        "use": args.use,
        "population": args.population,
        "jurisdiction": args.jurisdiction,
        "exposure_eur": args.exposure,
        **_experiment(args),
        **deploying,
    }
    try:
        answer = client.post("/admissions", asked, key=str(uuid.uuid4())).body
        answer = _settled(client, answer, args.wait)
    except RefusedByServer as error:
        return _say(f"not allowed. {error}", COULD_NOT)
    except Unreachable as error:
        return _say(f"not allowed, for it could not be asked. {error}", COULD_NOT)
    put(render_admission.render(answer, args.format), args.out)
    render_admission.annotate(answer, server=client.base.removesuffix("/api/v1"))
    if answer.get("allowed") is True and answer.get("outcome") in ("allow", "allow_with_limits"):
        return ALLOW
    return {"pending": PENDING, "error": COULD_NOT}.get(str(answer.get("outcome")), DENY)


def _settled(client: Client, answer: Mapping[str, Any], wait: int) -> Mapping[str, Any]:
    """The answer, or the one that a pending answer became while there was patience."""
    end = time.monotonic() + wait
    key = answer["id"]
    if answer.get("outcome") == "pending" and wait and not sys.stderr.isatty():
        _tell(f"pending: not everything is in yet; waiting up to {wait} s")
    while answer.get("outcome") == "pending" and time.monotonic() < end:
        began, left = time.monotonic(), end - time.monotonic()
        _progress(f"pending; {left:.0f} s of patience left", 1 - left / wait)
        answer = client.get(f"/admissions/{key}?wait={min(20, max(1, int(left)))}").body
        if answer.get("outcome") == "pending":  # a busy server answers at once: do not press it
            time.sleep(max(0.0, min(PAUSE, end - began) - (time.monotonic() - began)))
    return answer


class _Terminal:
    """Tells whoever sits at the terminal."""

    def say(self, words: str) -> None:
        _tell(words)

    def progress(self, words: str, share: float) -> None:
        _progress(words, share)


def _tell(words: str) -> None:
    print(safe(words), file=sys.stderr)


def _progress(words: str, share: float) -> None:
    if sys.stderr.isatty():
        print(
            f"\r\033[K{safe(words)} ({min(share, 1):.0%})",
            end="" if share < 1 else "\n",
            file=sys.stderr,
            flush=True,
        )
