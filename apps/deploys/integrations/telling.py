"""An answer of the deploy gate on its way out, and the words in which people read it there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.audit.errors import Refused
from apps.deploys.integrations.sending import Line

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told: `outcome` is allow, deny or pending, with every reason and the address of the answer."""

    outcome: str
    subject: str
    reasons: Sequence[str]
    url: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        return self.outcome == "allow"

    def words(self, longest: int) -> str:
        """The outcome and its reasons as plain lines, cut where they grow too long."""
        lines = [f"Countersign: {self.outcome}, {self.subject}", *(f"- {inert(r)}" for r in self.reasons)]
        tail = f"\n{self.url}" if self.url else ""
        body = "\n".join(lines)
        room = longest - len(tail)
        return (body if len(body) <= room else f"{body[: room - 2]} …") + tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """All that telling needs: the line out, the settings, the secrets by name, where to tell."""

    line: Line
    settings: Mapping[str, str]
    secret: Callable[[str], str]
    source: str = ""
    place: str = ""
    commit: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""


def nothing_to_tell(way: Way, told: Told) -> None:
    """What asks nothing is told nothing."""
    raise Refused("Nothing was asked from there, so nothing is told.")


def inert(text: str) -> str:
    """Text in which nothing is markup, a mention or a link.

    Examples
    --------
    >>> inert("see [x](y) <b>")
    'see \\\\[x\\\\]\\\\(y\\\\) &lt;b&gt;'
    """
    plain = " ".join(text.split()).replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
    return _MARKUP.sub(r"\\\1", plain)
