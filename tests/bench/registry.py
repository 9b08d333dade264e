"""Jobs by name: what is measured in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Job = Callable[..., dict[str, Any]]
JOBS: dict[str, Job] = {}
PACKAGES: dict[str, tuple[str, ...]] = {}


def job(work: Job) -> Job:
    """Give a function its name on the command line."""
    JOBS[work.__name__] = work
    return work


def peer(*packages: str) -> Callable[[Job], Job]:
    """A job of a peer: the packages, whose versions its line names."""

    def named(work: Job) -> Job:
        PACKAGES[work.__name__] = packages
        return job(work)

    return named
