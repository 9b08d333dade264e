"""Holds one installation's processes together: starts, watches, restarts and stops them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from governance.local.errors import LocalRefused
from governance.local.processes import stop, tail

Say = Callable[[str], None]

_CALM = 60.0  # a child that ran this long has its back-off forgotten
_LONGEST = 30.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True, kw_only=True)
class Service:
    """One long-running child: how it is started and how it is asked to stop."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    log: Path
    asks: signal.Signals = signal.SIGTERM
    patience: float = 10
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    wait: float = 0
    due: float = field(default=0)

    def start(self) -> None:
        self.process = self.launch()
        self.started = time.monotonic()

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, first=self.asks, patience=self.patience)
            self.process = None


class Supervisor:
    """A context: whatever was started inside it is stopped when it is left, however it is left."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.services: list[Service] = []
        self._afterwards: list[Callable[[], None]] = []
        self._former: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._former[number] = signal.signal(number, _interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for service in reversed(self.services):
            service.stop()
        for close in self._afterwards:
            close()
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def add(self, service: Service) -> None:
        """Start a service now and watch it from now on."""
        self.services.append(service)
        service.start()

    def afterwards(self, close: Callable[[], None]) -> None:
        """Let go of something once every service is stopped."""
        self._afterwards.append(close)

    def run(self, launch: Callable[[], subprocess.Popen[bytes]]) -> int:
        """Run one command to its end while the services are watched. It ends with the supervisor."""
        process = launch()
        try:
            while process.poll() is None:
                self.tend()
                time.sleep(0.05)
        finally:
            stop(process, first=signal.SIGTERM, patience=5)
        return process.returncode

    def watch(self) -> None:
        """Tend the services until a signal asks to stop."""
        while True:
            self.tend()
            time.sleep(0.2)

    def tend(self) -> None:
        for service in self.services:
            if service.process is not None and service.process.poll() is not None:
                self._report(service, service.process.returncode)
            if service.process is None and time.monotonic() >= service.due:
                self._restart(service)

    def _report(self, service: Service, code: int) -> None:
        """Put off the restart of a child that ended, twice as long each time."""
        calm = time.monotonic() - service.started > _CALM
        service.wait = 0.5 if calm or not service.wait else min(service.wait * 2, _LONGEST)
        service.due = time.monotonic() + service.wait
        service.stop()
        self.say(
            f"{service.name} ended ({_how(code)}); starting it again in {service.wait:g} s. "
            f"Log: {service.log}"
        )
        if service.wait > 1 and (last := tail(service.log, 3)):
            self.say("  its last words:\n    " + last.replace("\n", "\n    "))

    def _restart(self, service: Service) -> None:
        try:
            service.start()
        except LocalRefused as refused:
            service.wait = min(max(service.wait * 2, 1), _LONGEST)
            service.due = time.monotonic() + service.wait
            self.say(f"{service.name} does not start; trying again in {service.wait:g} s. {refused}")


def _how(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
