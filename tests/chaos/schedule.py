"""A seeded schedule of faults, and a client that keeps its own log of what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from apps.gates.models import Run
from apps.gates.states import RunState
from governance.local.places import Places
from tests.stack import LiveStack

FAULTS = ("web", "relay", "sequencer", "worker-quick", "child", "broker", "freeze", "term")


@dataclass(slots=True)
class Client:
    """Asks for runs under keys of its own; `acknowledged` is what it was told, whatever the service says."""

    address: str
    token: str = field(repr=False)
    acknowledged: dict[str, str] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)

    def ask(self, label: str, key: str) -> int:
        """One request; 0 where no answer came."""
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            f"{self.address}/api/v1/runs",
            data=json.dumps({"model": "credit-pd", "version": label}).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                self.acknowledged[key] = json.loads(answer.read())["id"]
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        self.answers.append(status)
        return status


def strike(stack: LiveStack, fault: str) -> None:
    """Do one fault to the running processes."""
    if fault == "broker":
        _end(stack.pid("Valkey"), signal.SIGKILL)
        shutil.rmtree(Places(stack.installation.places.state).valkey_data, ignore_errors=True)
    elif fault == "child":
        _end(_working(), signal.SIGKILL)
    elif fault == "freeze":
        freeze(_working())
    elif fault == "term":
        _end(stack.pid("worker-heavy"), signal.SIGTERM)
    else:
        _end_group(stack.pid(fault))


def freeze(pid: int | None, seconds: float = 4) -> None:
    """Stop a process for longer than its lease, then let it go on."""
    if pid is None:
        return
    _end(pid, signal.SIGSTOP)
    time.sleep(seconds)
    _end(pid, signal.SIGCONT)


def _working() -> int | None:
    run = Run.objects.filter(state=RunState.RUNNING).first()
    return int(run.owner.rpartition(":")[2]) if run else None


def _end(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _end_group(pid: int | None) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def storm(stack: LiveStack, client: Client, labels: list[str], *, seed: int, faults: list[str]) -> list[str]:
    """Requests and faults in turn, in an order that the seed alone decides; the keys that were used."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, no secret
    order = chance.sample(faults, len(faults))
    keys = []
    for position, label in enumerate(labels):
        keys.append(str(uuid.UUID(int=chance.getrandbits(128))))
        client.ask(label, keys[-1])
        if position < len(order):
            strike(stack, order[position])
        stack.tend()
        time.sleep(chance.uniform(0.05, 0.6))
    return keys
