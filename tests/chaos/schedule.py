"""A seeded schedule of faults, and a client that keeps its own log of what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, connection

from apps.gates.models import Partition, Run
from apps.gates.states import PartitionState, RunState
from tests.chaos.whole import LEASE_S, Whole

DATABASE_AWAY_S = 5
GROUPS = ("web", "relay", "sequencer", "worker-quick", "worker-heavy")
FAULTS = (*GROUPS, "child", "child", "broker", "wiped broker", "postmaster", "freeze", "term")


@dataclass(slots=True)
class Client:
    """Asks for runs under keys of its own; `acknowledged` is what it was told, whatever the service says."""

    address: str
    token: str = field(repr=False)
    acknowledged: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    answers: Counter[int] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)

    def ask(self, label: str, key: str) -> int:
        """One request; 0 where no answer came. What is not acknowledged is asked again under its key."""
        self.open[key] = label
        status, told = self._sent(label, key)
        self.answers[status] += 1
        if status == 202:
            if self.acknowledged.setdefault(key, told) != told:
                self.changed.append(key)
            self.open.pop(key, None)
        return status

    def again(self) -> None:
        """A client of good manners: repeat under the same key what was never acknowledged."""
        for key, label in list(self.open.items()):
            self.ask(label, key)

    def work(self, labels: list[str], *, seed: int) -> None:
        """Ask for runs until `ended`, then again for what was never acknowledged.

        In a thread of its own, for a request may wait for a process that was killed.
        """
        chance = random.Random(seed)  # noqa: S311 - a schedule, no secret
        while not self.ended.wait(chance.uniform(3, 9)):
            self.ask(chance.choice(labels), str(uuid.UUID(int=chance.getrandbits(128))))
            if chance.random() < 0.2:
                self.again()
        while self.open:
            self.again()
            time.sleep(0.2)

    def _sent(self, label: str, key: str) -> tuple[int, str]:
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
                return int(answer.status), json.loads(answer.read())["id"]
        except urllib.error.HTTPError as error:
            return error.code, ""
        except (OSError, ValueError):
            return 0, ""


def strike(whole: Whole, fault: str) -> bool:
    """Do one fault to the running processes; False where there was nobody to do it to."""
    stack = whole.stack
    if fault in GROUPS:
        return _end_group(stack.pid(fault))
    if fault in ("broker", "wiped broker"):
        struck = _end_group(stack.pid(whole.broker_name))
        if fault == "wiped broker":
            time.sleep(0.1)
            whole.wipe_broker()
        return struck
    if fault == "postmaster":
        return _end(stack.pid("PostgreSQL"), signal.SIGKILL)
    if fault == "database away":
        return away(stack.pid("PostgreSQL"))
    if fault == "child":
        return _end(_working(), signal.SIGKILL)
    if fault == "freeze":
        return freeze(_working())
    return _end(stack.pid("worker-quick"), signal.SIGTERM)


def away(pid: int | None) -> bool:
    """Restart the database as an administrator does: nobody is let in, everybody is sent away at once."""
    if not _end(pid, signal.SIGINT):
        return False
    time.sleep(DATABASE_AWAY_S)
    return True


def freeze(pid: int | None, seconds: float = LEASE_S + 1.5) -> bool:
    """Stop a process for longer than its lease, and let it go on while the storm does."""
    if not _end(pid, signal.SIGSTOP):
        return False
    thread = threading.Timer(seconds, _end, (pid, signal.SIGCONT))
    thread.daemon = True
    thread.start()
    return True


def _working(patience: float = 3.0) -> int | None:
    """A process of the pool that works on a run or on a partition, as soon as there is one."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            at_work = [
                *Run.objects.filter(state=RunState.RUNNING).values_list("owner", flat=True),
                *Partition.objects.filter(state=PartitionState.RUNNING).values_list("owner", flat=True),
            ]
        except (OperationalError, InterfaceError):
            connection.close()
            return None
        if at_work:
            return int(random.choice(at_work).rpartition(":")[2])  # noqa: S311 - whoever is at work
        time.sleep(0.05)
    return None


def _end(pid: int | None, number: signal.Signals) -> bool:
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def _end_group(pid: int | None) -> bool:
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
        return True
    return False


def calm(whole: Whole) -> None:
    """Tend the processes; whoever was killed is started again soon, however often it was."""
    for service in whole.stack.installation.supervisor.services:
        service.wait = 0
        service.due = min(service.due, time.monotonic() + 0.5)
    whole.stack.tend()


def storm(whole: Whole, client: Client, *, seed: int, kills: int) -> Counter[str]:
    """Requests and faults together, in an order that the seed alone decides; how often each struck."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, no secret
    struck: Counter[str] = Counter()
    asking = threading.Thread(target=client.work, args=(whole.labels,), kwargs={"seed": seed}, daemon=True)
    asking.start()
    deadline = time.monotonic() + 60 + 8 * kills
    while struck.total() < kills and time.monotonic() < deadline:
        middle = struck.total() >= kills // 2 and not struck["database away"]
        fault = "database away" if middle else chance.choice(FAULTS)
        struck[fault] += strike(whole, fault)
        pause = time.monotonic() + chance.uniform(0.2, 2.5)
        while time.monotonic() < pause:
            calm(whole)
            time.sleep(0.1)
    client.ended.set()
    while asking.is_alive():
        calm(whole)
        asking.join(0.1)
    return struck
