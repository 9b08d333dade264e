from __future__ import annotations

from enum import StrEnum


class ReportKind(StrEnum):
    """What a report is of."""

    VALIDATION = "validation"
