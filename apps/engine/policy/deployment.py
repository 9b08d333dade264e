"""What a policy says of deploying: which types of thing may be deployed, and in which patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.engine.properties import Stated

Doc = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a deployment must state of one property; without a word, anything that says something."""

    min: Decimal | None = None
    max: Decimal | None = None
    one_of: tuple[str, ...] = ()
    equals: bool | None = None

    def holds(self, stated: Stated | None) -> bool:
        """Whether what is stated will do; nothing, an empty text and a number that is none never do.

        Examples
        --------
        >>> Condition(max=Decimal(10)).holds(10), Condition(max=Decimal(10)).holds("ten")
        (True, False)
        >>> Condition(equals=True).holds(True), Condition(equals=True).holds(1)
        (True, False)
        """
        if stated is None or (isinstance(stated, str) and not stated.strip()):
            return False
        if self.equals is not None:
            return stated is self.equals
        if self.one_of:
            return isinstance(stated, str) and stated in self.one_of
        if self.min is None and self.max is None:
            return stated is not False
        number = isinstance(stated, (int, float)) and not isinstance(stated, bool)
        return number and self._within(Decimal(repr(stated)))

    def _within(self, number: Decimal) -> bool:
        if not number.is_finite():
            return False
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)

    def words(self) -> str:
        """For a sentence.

        Examples
        --------
        >>> Condition(max=Decimal(10)).words(), Condition(equals=True).words(), Condition().words()
        ('at most 10', 'true', 'stated')
        """
        if self.equals is not None:
            return str(self.equals).lower()
        if self.one_of:
            return "one of " + ", ".join(self.one_of)
        ends = [(self.min, "at least"), (self.max, "at most")]
        return " and ".join(f"{word} {end:f}" for end, word in ends if end is not None) or "stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPattern:
    """One way to deploy: for which types, and what each deployment in it must state."""

    id: str
    types: tuple[str, ...]
    title: str = ""
    requires: Mapping[str, Condition] = field(default_factory=dict)

    def misfits(self, deploy_type: str, properties: Mapping[str, Stated]) -> list[str]:
        """Why a deployment does not fit, in short; empty where it does."""
        if deploy_type not in self.types:
            return [f"it is for {' or '.join(self.types)}"]
        return [
            f"{name} must be {condition.words()}, and {shown(properties.get(name))} is stated"
            for name, condition in sorted(self.requires.items())
            if not condition.holds(properties.get(name))
        ]


def shown(stated: Stated | None) -> str:
    """A stated property, for a sentence."""
    if stated is None:
        return "nothing"
    if isinstance(stated, bool):
        return str(stated).lower()
    return f"“{stated[:60]}”" if isinstance(stated, str) else str(stated)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRules:
    """The types and patterns of one policy; empty where it says nothing."""

    types: tuple[str, ...] = ()
    patterns: tuple[DeployPattern, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.types or self.patterns)

    @property
    def allowed_types(self) -> tuple[str, ...]:
        """The types that may be deployed: those named, or those of any pattern."""
        return self.types or tuple(dict.fromkeys(t for one in self.patterns for t in one.types))


def rules_of(document: Doc) -> DeployRules:
    """The rules of a resolved document of a policy."""
    given = document.get("deployment") or {}
    return DeployRules(
        types=tuple(given.get("types") or ()),
        patterns=tuple(_pattern(one) for one in given.get("patterns") or ()),
    )


def _pattern(given: Doc) -> DeployPattern:
    return DeployPattern(
        id=given["id"],
        title=given.get("title", ""),
        types=tuple(given["types"]),
        requires={name: condition_of(one) for name, one in (given.get("requires") or {}).items()},
    )


def condition_of(given: Doc) -> Condition:
    """The condition that a mapping of a policy names."""
    ends = {side: Decimal(str(given[side])) for side in ("min", "max") if side in given}
    return Condition(one_of=tuple(given.get("one_of") or ()), equals=given.get("equals"), **ends)
