"""Compiled twins of the engine's inner loops.

Each module here holds loops that Numba compiles once and keeps in its cache; the NumPy form beside the
caller gives the same bytes, and is what runs where Numba is not installed, where there is little to do
(loading compiled code takes a good part of a second) or where `resources.using(compiled=False)` says so.

    if kernels.worth(len(score)):
        from apps.engine.kernels.cells import count_cells

Compiling takes some ten seconds in all. ``python -m apps.engine.compile_kernels`` does it ahead of time and
leaves a mark beside the cache; without the mark only work that outweighs the compiling waits for it.

Kernels release the interpreter lock and keep no state, so `resources.each` may run them on threads.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from apps.engine.process import models_apart
from apps.engine.resources import current

F = TypeVar("F", bound=Callable[..., Any])
ENOUGH = 1 << 18
UNCOMPILED = 256  # how many times more there must be to do before compiling is waited for


@cache
def installed() -> bool:
    """Whether Numba is there."""
    return find_spec("numba") is not None


def mark() -> Path:
    """Where it is noted that these very sources are compiled for this machine."""
    folder = Path(__file__).parent
    told = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        stamp = source.stat()
        told.update(f"{source.name} {stamp.st_mtime_ns} {stamp.st_size}\n".encode())
    told.update(f"{_numba()} {sys.version} {platform.machine()} {_processor()}".encode())
    return folder / "__pycache__" / f"compiled-{told.hexdigest()[:24]}"


def _numba() -> str:
    try:
        return version("numba")
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("model name", "CPU part"))), "")


@cache
def compiled() -> bool:
    """Whether the kernels lie compiled in the cache."""
    return mark().exists()


def worth(items: int, *, enough: int = ENOUGH) -> bool:
    """Whether to run the compiled twin for this many items (rows, table additions, draws)."""
    if current().compiled == "always":
        return installed()
    if items < enough or not current().compiled or not installed():
        return False
    return compiled() or items >= enough * UNCOMPILED


def kernel(function: F) -> F:
    """Compile a loop over arrays when it is first called: no lock, no fast-math, kept on disk."""
    return cast(F, _njit()(nogil=True, cache=True, fastmath=False, error_model="numpy")(function))


@cache
def _njit() -> Any:
    """Numba's compiler; behind walls, where its cache cannot be written, with a copy of that."""
    from numba import config, njit
    from numba.core.caching import UserProvidedCacheLocator

    if models_apart():
        own = tempfile.mkdtemp(prefix="kernels-")
        setattr(config, "CACHE_DIR", own)  # noqa: B010 - the type checker knows none of its settings
        locator: Any = UserProvidedCacheLocator
        place = locator.get_suitable_cache_subpath(__file__)
        _copied(mark().parent, Path(own) / place)
    return njit


def _copied(here: Path, there: Path) -> None:
    """The compiled code once more; its bytes alone, for rights and times may not be set behind walls."""
    there.mkdir(parents=True, exist_ok=True)
    for file in here.glob("*.nb[ic]"):
        shutil.copyfile(file, there / file.name)
