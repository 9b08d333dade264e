"""Lists by cursor: a page, and an opaque text for the place where the next one begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from apps.api.problems import ApiProblem

PAGE = 50
Row = TypeVar("Row", bound=Model)


def page_of(request: HttpRequest, rows: QuerySet[Row], *, by_time: str) -> tuple[list[Row], str | None]:
    """Fifty rows, newest first, after the request's cursor; and the cursor of the page after them."""
    cursor = request.GET.get("cursor", "")
    if cursor:
        at, key = read_cursor(cursor, rows.model)
        rows = rows.filter(Q(**{f"{by_time}__lt": at}) | Q(**{by_time: at}, pk__lt=key))
    found = list(rows.order_by(f"-{by_time}", "-pk")[: PAGE + 1])
    shown = found[:PAGE]
    more = len(found) > PAGE
    return shown, make_cursor(getattr(shown[-1], by_time), shown[-1].pk) if more else None


def listed(
    request: HttpRequest,
    name: str,
    rows: QuerySet[Row],
    *,
    by_time: str,
    render: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    """The body of a list's answer."""
    shown, after = page_of(request, rows, by_time=by_time)
    return {name: [render(row) for row in shown], "next": after}


def make_cursor(at: datetime, key: object) -> str:
    """The place after a row."""
    raw = json.dumps([at.isoformat(), str(key)]).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(cursor: str, table: type[Model]) -> tuple[datetime, object]:
    """The time and key behind a cursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, key = json.loads(raw)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is not None:
            return moment, table._meta.pk.to_python(key)
    except (ValueError, TypeError, AttributeError, ValidationError):
        pass
    raise ApiProblem(422, "The cursor is none that this list gave.", code="invalid", field="cursor")
