"""What a measurement may use of the machine: threads, a device, compiled kernels.

None of it changes a result, so it stands beside the arguments and not among them: `using` sets it for
the code under it, and for the threads of `each`.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

Device = Literal["cpu", "cuda", "auto"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "auto")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What may be used.

    Parameters
    ----------
    threads : int
        Threads at once; 0 means as many as processors this process may run on.
    device : {"cpu", "cuda", "auto"}
        Where array work runs that has a device path; ``auto`` takes a GPU that is there.
    compiled : bool or "always"
        Whether compiled kernels may stand in for their NumPy twins, where Numba is installed and there is
        enough to do; ``"always"``: however little there is.
    """

    threads: int = 0
    device: Device = "auto"
    compiled: bool | Literal["always"] = True

    @property
    def workers(self) -> int:
        """Threads at once, at least 1."""
        return self.threads or len(os.sched_getaffinity(0))


_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
_used: dict[str, str] = {}


def driver() -> bool:
    """Whether this machine has the driver of a GPU."""
    return any(place.exists() for place in _DRIVERS)


def used_device() -> str:
    """The name of the GPU that this process has used, else ``"cpu"``."""
    return _used.get("device", "cpu")


def note_device(name: str) -> None:
    """Remember that a GPU of that name is being used."""
    _used["device"] = name


_current: contextvars.ContextVar[Resources] = contextvars.ContextVar("resources", default=Resources())  # noqa: B039


def current() -> Resources:
    """What the code that asks may use."""
    return _current.get()


@contextmanager
def using(**changes: Any) -> Iterator[Resources]:
    """Change what the code under it may use.

    Examples
    --------
    >>> with using(threads=1, compiled=False):
    ...     current().workers
    1
    """
    token = _current.set(replace(_current.get(), **changes))
    try:
        yield _current.get()
    finally:
        _current.reset(token)


def each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``[work(item) for item in items]``, on as many threads as allowed; results in the order of items.

    Worth it only where `work` leaves the interpreter lock (NumPy on large arrays, Arrow, kernels). It must
    not depend on what other items do: then the answer is the same for any number of threads.

    Examples
    --------
    >>> each(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    given = list(items)
    workers = min(current().workers, len(given))
    if workers <= 1:
        return [work(item) for item in given]
    with ThreadPoolExecutor(workers) as pool:
        contexts = [contextvars.copy_context() for _ in given]
        return list(pool.map(lambda pair: pair[0].run(work, pair[1]), zip(contexts, given, strict=True)))


class Together:
    """A context that many threads may be in: entered with the first, left with the last.

    What is process-wide (a library's threads, warnings) cannot be set and restored by each thread on its own.

    Examples
    --------
    >>> from contextlib import nullcontext
    >>> inside = Together(nullcontext)
    >>> with inside(), inside():
    ...     inside.count
    2
    """

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make, self._lock, self.count = make, threading.Lock(), 0
        self._held = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Be inside."""
        with self._lock:
            if not self.count:
                self._held.enter_context(self._make())
            self.count += 1
        try:
            yield
        finally:
            with self._lock:
                self.count -= 1
                if not self.count:
                    self._held.close()


def _blas_limited() -> AbstractContextManager[Any]:
    made: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1, user_api="blas")
    return made


one_blas_thread = Together(_blas_limited)
"""Linear algebra on one thread while anybody is inside: threads are ours, and no bit depends on them."""
