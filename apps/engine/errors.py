"""What the engine says when it refuses: one sentence for a person, and where."""

from __future__ import annotations


class Problem(Exception):
    """Something a person can mend; `str()` of it is one clear sentence that names the thing."""


class BadInput(Problem):
    """A file, a manifest, a policy or an argument that cannot be used as given."""


class NotDeclared(BadInput):
    """The manifest does not say where something is found that a check needs."""


class NoSuchColumn(BadInput):
    """An argument names a column or feature that these data do not have."""


class Unmeasurable(Problem):
    """A check has no number for this input, and says why: `insufficient` or `undefined`."""

    def __init__(self, reason: str, *, status: str = "undefined") -> None:
        super().__init__(reason)
        self.status = status
