"""Why a model's inside cannot be used, so that it is explained from outside instead."""

from __future__ import annotations

from apps.engine.errors import Problem


class Unreadable(Problem):
    """The model's inside is not trees or weights that we can read; `str()` is the reason."""
