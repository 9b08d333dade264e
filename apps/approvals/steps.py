"""The steps of a review: which are full, and which may be signed next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict

from apps.gates.quorum import SIGNS


class Step(TypedDict):
    """One step of a review: so many people of a role, after other steps."""

    id: str
    role: str
    quorum: int
    after: list[str]


ROLE_PERMISSION = SIGNS

Signed = Mapping[str, int]


def complete(step: Step, signed: Signed) -> bool:
    """Whether as many people as the step asks for have signed it."""
    return signed.get(step["id"], 0) >= step["quorum"]


def all_complete(steps: Iterable[Step], signed: Signed) -> bool:
    return all(complete(step, signed) for step in steps)


def open_step(steps: list[Step], signed: Signed, holds: Callable[[Step], bool]) -> Step | None:
    """The first step that may be signed now by somebody for whom `holds`: not full, all before it full."""
    by_id = {step["id"]: step for step in steps}
    for step in steps:
        before = all(complete(by_id[name], signed) for name in step["after"] if name in by_id)
        if before and not complete(step, signed) and holds(step):
            return step
    return None
