"""Memory that starts on a cache line, which wide loads and stores want."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LINE = 64


def singles(count: int) -> npt.NDArray[np.float32]:
    """So many zeros in float32.

    Examples
    --------
    >>> singles(3).tolist(), singles(5).ctypes.data % 64
    ([0.0, 0.0, 0.0], 0)
    """
    raw = np.zeros(count + _LINE // 4, np.float32)
    first = -raw.ctypes.data % _LINE // 4
    return raw[first : first + count]
