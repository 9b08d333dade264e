from __future__ import annotations

from enum import StrEnum


class Hardware(StrEnum):
    """The hardware classes that rates are kept for."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"


# What a second costs until a rate is set, in the currency of the installation.
FIRST_RATES = {Hardware.CPU: "0.0000140000", Hardware.MEMORY: "0.0000400000", Hardware.GPU: "0.0009000000"}
