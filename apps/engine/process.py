"""Whether this process is the engine's own: the program, or a child that measures."""

from __future__ import annotations

_state = {"own": False}


def is_ours() -> bool:
    """Whether nobody else's code runs here, so that unused parts of libraries may be left out."""
    return _state["own"]


def claim() -> None:
    """Say so; called once where such a process begins."""
    _state["own"] = True
