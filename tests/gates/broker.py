"""A broker that only notes what it is given, or is away."""

from __future__ import annotations

from typing import Any

from kombu.exceptions import OperationalError


class Broker:
    """Stands in for the Celery application that sends messages."""

    def __init__(self) -> None:
        self.away = False
        self.sent: list[tuple[str, str]] = []

    def send_task(self, name: str, *, args: list[str], queue: str, **options: Any) -> None:
        if self.away:
            raise OperationalError("Error 2 connecting to unix:///nowhere")
        self.sent.append((args[0], queue))
