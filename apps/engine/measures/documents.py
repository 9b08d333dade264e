"""Evidence that people give: whether each document asked for is named, dated, signed and fresh."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from apps.engine.errors import BadInput
from apps.engine.values import Measured

_DIGEST = re.compile(r"(sha256:)?[0-9a-fA-F]{64}")
TYPES = ("model-card", "challenger-study", "monitoring-plan", "human-review-procedure", "validation-report")


def present(
    *,
    declared: Mapping[str, Any],
    types: Sequence[str] = ("model-card",),
    signed: bool = False,
    as_of: str | None = None,
    max_age_days: int | None = None,
) -> Measured:
    """Count the required documents that the manifest does not offer as asked.

    The manifest's ``documents`` is a list of ``{type, sha256, date, signed_by?, title?}``. A type is met
    where one document of it has a digest, a date and, if asked, a signer, and is at most `max_age_days` old
    on the day `as_of`. The value is the number of types not met. Range [0, inf), lower is better.

    Parameters
    ----------
    declared : mapping
        The manifest's ``spec``.
    types : sequence of str
        The types that must be there.
    signed : bool
        Whether each must name who signed it.
    as_of : str, optional
        The day (YYYY-MM-DD) against which age is held; needed for `max_age_days`.
    max_age_days : int, optional
        The oldest accepted.

    Returns
    -------
    Measured
        Table ``documents``: type, whether it is met, and what it lacks.

    Raises
    ------
    BadInput
        If `max_age_days` is given without `as_of`, or a date is no date.

    Examples
    --------
    >>> card = {"type": "model-card", "sha256": "0" * 64, "date": "2026-01-02"}
    >>> present(declared={"documents": [card]}).value, present(declared={}).value
    (0.0, 1.0)
    """
    if max_age_days is not None and as_of is None:
        raise BadInput("max_age_days needs as_of, the day against which age is held.")
    if not types:
        raise BadInput("types must name at least one type of document.")
    given = declared.get("documents") or ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(d, Mapping) for d in given):
        raise BadInput("documents must be a list of entries with type, sha256 and date.")
    table = []
    for kind in types:
        lacks = [_lacks(d, signed, as_of, max_age_days) for d in given if d.get("type") == kind]
        best = min(lacks, key=len, default=["a document"])
        table.append({"type": kind, "met": not best, "lacks": ", ".join(best)})
    missing = [row for row in table if not row["met"]]
    return Measured(
        value=float(len(missing)),
        n=len(given),
        method="entries of the manifest",
        tables={"documents": table},
        notes=[f"{row['type']} lacks {row['lacks']}." for row in missing],
    )


def _lacks(
    document: Mapping[str, Any], signed: bool, as_of: str | None, max_age_days: int | None
) -> list[str]:
    """What one document does not have."""
    lacks = [f for f in ("sha256", "date") if not document.get(f)]
    if document.get("sha256") and not _DIGEST.fullmatch(str(document["sha256"])):
        lacks.append("a sha256 of 64 hexadecimal digits")
    if document.get("date"):
        _day(str(document["date"]))
    if signed and not document.get("signed_by"):
        lacks.append("signed_by")
    if max_age_days is not None and as_of is not None and document.get("date"):
        age = (_day(as_of) - _day(str(document["date"]))).days
        if age > max_age_days:
            lacks.append(f"freshness ({age} days old)")
        if age < 0:
            lacks.append("a date that is not in the future")
    return lacks


def _day(text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f'"{text}" is not a date (YYYY-MM-DD).') from error
    return day.replace(tzinfo=day.tzinfo or UTC)
