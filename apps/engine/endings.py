"""How a process that measures can end without a number, in words for a person."""

from __future__ import annotations

import signal
from typing import Any

_STOPPED = "Measuring stopped"
_SIGNALS = {
    signal.SIGPROF: ("timeout", "It did not end"),
    signal.SIGXCPU: ("resource", "It used more processor time than allowed"),
    signal.SIGXFSZ: ("resource", "It wrote a larger file than allowed"),
    signal.SIGKILL: ("resource", "It was killed, most likely for want of memory"),
}


def stopped(kind: str, sentence: str) -> dict[str, Any]:
    """The answer of a child that gave none.

    Examples
    --------
    >>> stopped("timeout", "It did not end")["reason"]
    'Measuring stopped: it did not end.'
    """
    return {
        "status": "error",
        "kind": kind,
        "reason": f"{_STOPPED}: {sentence[0].lower()}{sentence[1:]}.",
    }


def of_signal(sign: signal.Signals | None) -> tuple[str, str]:
    """What it means that a process ended by a signal, or by itself."""
    if sign is None:
        return "crashed", "It ended without an answer"
    return _SIGNALS.get(sign, ("crashed", f"It crashed ({sign.name})"))


def at_step(step: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, and where the child went down, what it was doing then.

    Examples
    --------
    >>> at_step("reading m.onnx", stopped("timeout", "It did not end"))["reason"]
    'Measuring stopped while reading m.onnx: it did not end.'
    """
    reason = str(answer.get("reason"))
    if not step or not reason.startswith(_STOPPED):
        return answer
    return {**answer, "reason": reason.replace(_STOPPED, f"{_STOPPED} while {step}", 1)}


def of_exception(problem: Exception) -> dict[str, Any]:
    """What an exception means that nobody foresaw; want of a GPU's memory is a want of room like any other.

    Examples
    --------
    >>> of_exception(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))["kind"]
    'resource'
    >>> of_exception(LookupError("x"))["reason"]
    'Measuring stopped: LookupError: x.'
    """
    if _no_room_on_device(problem):
        return stopped("resource", "It needed more memory than the GPU has")
    first = (f"{type(problem).__name__}: {problem}".splitlines() or [""])[0]
    return {"status": "error", "kind": "internal", "reason": f"{_STOPPED}: {first[:300]}."}


def _no_room_on_device(problem: Exception) -> bool:
    """Each library has an error of its own for it: torch, CuPy and onnxruntime do not share one."""
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(problem).__mro__)
    said = str(problem).lower()
    return named or "out of memory" in said or "cudaerrormemoryallocation" in said
