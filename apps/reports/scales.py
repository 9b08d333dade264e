"""From values to places in a picture: round marks, and where a value stands between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most the lowest to at least the highest value.

    Examples
    --------
    >>> ticks(0.12, 0.91)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(3.0, 3.0)
    [2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6]
    """
    if not high > low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 5, 10) if power * unit >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Scale:
    """Round marks over a stretch of a picture."""

    marks: Sequence[float]
    begin: float
    length: float

    @classmethod
    def over(cls, low: float, high: float, begin: float, length: float) -> Scale:
        """The scale whose marks hold both values."""
        return cls(ticks(low, high), begin, length)

    def at(self, value: float) -> float:
        """Where a value stands; outside the marks at the nearer end."""
        share = (value - self.marks[0]) / (self.marks[-1] - self.marks[0])
        return round(self.begin + self.length * min(max(share, 0.0), 1.0), 2)
