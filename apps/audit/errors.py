"""Why a command did not happen: one sentence for a person."""

from __future__ import annotations


class Refused(Exception):
    """The command may not happen now; `str()` of it is the sentence shown to the person."""

    code = "refused"

    def __init__(self, sentence: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(sentence)
        self.code = code or type(self).code
        self.field = field


class Forbidden(Refused):
    """The person may not do this at all."""

    code = "forbidden"


class NotFound(Refused):
    """There is no such thing, or the person may not know of it."""

    code = "not_found"


class Invalid(Refused):
    """A value cannot be used; `field` names it."""

    code = "invalid"
