"""Compiled twins of the engine's inner loops.

Each module here holds loops that Numba compiles once and keeps in its cache; the NumPy form beside the
caller gives the same bytes, and is what runs where Numba is not installed, where there is little to do
(loading compiled code takes a good part of a second) or where `resources.using(compiled=False)` says so.

    if kernels.worth(len(score)):
        from apps.engine.kernels.cells import count_cells

Kernels release the interpreter lock and keep no state, so `resources.each` may run them on threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar, cast

from apps.engine.resources import current

F = TypeVar("F", bound=Callable[..., Any])
ENOUGH = 1 << 18


@cache
def installed() -> bool:
    """Whether Numba is there."""
    return find_spec("numba") is not None


def worth(items: int, *, enough: int = ENOUGH) -> bool:
    """Whether to run the compiled twin for this many items (rows, table additions, draws)."""
    return items >= enough and current().compiled and installed()


def kernel(function: F) -> F:
    """Compile a loop over arrays when it is first called: no lock, no fast-math, kept on disk."""
    from numba import njit

    return cast(F, njit(nogil=True, cache=True, fastmath=False, error_model="numpy")(function))
