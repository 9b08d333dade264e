from __future__ import annotations

from apps.notices.commands.deliveries import (
    deliver,
    replay,
    replay_all,
    send_delivery_hints,
    send_trial,
)
from apps.notices.commands.endpoints import (
    add_endpoint,
    agree_endpoint,
    change_endpoint,
    rotate_secret,
    start_endpoint,
    stop_endpoint,
)
from apps.notices.commands.following import follow
from apps.notices.commands.people import gather_letters, read_notices, subscribe
from apps.notices.commands.reminders import remind

__all__ = [
    "add_endpoint",
    "agree_endpoint",
    "change_endpoint",
    "deliver",
    "follow",
    "gather_letters",
    "read_notices",
    "remind",
    "replay",
    "replay_all",
    "rotate_secret",
    "send_delivery_hints",
    "send_trial",
    "start_endpoint",
    "stop_endpoint",
    "subscribe",
]
