"""Why the server could not be asked."""

from __future__ import annotations

from apps.engine.errors import BadInput, Problem


class NotConfigured(BadInput):
    """Which server, or with which token, was not said."""


class Unreachable(Problem):
    """The server gave no answer, so nothing is known and nothing is allowed."""
