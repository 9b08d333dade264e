"""Which regimes there are, and what is suggested of each for a model: with its citation, never silently.

A suggestion is shown beside the question; what holds is what a person decided, and a regime that nobody
decided on applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from apps.engine import strict_yaml
from apps.engine.determination import MODEL
from apps.engine.policy.document import NAME
from apps.engine.policy.form import Fault, Fields, Flag, Items, Text
from apps.engine.policy.form import Path as Place
from apps.engine.policy.library import shipped_folder
from apps.engine.policy.match import Match, holds
from apps.engine.policy.regulation import Framework, frameworks
from apps.engine.policy.vocabulary import API_VERSION, nearest

NONE = "none"
_id = Text(pattern=NAME, like="an id")
_LINE = Fields(
    {
        "applies": Flag(),
        "when": Match(),
        "because": Text(),
        "citation": Text(),
        "verify": Flag(),
    },
    required=("applies", "because", "citation", "verify"),
)
FORM = Fields(
    {
        "apiVersion": Text(words=(API_VERSION,)),
        "kind": Text(words=("Scope",)),
        "metadata": Fields(
            {"id": _id, "version": Text(), "title": Text(), "owner": Text(), "change_note": Text()},
            required=("id", "version", "title"),
        ),
        "regimes": Items(
            Fields({"regime": _id, "suggest": Items(_LINE, least=1)}, required=("regime", "suggest")),
            least=1,
        ),
    },
    required=("apiVersion", "kind", "metadata", "regimes"),
)
# Codes of countries whose law the Union makes.
_UNION = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
UNION = frozenset(_UNION.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What a person is shown before deciding.

    Parameters
    ----------
    applies : bool or None
        None: nothing is suggested.
    verify : bool
        True: the citation is from memory and must be looked up; it is shown so.
    """

    regime: str
    title: str
    applies: bool | None = None
    because: str = ""
    citation: str = ""
    verify: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "applies": self.applies,
            "because": self.because,
            "citation": self.citation,
            "verify": self.verify,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the file says of one regime, in order; the first line that holds speaks."""

    regime: str
    lines: tuple[Mapping[str, Any], ...]


@lru_cache(maxsize=1)
def known() -> Mapping[str, Framework]:
    """The regimes of the packs that come with the program, by id, in order of their ids."""
    return {name: found for name, (found, _) in sorted(frameworks().items())}


def applying(excluded: Iterable[str], regimes: Iterable[str] | None = None) -> list[str]:
    """Every known regime but those that were decided not to apply.

    Parameters
    ----------
    excluded : iterable of str
        The regimes whose newest decision says that they do not apply.
    regimes : iterable of str, optional
        Those known; the shipped ones where not given.

    Examples
    --------
    >>> applying(["b"], ["a", "b", "c"])
    ['a', 'c']
    >>> applying(["a"], ["a"])
    ['none']
    """
    out = set(excluded)
    # An empty list would say "unknown", of which every regime is asked; this says that none is left.
    return [name for name in (known() if regimes is None else regimes) if name not in out] or [NONE]


def read_scope(data: bytes, *, name: str, regimes: Iterable[str] | None = None) -> tuple[Lines, ...]:
    """Read the file of suggestions.

    Raises
    ------
    BadInput
        With file, line and column.
    """
    document = strict_yaml.read(data, name=name)
    faults = list(FORM.faults(document.value, ()))
    faults = faults or list(_whole_faults(document.value, tuple(known() if regimes is None else regimes)))
    for fault in faults:
        raise document.refuse(fault.path, fault.sentence, key=fault.on_key)
    return tuple(
        Lines(regime=given["regime"], lines=tuple(given["suggest"])) for given in document.value["regimes"]
    )


def _whole_faults(value: Mapping[str, Any], regimes: tuple[str, ...]) -> Iterator[Fault]:
    seen: set[str] = set()
    for i, given in enumerate(value["regimes"]):
        path: Place = ("regimes", i, "regime")
        if given["regime"] not in regimes:
            hint = nearest(given["regime"], regimes)
            yield Fault(path, f'There is no regime "{given["regime"]}".{hint}')
        if given["regime"] in seen:
            yield Fault(path, f"{given['regime']} stands twice.")
        seen.add(given["regime"])


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Lines]:
    """The suggestions that come with the program, by regime."""
    path: Path = shipped_folder() / "tiering" / "regimes.yaml"
    return {lines.regime: lines for lines in read_scope(path.read_bytes(), name=path.name)}


def suggested(facts: Mapping[str, Any], outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Suggestion]:
    """What is suggested of each known regime for a model.

    Parameters
    ----------
    facts : mapping
        The fields that policies ask for, such as ``model.kind`` and ``model.jurisdictions``.
    outcomes : mapping
        What the model's determination says by regime, as `Determined.outcomes` gives it; may be empty.
    """
    return {name: _suggestion(found, facts, outcomes.get(name)) for name, found in known().items()}


def _suggestion(regime: Framework, facts: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Suggestion:
    if outcome is not None and outcome["outcome"] != MODEL:
        return Suggestion(
            regime=regime.id,
            title=regime.title,
            applies=False,
            because=f"By its determination it is {_words(outcome['outcome'])}: {outcome['because']}",
            citation=outcome["citation"],
            verify=outcome["verify"],
        )
    told = shipped().get(regime.id)
    for line in told.lines if told else ():
        if _speaks(line, facts):
            given = {name: line[name] for name in ("applies", "because", "citation", "verify")}
            return Suggestion(regime=regime.id, title=regime.title, **given)
    return _by_place(regime, facts)


def _words(outcome: str) -> str:
    return "no model" if outcome == "non-model" else "outside the definition"


def _speaks(line: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """A line that takes a regime away needs every fact that it asks for."""
    when = line.get("when") or {}
    if not line["applies"] and any(facts.get(name) in (None, "", []) for name in when):
        return False
    return holds(when, {}, facts)


def _by_place(regime: Framework, facts: Mapping[str, Any]) -> Suggestion:
    places, theirs = list(facts.get("model.jurisdictions") or ()), regime.jurisdictions
    if not places or not theirs or any(_meets(here, there) for here in places for there in theirs):
        return Suggestion(regime=regime.id, title=regime.title)
    return Suggestion(
        regime=regime.id,
        title=regime.title,
        applies=False,
        because=f"The model is used in {', '.join(places)}; this is of {', '.join(theirs)}.",
        citation=f"{regime.title}, {regime.authority}".rstrip(", "),
    )


def _meets(here: str, there: str) -> bool:
    """Whether a place may lie in another, either way round."""
    return here == there or _within(here, there) or _within(there, here)


def _within(one: str, other: str) -> bool:
    return one.startswith(f"{other}-") or (other == "EU" and one.partition("-")[0] in UNION)
