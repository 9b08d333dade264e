"""Whether this process is the engine's own, and what it is doing right now.

A process of ours is the program, or a child that measures. A child says what it begins before it hands
foreign bytes to a library, so that its parent can name the file when the library crashes or never ends.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

_state: dict[str, Any] = {"own": False, "say": None, "apart": False, "work": ""}


class Ended(BaseException):
    """The process that holds a model ended in the middle of `work`; no check may catch it.

    `signal` is what ended it, None where it ended by itself.
    """

    def __init__(self, sign: signal.Signals | None, work: str) -> None:
        super().__init__(work)
        self.signal, self.work = sign, work


def is_ours() -> bool:
    """Whether nobody else's code runs here, so that unused parts of libraries may be left out."""
    return bool(_state["own"])


def models_apart() -> bool:
    """Whether model files are opened in processes of their own."""
    return bool(_state["apart"])


def work() -> str:
    """The step that is under way here; empty where there is none."""
    return str(_state["work"])


def claim(say: Callable[[str], None] | None = None, *, apart: bool = False) -> None:
    """Say so; called once where such a process begins.

    Parameters
    ----------
    say : callable, optional
        Takes each step that is begun, and an empty text when it has ended. Only a child gives one.
    apart : bool
        Whether model files are opened in processes of their own.
    """
    _state.update(own=True, say=say, apart=apart)


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
    _state["work"] = what
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _state["work"] = ""
        say("")
