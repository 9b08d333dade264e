"""The order of periods: levels of a column put in time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.engine.columns import MISSING
from apps.engine.errors import Unmeasurable

_FORMS = (
    r"[+-]?\d+(\.\d+)?",
    r"\d{4}-?[QHqh]\d",
    r"\d{4}-?W\d{2}",
    r"\d{4}-\d{2}",
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?",
    r"\d{4}/\d{2}(/\d{2})?",
)


def in_time(levels: Sequence[str]) -> list[str]:
    """The levels in time, without the missing one.

    Numbers go by value; years with a quarter, half, week, month or day by their text, which must be of one
    form throughout.

    Raises
    ------
    Unmeasurable
        Undefined: the levels are of no such form, or of several.

    Examples
    --------
    >>> in_time(["10", "9", "(missing)"]), in_time(["2026-02", "2025-11"])
    (['9', '10'], ['2025-11', '2026-02'])
    """
    known = [level for level in levels if level != MISSING]
    for form in _FORMS:
        if all(re.fullmatch(form, level) for level in known):
            return sorted(known, key=float) if form == _FORMS[0] else sorted(known, key=_sortable)
    if len({_form_of(level) for level in known} - {None}) > 1:
        raise Unmeasurable(
            f'Periods of different forms, such as "{known[0]}" and "{known[-1]}", have no order.'
        )
    strange = next(level for level in known if _form_of(level) is None)
    raise Unmeasurable(
        f'The period "{strange}" has no order: expected numbers, or years with a quarter, week, month or day.'
    )


def _form_of(level: str) -> str | None:
    return next((form for form in _FORMS if re.fullmatch(form, level)), None)


def _sortable(level: str) -> str:
    return level.upper().replace("T", " ")
