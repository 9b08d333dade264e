"""What is printed elsewhere: which checks a test holds to it, the source as a reader would look it up,
and whether its figures were read somewhere or are recalled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from apps.engine.columns import Columns

RECALLED = "recalled: agrees to the printed digits; not seen in a source"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Printed:
    """A published figure that a test repeats; ``seen`` says where it was read, empty where it was not."""

    checks: tuple[str, ...]
    source: str
    what: str
    seen: str = ""

    @property
    def checked(self) -> str:
        """How the figures themselves were checked."""
        return f"seen: {self.seen}" if self.seen else RECALLED


PRINTED: list[Printed] = []


def printed(*checks: str, source: str, what: str, seen: str = "") -> Callable[[F], F]:
    """Say of a test which published figures it repeats, for which checks."""

    def mark(test: F) -> F:
        PRINTED.append(Printed(checks, source, what, seen))
        return test

    return mark


def chosen(*groups: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The first k of each n chosen, group after group."""
    return np.concatenate([np.arange(n) < k for k, n in groups])


def named(attribute: str, **sizes: int) -> Columns:
    """A protected attribute with so many rows of each group, in that order."""
    return Columns.of(**{attribute: [name for name, n in sizes.items() for _ in range(n)]})


def cells(groups: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Labels and decisions of groups given as (tn, fp, fn, tp)."""
    label = np.concatenate([np.repeat([False, False, True, True], four) for four in groups])
    predicted = np.concatenate([np.repeat([False, True, False, True], four) for four in groups])
    return label, predicted
