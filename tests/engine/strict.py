"""A device that is not NumPy: the array API's own strict library stands in for a GPU's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from apps.engine.device import Arrays

array_api_strict = pytest.importorskip("array_api_strict")


def strict(name: str = "strict") -> Arrays:
    """Arrays that know nothing beyond the standard, and refuse to mix with NumPy's."""
    place = array_api_strict.Device("device1")
    return Arrays(name, "array_api_strict", array_api_strict, place, _fetch)


def _fetch(values: Any) -> np.ndarray:
    return np.asarray(values.to_device(array_api_strict.Device("CPU_DEVICE")))
