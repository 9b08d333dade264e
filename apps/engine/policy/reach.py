"""What no model could ever be asked for: because the policy leaves it out, or names a value that none has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from apps.engine.policy.form import Fault, Path
from apps.engine.policy.vocabulary import FIELDS, MODEL_KINDS, nearest

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
    owners: list[tuple[Path, Mapping[str, Any]]] = [(("applies_to",), document.get("applies_to") or {})]
    for place in _PLACES:
        owners += [((*place, i), item) for i, item in enumerate(_items(document, place))]
    for path, owner in owners:
        for word in ("match", "unless"):
            for field in known.keys() & (owner.get(word) or {}).keys():
                yield from _strangers(owner[word][field], known[field], (*path, word, field))


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
