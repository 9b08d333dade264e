"""Every write to the log. `record`, `move` and `seal` are what the other apps call."""

from __future__ import annotations

from apps.audit.commands.epochs import confirm_epoch, propose_epoch
from apps.audit.commands.holds import place_hold, release_hold
from apps.audit.commands.keys import end_key, register_key, rotate_key, service_signer
from apps.audit.commands.moving import move
from apps.audit.commands.personal import erase_personal
from apps.audit.commands.recording import record
from apps.audit.commands.sealing import seal

__all__ = [
    "confirm_epoch",
    "end_key",
    "erase_personal",
    "move",
    "place_hold",
    "propose_epoch",
    "record",
    "register_key",
    "release_hold",
    "rotate_key",
    "seal",
    "service_signer",
]
