"""Gates, documents and steps that no model could ever be asked for, because the policy leaves it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.engine.policy.form import Fault, Path
from apps.engine.policy.vocabulary import FIELDS

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
