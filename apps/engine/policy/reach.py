"""What no model could ever be asked for: because the policy leaves it out, or names a value that none has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from apps.engine.policy.form import Fault, Path
from apps.engine.policy.match import line_holds
from apps.engine.policy.vocabulary import FIELDS, MODEL_KINDS, nearest

_TIERS = (1, 2, 3, 4)
_NOBODYS = "\0"  # a text that no line can name
_PLACES: tuple[Path, ...] = (("gates",), ("evidence",), ("approvals", "steps"))


def unasked(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Each item whose `match` or `unless` contradicts what the policy applies to, as the file is written.

    Only fields with one value a model are compared: of several jurisdictions a model may have both.

    Examples
    --------
    >>> gate = {"id": "r2", "match": {"model.kind": ["regressor"]}}
    >>> applies = {"match": {"model.kind": ["classifier"]}}
    >>> [fault.path for fault in unasked({"applies_to": applies, "gates": [gate]})]
    [('gates', 0, 'match', 'model.kind')]
    """
    meant = (document.get("applies_to") or {}).get("match") or {}
    for place in _PLACES:
        for i, item in enumerate(_items(document, place)):
            for field, wanted in meant.items():
                yield from _against(item, field, _values(field, wanted), (*place, i))


def nameless(document: Mapping[str, Any], regimes: Collection[str]) -> Iterator[Fault]:
    """Each kind and regime in a condition that no model can have: the line would never hold.

    Examples
    --------
    >>> applies = {"match": {"model.kind": ["clasifier"]}}
    >>> [fault.sentence for fault in nameless({"applies_to": applies}, ())]
    ['No model has the model.kind "clasifier". Did you mean "classifier"?']
    """
    known = {"model.kind": MODEL_KINDS, "model.regimes": tuple(regimes)}
    for path, owner in _owners(document):
        for word in ("match", "unless"):
            for field in known.keys() & (owner.get(word) or {}).keys():
                yield from _strangers(owner[word][field], known[field], (*path, word, field))


def impossible(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Each line of a condition that no value whatever meets, or whose `unless` takes all of it away.

    Examples
    --------
    >>> applies = {"match": {"model.exposure_eur": {"gte": 10, "lt": 5}}}
    >>> [fault.path for fault in impossible({"applies_to": applies})]
    [('applies_to', 'match', 'model.exposure_eur')]
    """
    for path, owner in _owners(document):
        match, unless = owner.get("match") or {}, owner.get("unless") or {}
        for field, wanted in match.items():
            left = unless.get(field)
            met = [c for c in _candidates(field, wanted, left) if line_holds(field, wanted, c)]
            if not met:
                yield Fault((*path, "match", field), f"No model can have such a {field}: this never holds.")
            elif left is not None and all(line_holds(field, left, c) for c in met):
                told = f"Every {field} that is meant is left out again: this speaks of no model."
                yield Fault((*path, "unless", field), told)


def _owners(document: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    yield ("applies_to",), document.get("applies_to") or {}
    for place in _PLACES:
        for i, item in enumerate(_items(document, place)):
            yield (*place, i), item


def _candidates(field: str, *lines: Any) -> list[Any]:
    """Values of which one meets a line if any value does."""
    named = [value for line in lines if line is not None for value in _named(line)]
    if field == "model.tier":
        return list(_TIERS)
    if FIELDS.get(field) == "number":
        bounds = sorted({Decimal(str(value)) for value in named})
        between = [(low + high) / 2 for low, high in pairwise(bounds)]
        return [bounds[0] - 1, *bounds, *between, bounds[-1] + 1] if bounds else []
    if FIELDS.get(field) == "boolean":
        return [True, False]
    if FIELDS.get(field) == "texts":
        every = [v for line in lines if isinstance(line, Mapping) for v in line.get("all_of", ())]
        return [*([*every, value] for value in [*named, _NOBODYS])]
    return [*named, _NOBODYS]


def _named(line: Any) -> Iterator[Any]:
    for value in line.values() if isinstance(line, Mapping) else [line]:
        yield from value if isinstance(value, list) else [value]


def _strangers(wanted: Any, known: Collection[str], path: Path) -> Iterator[Fault]:
    for line in wanted.values() if isinstance(wanted, Mapping) else [wanted]:
        for value in line if isinstance(line, list) else [line]:
            if known and value not in known:
                yield Fault(path, f'No model has the {path[-1]} "{value}".{nearest(value, known)}')


def _items(document: Mapping[str, Any], place: Path) -> list[Mapping[str, Any]]:
    found: Any = document
    for key in place:
        found = found.get(key) or {}
    return list(found)


def _against(
    item: Mapping[str, Any], field: str, meant: frozenset[str] | None, path: Path
) -> Iterator[Fault]:
    if meant is None:
        return
    told = f"{item['id']} can never be asked: the policy speaks of {field} {', '.join(sorted(meant))} only"
    asked = _values(field, (item.get("match") or {}).get(field))
    if asked is not None and not asked & meant:
        yield Fault((*path, "match", field), f"{told}, and it asks for {', '.join(sorted(asked))}.")
    left = _values(field, (item.get("unless") or {}).get(field))
    if left is not None and meant <= left:
        yield Fault((*path, "unless", field), f"{told}, and it leaves all of that out.")


def _values(field: str, wanted: Any) -> frozenset[str] | None:
    """The values that a line names; None where it names none, or a model may have several at once."""
    if isinstance(wanted, Mapping):
        wanted = wanted.get("any_of", wanted.get("eq")) if len(wanted) == 1 else None
    if wanted is None or FIELDS.get(field) == "texts":
        return None
    values = wanted if isinstance(wanted, list) else [wanted]
    return frozenset(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
