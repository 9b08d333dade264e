"""Registries of models elsewhere: what is read of their versions, and the mark that is left on each.

A registry is asked by us, again and again; what it sends by itself is only a hint to look sooner. What it
says is kept as it says it and decides nothing. A version there is ours by the digest of its bytes alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from apps.access.text import storable
from apps.deploys.integrations.telling import Way
from apps.deploys.under_way import AFTERWARDS, MEASURED
from apps.engine.admit import Admission

MOST = 500  # versions of one registry
LONGEST_SAID = 16 * 1024
OTHERS = ("put-right", "tell")  # what is done where somebody else changes the mark
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Mark(StrEnum):
    """What we say of a version there."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One version as a registry describes it; `status` is the mark that stands there now."""

    name: str
    number: str
    status: str
    digest: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    # What the registry itself calls the version where name and number are not enough.
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A mark to be left: on which version, what it is called there, and why."""

    name: str
    number: str
    status: str
    words: str
    key: str = ""
    # The numbers of the same name that carry our approval by now.
    approved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file of a version, fetched whole."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One kind of registry. `marks` is what each mark is called there; without them nothing is written.

    `fetch` is for one that tells no digest: the file of a version is fetched, and its bytes say what it is.
    """

    read: Callable[[Way], Iterator[Found]]
    write: Callable[[Way, Writing], None]
    marks: Mapping[Mark, str]
    longest: int = 1000
    fetch: Callable[[Way, str, str], File] | None = None


def mark_of(answer: Admission) -> Mark:
    """What the deploy gate's answer comes to in a registry; whatever is no allow approves nothing.

    Where nothing but a decision or people are awaited the version is pending there, not rejected.
    """
    if answer.allowed is True and answer.outcome in ("allow", "allow_with_limits"):
        return Mark.APPROVED
    codes = {reason.code for reason in answer.reasons}
    awaited = codes <= MEASURED | AFTERWARDS | {"run_under_way"}
    return Mark.PENDING if answer.outcome in ("pending", "error") or awaited else Mark.REJECTED


def plain_digest(told: Any) -> str:
    """A digest as it stands everywhere; empty where what was told is none.

    Examples
    --------
    >>> plain_digest("ab" * 32)[:9], plain_digest("sha256:" + "AB" * 32), plain_digest(None)
    ('sha256:ab', '', '')
    """
    found = _SHA256.fullmatch(told) if isinstance(told, str) else None
    return f"sha256:{found[1]}" if found else ""


def bounded(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as far as it is kept: nothing that no row can hold, and not more than fits a page."""
    kept: dict[str, Any] = {}
    room = LONGEST_SAID
    for name, value in said.items():
        text = json.dumps(value, ensure_ascii=False, default=str)
        if not storable(name + text) or "\\u0000" in text or len(name) > 200:
            continue
        room -= len(name) + len(text)
        if room < 0:
            kept["…"] = "There is more; it was not kept."
            break
        kept[name] = json.loads(text)
    return kept
