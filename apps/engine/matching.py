"""Whether enough different people are there for every step of a review: a matching, not a count.

A person signs once in a review. Two steps that could each be filled may therefore not be filled together,
and only a matching of people to places tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Steps that cannot be filled together, how many people they want, and who there is for them."""

    steps: tuple[str, ...]
    wanted: int
    people: tuple[str, ...]


def shortage(wanted: Mapping[str, int], eligible: Mapping[str, Collection[str]]) -> Shortage | None:
    """The first steps for which there are too few people; None when everybody can have a place.

    Parameters
    ----------
    wanted : mapping of str to int
        By step, how many different people must sign it.
    eligible : mapping of str to collection of str
        By step, the people who may sign it; a step that is not named has nobody.

    Returns
    -------
    Shortage or None
        One step where a step is short by itself; else the steps that compete for the same people. Those
        steps want more people than there are for all of them, which is why no order of signing helps.

    Examples
    --------
    >>> shortage({"validation": 1, "risk": 2}, {"validation": ["vera"], "risk": ["rob", "ruth"]})
    >>> shortage({"risk": 2}, {"risk": ["rob"]})
    Shortage(steps=('risk',), wanted=2, people=('rob',))
    >>> shortage({"validation": 1, "risk": 2}, {"validation": ["rob"], "risk": ["rob", "ruth"]})
    Shortage(steps=('validation', 'risk'), wanted=3, people=('rob', 'ruth'))
    """
    held = {step: sorted(set(eligible.get(step, ()))) for step in wanted}
    for step, number in wanted.items():
        if len(held[step]) < number:
            return Shortage(steps=(step,), wanted=number, people=tuple(held[step]))
    return _together(wanted, held)


def _together(wanted: Mapping[str, int], held: Mapping[str, list[str]]) -> Shortage | None:
    places: dict[str, str] = {}
    for step, number in wanted.items():
        for _ in range(number):
            reached = _seat(step, places, held)
            if reached is not None:
                return _told(reached, wanted, held)
    return None


def _seat(step: str, places: dict[str, str], held: Mapping[str, list[str]]) -> set[str] | None:
    """Give one more person to a step, moving others; the steps that compete where nobody is left."""
    came: dict[str, tuple[str, str] | None] = {step: None}  # the step before, and whom it would take
    waiting = deque([step])
    while waiting:
        here = waiting.popleft()
        for person in held[here]:
            other = places.get(person)
            if other is None:
                _move(here, person, places, came)
                return None
            if other not in came:
                came[other] = (here, person)
                waiting.append(other)
    return set(came)


def _move(step: str, person: str, places: dict[str, str], came: Mapping[str, tuple[str, str] | None]) -> None:
    """Seat a free person at a step, and pass on along the way whom each step gives up."""
    places[person] = step
    before = came[step]
    while before is not None:
        earlier, given = before
        places[given] = earlier
        before = came[earlier]


def _told(reached: set[str], wanted: Mapping[str, int], held: Mapping[str, list[str]]) -> Shortage:
    steps = tuple(step for step in wanted if step in reached)
    people = {person for step in steps for person in held[step]}
    return Shortage(steps=steps, wanted=sum(wanted[s] for s in steps), people=tuple(sorted(people)))
