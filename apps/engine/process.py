"""Whether this process is the engine's own, and what it is doing right now.

A process of ours is the program, or a child that measures. A child says what it begins before it hands
foreign bytes to a library, so that its parent can name the file when the library crashes or never ends.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

_state: dict[str, Any] = {"own": False, "say": None}


def is_ours() -> bool:
    """Whether nobody else's code runs here, so that unused parts of libraries may be left out."""
    return bool(_state["own"])


def claim(say: Callable[[str], None] | None = None) -> None:
    """Say so; called once where such a process begins.

    Parameters
    ----------
    say : callable, optional
        Takes each step that is begun, and an empty text when it has ended. Only a child gives one.
    """
    _state.update(own=True, say=say)


@contextlib.contextmanager
def step(what: str, *, seconds: int) -> Iterator[None]:
    """A step on foreign bytes; a child that spends more than `seconds` of processor time ends by SIGPROF.

    Elsewhere than in a child it changes nothing.
    """
    say = _state["say"]
    if say is None:
        yield
        return
    say(what)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        say("")
