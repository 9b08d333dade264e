from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from django.db import models, transaction

from apps.audit.commands.recording import record
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Movable

Row = TypeVar("Row", bound=Movable)


def move(
    row: Row,
    to: str,
    *,
    by: Acting,
    event: EventName,
    reason: str = "",
    where: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Row:
    """Change a row's state, the only way there is; `changes` are other columns set with it.

    The row is updated where its state is still the old one (and `where` holds, such as the fence of
    a lease), so of two rival moves exactly one happens. The event is written in the same transaction.
    """
    old = row.state
    if to not in row.MOVES.get(old, frozenset()):
        raise Refused(f"{_name(row)} is {old}; it cannot become {to}.", code="illegal_move")
    model = cast("type[models.Model]", type(row))
    with transaction.atomic(savepoint=False):
        rows = model._base_manager.filter(pk=cast("models.Model", row).pk, state=old, **(where or {}))
        before = {"state": old} | {name: getattr(row, name) for name in changes}
        moved = rows.update(state=to, **changes)
        if moved:
            record(
                by=by,
                action=event,
                subject=row,
                before=before,
                after={"state": to, **changes},
                reason=reason,
            )
    if not moved:
        raise Refused(f"{_name(row)} is no longer {old}: somebody else moved it first.", code="moved_already")
    for name, value in {"state": to, **changes}.items():
        setattr(row, name, value)
    return row


def _name(row: Movable) -> str:
    ref = row.audit_ref()
    return f"{ref.type.capitalize()} {ref.name}" if ref.name else f"{ref.type.capitalize()} {ref.id}"
