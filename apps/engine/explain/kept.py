"""Explanations that were made before, held by the model they explain, so that the gates of a run share them.

A model that goes takes its explanations with it; nothing is held by this module.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from apps.engine.columns import Columns
from apps.engine.explain.explainer import Explanation
from apps.engine.inputs import Model

MOST = 4
_NAME = "_explanations"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an explanation rests on besides the model: these very rows and background, and settings."""

    rows: Columns
    background: Columns | None
    settings: tuple[Hashable, ...]

    def same(self, other: Asked) -> bool:
        """Whether both ask for the same explanation."""
        return (
            self.rows is other.rows
            and self.background is other.background
            and self.settings == other.settings
        )


@dataclass(slots=True)
class Kept:
    """The newest explanations of one model, at most `MOST`, each with the parameters that fix it."""

    held: list[tuple[Asked, Explanation, dict[str, Any]]] = field(default_factory=list)

    def find(self, asked: Asked) -> tuple[Explanation, dict[str, Any]] | None:
        """The explanation made for the same question, with a copy of its parameters."""
        for known, made, parameters in self.held:
            if known.same(asked):
                return made, dict(parameters)
        return None

    def keep(self, asked: Asked, made: Explanation, parameters: dict[str, Any]) -> None:
        """Hold one more; the oldest goes."""
        self.held = [*self.held[1 - MOST :], (asked, made, dict(parameters))]


def kept_by(model: Model) -> Kept:
    """What a model holds; a model that cannot hold anything gets an empty one each time.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> model = Weighted({"a": 1.0})
    >>> kept_by(model) is kept_by(model), kept_by(Weighted({"a": 1.0})) is kept_by(model)
    (True, False)
    """
    place = getattr(model, "__dict__", None)
    if place is None:
        return Kept()
    found: Kept = place.setdefault(_NAME, Kept())
    return found
