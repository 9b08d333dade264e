"""How often one person may have a draft checked: a check costs the service work and writes nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from apps.audit.errors import Refused

_MOST_PEOPLE = 2_000


class TooFast(Refused):
    """More checks than one person types."""

    code = "throttled"


class Pace:
    """So many checks at once, then so many a second; kept by each process for itself.

    Parameters
    ----------
    burst : float
        Checks that may come together.
    per_second : float
        Checks that become possible again with each second.
    """

    def __init__(
        self, *, burst: float = 60, per_second: float = 2, clock: Callable[[], float] = monotonic
    ) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._held: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: object, cost: float = 1) -> None:
        """Count a check; refused where it is one too many."""
        with self._lock:
            now = self._clock()
            left, then = self._held.pop(who, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._per_second)
            enough = left >= cost
            self._held[who] = (left - cost if enough else left, now)
            while len(self._held) > _MOST_PEOPLE:
                self._held.popitem(last=False)
        if not enough:
            raise TooFast("The draft was checked very often just now. Please wait a moment.")
