"""A request that the database set back, for a deadlock or a clash, is made again: at most three times.

Only where nothing of it was kept yet: what was committed is never done twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from django.db import OperationalError, connection, transaction

_T = TypeVar("_T")

TIMES = 3
_SET_BACK = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_kept: ContextVar[list[bool] | None] = ContextVar("countersign_kept", default=None)


def note_kept() -> None:
    """Remember that the transaction under way left something, once it is committed."""
    kept = _kept.get()
    if kept is not None:
        transaction.on_commit(lambda: kept.append(True))


def retried(run: Callable[[], _T]) -> _T:
    """The outcome of a request, made again where the database asks for it."""
    for attempt in range(TIMES + 1):
        kept: list[bool] = []
        token = _kept.set(kept)
        try:
            return run()
        except OperationalError as error:
            last = attempt == TIMES or kept or connection.in_atomic_block
            if last or not _was_set_back(error):
                raise
        finally:
            _kept.reset(token)
        time.sleep(random.uniform(0.2, 1) * 0.05 * 2**attempt)  # noqa: S311 - so that rivals part
    raise AssertionError("unreachable: the last attempt returns or raises")


def _was_set_back(error: BaseException) -> bool:
    """Whether the driver's error, somewhere behind this one, is one of the two."""
    behind = (error, error.__cause__, error.__context__)
    return any(getattr(one, "sqlstate", None) in _SET_BACK for one in behind)
