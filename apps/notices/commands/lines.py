"""Lines for people become rows, once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from apps.notices.models import Notice
from apps.notices.people import Line, wanted


def note_lines(lines: Iterable[Line], at: datetime) -> int:
    """Write down what people want to hear and may see; how many lines that is."""
    rows = [row for line in lines if (row := wanted(line, at)) is not None]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
