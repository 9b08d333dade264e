"""Every write to the log. `record`, `move` and `seal` are what the other apps call."""

from __future__ import annotations

from apps.audit.commands.keys import end_key, register_key, rotate_key, service_signer
from apps.audit.commands.moving import move
from apps.audit.commands.personal import erase_personal
from apps.audit.commands.recording import record
from apps.audit.commands.sealing import seal

__all__ = [
    "end_key",
    "erase_personal",
    "move",
    "record",
    "register_key",
    "rotate_key",
    "seal",
    "service_signer",
]
