"""A mail server that is away."""

from __future__ import annotations

from typing import Any

from django.core.mail.backends.base import BaseEmailBackend


class Backend(BaseEmailBackend):
    def send_messages(self, _: Any) -> int:
        raise ConnectionRefusedError("nobody listens")
