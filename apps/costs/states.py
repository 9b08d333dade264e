from __future__ import annotations

from enum import StrEnum


class Hardware(StrEnum):
    """The hardware classes that rates are kept for."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"
