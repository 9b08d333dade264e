"""The scorecard in force: how answers about a model become its tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.audit.errors import Invalid, Refused
from apps.engine.errors import BadInput
from apps.engine.tier import Scorecard, Tier, case_faults, read_scorecard, tier_of
from apps.inventory.models import RegisteredModel


def scorecard() -> Scorecard:
    """The scorecard that the settings name; refused where it cannot be read or its own cases fail."""
    path = Path(settings.SCORECARD)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, BadInput) as problem:
        raise Refused(f"The scorecard {path} cannot be used: {problem}") from problem


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Scorecard:
    found = read_scorecard(path.read_bytes(), name=path.name)
    if faults := case_faults(found):
        raise BadInput(f"its own case fails: {faults[0]}")
    return found


def judged(answers: Mapping[str, Any]) -> Tier:
    """The tier that the scorecard in force gives for these answers."""
    try:
        return tier_of(answers, scorecard())
    except BadInput as problem:
        raise Invalid(str(problem), field="answers") from problem


@dataclass(frozen=True, slots=True)
class Move:
    """A model whose tier a draft would change, by the answers kept of it."""

    key: str
    before: int
    after: int
    reasons: tuple[str, ...]


def moves(draft: Scorecard) -> Iterator[Move | tuple[str, str]]:
    """Each model that would move; for one whose answers do not fit the draft, its key and the reason."""
    for model in RegisteredModel.objects.order_by("key").prefetch_related("tierings"):
        newest = next(iter(model.tierings.all()), None)
        if newest is None or not newest.scorecard:
            continue
        try:
            found = tier_of(newest.answers, draft)
        except BadInput as problem:
            yield model.key, str(problem)
            continue
        if found.tier != newest.tier:
            yield Move(model.key, newest.tier, found.tier, found.reasons)
