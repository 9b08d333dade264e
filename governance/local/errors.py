from __future__ import annotations


class LocalRefused(Exception):
    """The embedded servers or the supervisor cannot start or go on; the message says why and what to do."""
